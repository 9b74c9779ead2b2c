"""What pages remember: the experiment in the URL, the pages' places, and the keys of session state."""

import re
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import streamlit as st

from dmf.config import DEFAULT_TASK, ExperimentConfig

HOME, TRAIN, COMPARE, INSPECT = "pages/home.py", "pages/train.py", "pages/compare.py", "pages/inspect.py"
LAB, TOUR = "pages/lab.py", "pages/tour.py"
"""The pages, as ``st.switch_page`` and ``st.page_link`` take them."""

EXPERIMENT = "experiment"  # in the URL: train?experiment=ID
PRESET = "preset"  # in the URL: train?preset=NAME
DATASET = "dataset"  # in the URL: datasets?dataset=NAME, or NAME@FOLDER
RUNS = "runs"  # in the URL: compare?runs=ID,ID
RUN = "run"  # in the URL: lab?run=ID
STUDY = "study"  # in the URL: study?study=NAME
SCENE = "scene"  # in the URL: tour?scene=2
CASE = "case"  # in the URL: inspect?runs=ID,ID&case=NAME
EXPLAIN, STEP = "explain", "step"  # in the URL: lab?run=ID&explain=TITLE OF A METHOD&step=N
IMPATIENCE = 5.0  # s in which another start of the same is taken for the same click
_SEEN = "experiment-seen"
_PAGE, _STAYS = "page-drawn", "page-stays"
_CHOSEN = "runs-chosen"
_MAY_CHANGE, _MAY_TRAIN, _SHARED_AT = "may-change", "may-train", "shared-at"
_CASE = "case-chosen"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def experiment_id() -> str | None:
    """The experiment the URL names; None without one. Anything but a plain id reads as it stands, and is not found."""
    return st.query_params.get(EXPERIMENT) or None


def enter(page: str, *, may_change: bool = True, may_train: bool = True, shared_at: str | None = None) -> None:
    """Remember which page is drawn, whether it is the one that was drawn before, and what is offered to this browser.

    What is offered decides of buttons alone: whether something is done is decided where it is done.

    Args:
        page: Its title.
        may_change: Whether buttons that change something are offered.
        may_train: Whether those that train something are.
        shared_at: Address at which others find the dashboard.
    """
    st.session_state[_MAY_CHANGE], st.session_state[_MAY_TRAIN] = may_change, may_train
    st.session_state[_SHARED_AT] = shared_at
    st.session_state[_STAYS] = st.session_state.get(_PAGE) == page
    st.session_state[_PAGE] = page


def may_change() -> bool:
    """Whether buttons that change something are offered."""
    return bool(st.session_state.get(_MAY_CHANGE, True))


def may_train() -> bool:
    """Whether buttons that train something are offered."""
    return bool(st.session_state.get(_MAY_TRAIN, True))


def page_address(page: str) -> str:
    """The address of the page that is drawn, without a query, as those can open it who are given it.

    Args:
        page: What stands in its place where no browser told an address.
    """
    address = (st.context.url or page).partition("?")[0]
    shared = st.session_state.get(_SHARED_AT)
    parts = urlsplit(address)
    if shared is None or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return address
    return f"{shared}{parts.path}"


def experiment_to_watch() -> str | None:
    """The experiment the URL names, else the one last watched in this visit: a look at another page loses nothing.

    A preset in the URL asks for the form, not for what was watched.
    """
    named = experiment_id()
    if named is None and PRESET in st.query_params:
        return None
    watched = named or st.session_state.get(_SEEN)
    if watched is not None and st.session_state.get(_STAYS):
        # Also where it is named: a link from this page to itself changes what is asked for, but not the address.
        st.query_params[EXPERIMENT] = watched
    return watched


def keep_address(watched: str | None) -> None:
    """Put what is watched into the URL, if it is not there. To be called once the page is drawn.

    A browser on its way from another page may for a moment still be at the address of that one, and would put the
    experiment there, into its history: the way back would lead here again.
    """
    if watched is not None and experiment_id() is None:
        st.query_params[EXPERIMENT] = watched


def keep_watching(id: str) -> None:
    """Remember, for this visit, the experiment that is shown."""
    st.session_state[_SEEN] = id


def is_plain(id: str) -> bool:
    """Whether a text from the URL may be an id at all."""
    return bool(_PLAIN.fullmatch(id))


def show_experiment(id: str | None) -> None:
    """Put an experiment into the URL, or take it out."""
    if id is None:
        st.query_params.pop(EXPERIMENT, None)
    else:
        st.query_params[EXPERIMENT] = id


def chosen_runs() -> list[str]:
    """The runs that the URL names to be compared, else those last chosen in this visit, which go back into the URL."""
    if RUNS not in st.query_params:
        choose_runs(st.session_state.get(_CHOSEN, ()))
    named = st.query_params.get(RUNS, "").split(",")
    return list(dict.fromkeys(id for id in named if is_plain(id)))


def choose_runs(ids: Iterable[str]) -> None:
    """Put the runs to be compared into the URL, and remember them for this visit."""
    chosen = list(ids)
    st.session_state[_CHOSEN] = chosen
    if chosen:
        st.query_params[RUNS] = ",".join(chosen)
    else:
        st.query_params.pop(RUNS, None)


def chosen_study() -> str | None:
    """The study that the URL names; None without one."""
    return st.query_params.get(STUDY)


def choose_study(name: str) -> None:
    """Put a study into the URL."""
    st.query_params[STUDY] = name


def chosen_case() -> str | None:
    """The image that the URL names, else the one last chosen in this visit."""
    return st.query_params.get(CASE) or st.session_state.get(_CASE)


def choose_case(case: str) -> None:
    """Put an image into the URL, and remember it for this visit."""
    st.session_state[_CASE] = case
    st.query_params[CASE] = case


def start_once(config: ExperimentConfig, start: Callable[[ExperimentConfig], str]) -> str:
    """Start an experiment; returns its id. Further clicks on a button that seems not to answer start nothing more.

    Args:
        config: What to start.
        start: Starts it and returns its id.
    """
    # Taken out before, and changed in place: with each click Streamlit may break off where session state is touched.
    last = st.session_state.setdefault("started", {})
    if last.get("config") != config or time.monotonic() - last["at"] > IMPATIENCE:
        last.update(id=start(config), config=config, at=time.monotonic())
    return str(last["id"])


def watch_link(id: str) -> str:
    """The address of an experiment from any page, below whatever path the app is served."""
    return f"train?{EXPERIMENT}={id}"


def task_key(task: str, name: str) -> str:
    """The key of a field whose choice belongs to a task; what was chosen for one waits while another is looked at."""
    return field_key(name if task == DEFAULT_TASK else f"{task}-{name}")


def field_key(name: str) -> str:
    """Key of the form's widget for a configuration field."""
    return f"form-{name}"
