"""Races ready to start, as cards."""

import html
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app import state
from app.components.fields import run_title
from app.components.page_style import dash_sample, plain
from app.theme import run_dashes
from dmf.presets import Preset


def presets(offered: Mapping[str, Preset], start: Callable[[Preset], None]) -> None:
    """A card for each: what races, a button that starts it, a link to the form filled with it.

    Args:
        offered: Name to race.
        start: Called with the race to start; what it says appears below the cards.
    """
    wanted = None
    with st.container(key="presets"):
        for name, preset in offered.items():
            if _card(name, preset):
                wanted = preset
    if wanted is not None:
        with st.spinner("Starting…"):
            start(wanted)


def _card(name: str, preset: Preset) -> bool:
    dashes = run_dashes([label.partition(" ")[0] for label in preset.labels])
    with st.container(key=f"preset-{name}", border=True, height="stretch", gap="small"):
        st.html(
            f'<div class="race card"><h3>{html.escape(preset.title)}</h3><p>{html.escape(preset.about)}</p>'
            f'<div class="runs">{_runs(preset.labels, [dash_sample(dash) for dash in dashes])}'
            f'</div><div class="muted">{_facts(preset)}</div></div>'
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"preset-buttons-{name}"):
            clicked = st.button(
                "Start",
                key=f"start-{name}",
                icon=":material/play_arrow:",
                type="primary",
                help=f"Train “{plain(preset.title)}” now and watch it.",
            )
            st.page_link(
                state.TRAIN,
                label="Adjust",
                icon=":material/tune:",
                query_params={state.PRESET: name},
                help="Open the form filled with this race, to change it before it starts.",
            )
    return clicked


def _runs(labels: Sequence[str], samples: Sequence[str]) -> str:
    pairs = zip(labels, samples, strict=True)
    return "".join(f'<span class="run">{sample}{html.escape(run_title(label))}</span>' for label, sample in pairs)


def _facts(preset: Preset) -> str:
    data, training = preset.shared
    return html.escape(f"{len(preset.runs)} runs · {data.dataset}, {data.image_size} px · {training.epochs} epochs")
