"""What can be taken from the lab: a link, files, commands, and its methods as the runs of a race."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app.components.lab import setup
from app.components.page_style import sentence_of
from app.state import may_train, page_address
from app.views import History
from dmf.config import FusionConfig
from dmf.errors import DMFError

LOSSES_FILE = "losses.csv"


def show(
    now: setup.Setup,
    history: History,
    weights: Mapping[str, Any],
    configs: Mapping[str, FusionConfig],
    *,
    library: Any,
    train: Callable[[Sequence[str]], None],
    explained: Mapping[str, str],
) -> None:
    """The link, the files, the commands, and the button that trains.

    Args:
        now: What the lab is set to.
        history: The losses, with what was changed in them.
        weights: Title of each method to its weights (S, K).
        configs: Title of each method to its settings.
        library: What writes files: ``losses_csv``, ``weights_csv``.
        explained: What of the address says what was explained; empty where nothing was.
        train: Called with the methods as ``dmf train --run`` reads them.
    """
    st.markdown("**A link that reopens this page as it is**")
    if now.source == "upload":
        st.caption("A file cannot be in a link: whoever opens it brings the file again. Download the losses below.")
    elif now.source == "run":
        st.caption("It works wherever this store is read; for others, download the losses below.")
    st.code(f"{page_address('lab')}?{urlencode({**setup.to_query(now), **explained})}", language=None, wrap_lines=True)
    st.markdown("**Files**")
    with st.container(horizontal=True, key="lab-files"):
        _download("Losses", lambda: library.losses_csv(history), LOSSES_FILE, "One column per loss, a row per step.")
        _download(
            "Weights",
            lambda: library.weights_csv(history.names, weights),
            "weights.csv",
            "One column per method and loss, a row per step.",
            disabled=not weights,
        )
        _download(
            "Settings",
            lambda: settings_text(now, configs).encode(),
            "lab.json",
            "What the page is set to, and every setting of every method.",
        )
    st.markdown("**The same from the command line**")
    is_run = now.source == "run" and not now.perturbations
    if not is_run:
        st.caption(f"Download the losses first: the command reads {LOSSES_FILE}.")
    losses = now.run if is_run else LOSSES_FILE
    st.code("\n".join(commands([row.text for row in now.rows], losses)), language="bash", wrap_lines=True)
    if not may_train():
        return
    st.markdown("**Train with these methods**")
    st.caption(
        "Opens the form of the page Train with one run for each method"
        + (
            ", on the data and with the network of this run."
            if now.source == "run"
            else "; data and losses are its own."
        )
    )
    if st.button("Train with these", key="lab-train", icon=":material/model_training:", type="primary"):
        try:
            train([row.text for row in now.rows])
        except DMFError as error:
            st.error(sentence_of(error))


def settings_text(now: setup.Setup, configs: Mapping[str, FusionConfig]) -> str:
    """What the page is set to, and every setting of every method, as JSON."""
    methods = {title: config.flat() for title, config in configs.items()}
    return json.dumps({"lab": setup.to_query(now), "methods": methods}, indent=2) + "\n"


def commands(texts: Sequence[str], losses: str) -> list[str]:
    """``dmf replay`` for methods written as ``bayesian,rho=0.5``: one command for those that share their settings."""
    together: dict[tuple[str, ...], list[list[str]]] = {}
    for text in texts:
        method, *changes = text.split(",")
        groups = together.setdefault(tuple(changes), [])
        group = next((each for each in groups if method not in each), None)  # a command takes each method once
        if group is None:
            groups.append([method])
        else:
            group.append(method)
    commands = []
    parts = [(changes, group) for changes, groups in together.items() for group in groups]
    for place, (shared, group) in enumerate(parts, 1):
        words = ["dmf", "replay", shlex.quote(losses), *(f"--weighting {method}" for method in group)]
        file = "weights.csv" if len(parts) == 1 else f"weights-{place}.csv"
        commands.append(" ".join([*words, *map(_option, shared), "-o", file]))
    return commands


def _option(change: str) -> str:
    name, _, value = change.partition("=")
    flag = name.strip().replace("_", "-")
    if value in ("true", "false"):
        return f"--{flag}" if value == "true" else f"--no-{flag}"
    return f"--{flag}={value}" if value.startswith("-") else f"--{flag} {shlex.quote(value)}"


def _download(title: str, content: Callable[[], bytes], name: str, help: str, *, disabled: bool = False) -> None:
    st.download_button(
        title,
        content,
        name,
        "application/json" if name.endswith(".json") else "text/csv",
        key=f"lab-file-{name}",
        icon=":material/download:",
        help=help,
        disabled=disabled,
        on_click="ignore",
    )
