"""Bring data of one's own: a zip, or a folder of this machine."""

from collections.abc import Callable, Sequence
from typing import BinaryIO

import streamlit as st

from app.components.datasets import card
from app.components.datasets.waiting import progress_bar
from app.components.page_style import plain
from app.views import ImportedDataset, Problem, Source
from dmf.errors import DMFError
from dmf.paths import shortened

LONGEST = 400  # characters of a path that a message repeats
_TURN = "upload-turn"  # a new key empties the upload, and frees the memory it takes
_SAID = "brought"
_ASKED = "upload-asked"  # what the archive leaves open, and what was chosen before
LAYOUTS = (
    "A zip or a folder of BUSI, BUSC, BUS synthetic or Oxford pets as they are downloaded, or any images and masks of "
    "the same names: `images` beside `masks`, `imagesTr` beside `labelsTr`, `original` beside `GT`, `a.png` beside "
    "`a_mask.png`, alone or by patient, label and part of a split. PNG, JPEG, BMP, TIFF and GIF are read. What names "
    "leave open is asked. For image synthesis: pictures or volumes in `source` beside those to be made in `target`."
)


def bring(
    limits: str,
    unpack: Callable[[BinaryIO, str, Callable[[int, int], None], Sequence[str]], ImportedDataset],
    open_folder: Callable[[str], Source],
    choose: Callable[[Source], None],
) -> None:
    """An upload and a path; what comes of them is chosen at once, what is wrong is told file by file.

    Args:
        limits: How much an archive may hold.
        unpack: Makes a dataset of an archive under options that were chosen: source and report; an error with
            ``problems`` refuses it, or asks where each has options to choose from.
        open_folder: Finds the dataset in a folder.
        choose: Shows a source on this page.
    """
    with st.expander("Bring your own data", icon=":material/upload:", key="bring"):
        st.markdown(LAYOUTS)
        archive, folder = st.columns(2, gap="large")
        with archive:
            _archive(limits, unpack, choose)
        with folder, st.form("folder", border=False):
            path = st.text_input(
                "Folder on the machine this page runs on",
                key="folder-path",
                placeholder="/home/me/scans",
                help="It is read in place; nothing is copied or changed.",
            )
            if st.form_submit_button("Open the folder", icon=":material/folder_open:"):
                _open(path.strip(), open_folder, choose)
    _tell()


def _archive(limits: str, unpack: Callable[..., ImportedDataset], choose: Callable[[Source], None]) -> None:
    turn = st.session_state.setdefault(_TURN, 0)
    file = st.file_uploader("Zip", type="zip", key=f"upload-{turn}", help="A refused archive leaves nothing behind.")
    st.caption(f"Limits: {limits}.")
    if file is None:
        st.session_state.pop(_ASKED, None)
        return
    asked, chosen = st.session_state.get(_ASKED, ((), ()))
    if asked:
        answers = _ask(asked)
        if not st.button("Unpack it so", key="unpack-so", type="primary", disabled=None in answers):
            return
        chosen = (*chosen, *(answer for answer in answers if answer))
    tell = progress_bar(f"Unpacking {plain(file.name)} and loading every case…")
    try:
        brought = unpack(file, file.name, tell, chosen)
    except DMFError as error:
        open_questions = tuple(each for each in getattr(error, "problems", ()) if each.options)
        if open_questions and len(open_questions) == len(getattr(error, "problems", ())):
            st.session_state[_ASKED] = open_questions, chosen
            st.rerun()
        _keep("error", f"{plain(file.name)} was refused; nothing of it was kept.", error)
    else:
        report = brought.report
        doubts = len(report.doubts)
        ready = f"unpacked, with {doubts} question{'' if doubts == 1 else 's'} below" if doubts else "ready"
        _keep("success", f"{plain(file.name)} is {ready}: {report.cases:,} images.", notes=report.notes)
        choose(brought.source)
    st.session_state.pop(_ASKED, None)
    st.session_state[_TURN] = turn + 1
    st.rerun()


def _ask(asked: Sequence[Problem]) -> list[str | None]:
    """What the names in an archive leave open, and what was chosen so far."""
    answers: list[str | None] = []
    for place, problem in enumerate(asked):
        sentence = plain(f"{problem.where}: {problem.what}. {problem.remedy}")
        answers.append(
            st.radio(sentence, problem.options, index=None, format_func=plain, key=f"asked-{problem.what}-{place}")
        )
    return answers


def _open(path: str, open_folder: Callable[[str], Source], choose: Callable[[Source], None]) -> None:
    if not path:
        st.warning("Type the path of a folder first.")
        return
    try:
        source = open_folder(path)
    except DMFError as error:
        shown = path if len(path) <= LONGEST else shortened(path)
        _keep("error", f"{plain(shown)} cannot be opened.", error)
    else:
        _keep("success", f"{plain(path)} is open, and read in place.")
        choose(source)
    st.rerun()


def _keep(kind: str, sentence: str, error: DMFError | None = None, notes: tuple[str, ...] = ()) -> None:
    """What came of it, told after the page has run again."""
    problems = getattr(error, "problems", ())
    if error is not None and not problems:
        sentence = f"{sentence} {error}"
    st.session_state[_SAID] = kind, sentence, problems, notes


def _tell() -> None:
    outcome = st.session_state.get(_SAID)
    if outcome is None:
        return
    kind, sentence, problems, notes = outcome
    with st.container(key="brought-told"):
        if kind == "success":
            st.success(sentence, icon=":material/check:")
        else:
            st.error(sentence, icon=":material/error:")
        card.problems(problems, notes)
        st.button("Close", key="brought-close", on_click=st.session_state.pop, args=(_SAID, None))
