"""The Datasets page: what there is to train on, bringing one's own, what happens to images, how cases are split."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from app import access, state
from app.components import form_prefill
from app.components.datasets import bring, card, preview, questions, splits
from app.components.datasets.waiting import progress_bar
from app.components.page_style import plain, sentence_of, shown_or_told, use_style
from app.views import Facts, Question, Report, Source
from dmf.config import DataConfig
from dmf.errors import DMFError

EXAMPLES = 8
CHOICE = "dataset-choice"
SEEN = "dataset-seen"
UNKEPT = "datasets-unkept"  # in session state: why an answer could not be kept
BROUGHT = "datasets-brought"  # in session state: key to source, with the options its files ask for


def show() -> None:
    """The dataset in the URL, or the first; everything that has to read all of its files waits for a click."""
    use_style("datasets.css")
    st.title("Datasets")
    source = choose()
    bring.bring(access.limits(), access.bring_archive, access.bring_folder, select)
    holds, prepared, split = st.tabs(
        ["What it holds", "Preprocessing", "Split and look-alikes"], key="dataset-tabs", on_change="rerun"
    )
    if UNKEPT in st.session_state:
        st.error(plain(st.session_state.pop(UNKEPT)), icon=":material/error:")
    facts = access.facts(source)
    for tab, part in ((holds, show_card), (prepared, show_preview), (split, show_split)):
        if tab.open:
            with tab:
                shown_or_told(partial(part, source, facts))


def choose() -> Source:
    """The dataset to show: the URL's, else the one last looked at in this visit, else the first."""
    offered = {source.key: source for source in access.sources()}
    offered |= st.session_state.get(BROUGHT, {})
    wanted = st.query_params.get(state.DATASET, st.session_state.get(SEEN))
    if wanted is not None and wanted not in offered:
        try:
            offered[wanted] = access.find_source(wanted)
        except DMFError as error:
            st.warning(sentence_of(error))
            wanted = None
    st.session_state[CHOICE] = wanted or next(iter(offered))
    names = {key: _name(source) for key, source in offered.items()}
    st.selectbox(
        "Dataset", names, format_func=names.__getitem__, key=CHOICE, on_change=_chosen, help="What to look at."
    )
    st.session_state[SEEN] = st.session_state[CHOICE]
    return access.with_options(offered[st.session_state[CHOICE]])


def _chosen() -> None:
    st.query_params[state.DATASET] = st.session_state[CHOICE]


def _name(source: Source) -> str:
    facts = access.facts(source)
    name = facts.title if source.root is None else f"{Path(source.root).name} ({facts.title}, {source.root})"
    return name if facts.is_here else f"{name} – not here yet"


def select(source: Source) -> None:
    """Show a dataset that was just brought, from now on with the options its files ask for."""
    st.session_state.setdefault(BROUGHT, {})[source.key] = source
    st.query_params[state.DATASET] = source.key


def train(source: Source, settings: Mapping[str, Any]) -> None:
    """Open the form with this dataset, its task and these settings."""
    form_prefill.put({"task": access.facts(source).task, **source.settings, **settings})
    st.switch_page(state.TRAIN)


def seed_of(source: Source) -> int:
    """The seed chosen for the split, which also decides what is simulated."""
    return int(st.session_state.get("split-seed", 0))


def show_card(source: Source, facts: Facts) -> None:
    """What is open is asked first; then what it looks like, and what was found in it."""
    asked = access.questions(source) if facts.is_here else []
    if facts.is_here:
        start(source, asked)
    card.about(facts)
    if not facts.is_here:
        return
    questions.questions(asked, partial(settle, source))
    seed = seed_of(source)
    if any(question.must for question in asked) and not access.is_listed(source, seed):
        return
    shown_or_told(lambda: card.examples(access.examples(source, seed, EXAMPLES), facts.class_names))
    report = looked(source, seed)
    if report is None:
        return
    counts = {}
    if report.is_sound:
        counts = access.split(source, seed, keep_together=False).counts
    card.holds(report, counts)
    card.problems(report.problems, report.notes)
    if report.is_sound:
        st.caption("No problems found: every file could be read.")


def start(source: Source, asked: Sequence[Question]) -> None:
    """A button that opens the form, and what has to be answered before."""
    must = sum(question.must for question in asked)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Train on it",
            key="train-on-it",
            type="secondary" if asked else "primary",
            disabled=must > 0,
            icon=":material/model_training:",
            help="Opens the form of the page Train with this dataset.",
        ):
            train(source, {})
        if asked:
            are = "question is" if len(asked) == 1 else "questions are"
            then = "before anything can be trained" if must else "; until then files are read as it says below"
            st.caption(f"{len(asked)} {are} open{then if then[0] == ';' else f' {then}'}.")


def settle(source: Source, answer: str) -> None:
    """Read the files as was answered, from now on."""
    try:
        select(access.settle(source, answer))
    except DMFError as error:
        st.session_state[UNKEPT] = str(error)


def looked(source: Source, seed: int) -> Report | None:
    """What was found in the files; None until someone wants to know, and a button that finds out."""
    report = access.seen(source, seed)
    if report is not None:
        return report
    place = st.empty()
    with place.container():
        st.caption("Counts, sizes, shares of classes, problems and look-alikes need a look at every image.")
        clicked = st.button("Look at every image", key="look", icon=":material/search:")
    if not clicked:
        return None
    with place.container():
        report = access.look(
            source, seed, progress_bar("Loading every image with its truth, then seeking look-alikes…")
        )
    place.empty()
    return report


def show_preview(source: Source, facts: Facts) -> None:
    if not facts.is_here:
        st.info("This dataset is not here yet; What it holds says how to get it.")
        return
    seed = seed_of(source)
    names = access.cases(source, seed)
    preview.preview(names, partial(access.preview, source, seed), partial(train, source), can_filter=facts.can_filter)


def show_split(source: Source, facts: Facts) -> None:
    if not facts.is_here:
        st.info("This dataset is not here yet; What it holds says how to get it.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.session_state.setdefault("split-seed", 0)
        seed = st.number_input(
            "Seed",
            *(0, 2**31 - 1),
            key="split-seed",
            width=140,
            help="Another seed, another split.",
            persist_state="session",
        )
        together = st.toggle(
            "Keep look-alikes together",
            key="keep-together",
            help=DataConfig.model_fields["duplicates"].description,
            persist_state="session",
        )
    report = looked(source, seed)
    if report is None:
        return
    if not report.is_sound:
        card.problems(report.problems)
        return
    split = access.split(source, seed, keep_together=together)
    parts = [f"{sum(labels.values()):,} {name}" for name, labels in split.counts.items()]
    st.markdown(f"**{' · '.join(parts)}**")
    st.caption(plain(card.split_words(report)))
    if st.button(
        "Train with this split",
        key="use-split",
        type="primary",
        icon=":material/model_training:",
        help="Opens the form of the page Train with this dataset, seed and way with look-alikes.",
    ):
        train(source, {"seed": seed, "duplicates": "group" if together else "keep"})
    picture = partial(access.picture, source, seed)
    splits.look_alikes(
        split.duplicates, picture, len(facts.class_names), kept_together=together, given=bool(report.split)
    )
    splits.case_table(split.cases)


show()
