"""Sample predictions against the truth: the same images for every run, at any epoch that was kept."""

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.page_style import dash_sample, number
from app.components.race import titles_of
from app.components.sample_view import SampleView
from app.pictures import source_of
from app.theme import Dash
from app.views import Snapshot

FOLLOW, EPOCH, LEFT = "follow-newest", "sample-epoch", "sample-epochs-left"
CASE = "strip-case"
NOT_YET = "Sample images appear here as soon as the data are prepared."
ECHO = 2.0  # s in which a browser may still send the epoch that it was moved on from

Pictures = Callable[[Sequence[int]], dict[int, bytes]]


@dataclass(frozen=True)
class Look:
    """Which pictures are shown, and how strongly what is drawn over them is."""

    epoch: int
    strength: float


def samples(snapshot: Snapshot, dashes: Sequence[Dash], pictures: Pictures, view: SampleView) -> Look | None:
    """Image, truth and each run's prediction, with what each scores below it; returns what was chosen to be shown.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run.
        pictures: Gives PNGs by sample id.
        view: How the task of the experiment draws them.
    """
    rows = snapshot.samples
    with st.container(key="samples"):
        st.markdown("#### Predictions against the truth")
        epochs = sorted({row.epoch for row in rows if row.kind == "prediction"})
        if not epochs:
            st.caption(NOT_YET)
            return None
        epoch, strength = _choices(epochs, view)
        legend(snapshot, view, strength)
        gallery(snapshot, dashes, epoch, pictures, view=view, strength=strength)
    return Look(epoch, strength)


def strip(snapshot: Snapshot, dashes: Sequence[Dash], pictures: Pictures, view: SampleView, look: Look | None) -> None:
    """One case: its image, the truth and each run's prediction, with arrows to the other cases.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run.
        pictures: Gives PNGs by sample id.
        view: How the task of the experiment draws them.
        look: As :func:`samples` gave it.
    """
    cases = cases_of(snapshot)
    with st.container(key="strip", gap=None):
        place = int(st.session_state.get(CASE, 0)) % max(1, len(cases))
        with st.container(key="strip-head", horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            title_html = f'<span class="muted">{_told(cases, place)}</span>'
            st.html(f'<div class="race strip-title"><b>Predictions</b> {title_html}</div>')
            for step, icon, title in ((-1, "chevron_left", "Previous case"), (1, "chevron_right", "Next case")):
                st.button(
                    title,
                    icon=f":material/{icon}:",
                    type="tertiary",
                    key=f"strip-{'next' if step > 0 else 'previous'}",
                    help=title,
                    on_click=_turn,
                    args=(place + step,),
                    disabled=len(cases) < 2,
                )
        if look is None or not cases:
            st.html(f'<div class="race strip-empty">{NOT_YET}</div>')
            return
        gallery(
            snapshot, dashes, look.epoch, pictures, view=view, strength=look.strength, only=cases[place : place + 1]
        )


def _told(cases: Sequence[str], place: int) -> str:
    return f"{html.escape(cases[place])}, {place + 1} of {len(cases)}" if cases else ""


def _turn(place: int) -> None:
    st.session_state[CASE] = place


def cases_of(snapshot: Snapshot) -> list[str]:
    """Cases whose image and truth were kept, in their order."""
    shared = {(row.kind, row.case): row for row in snapshot.samples if row.run is None}
    return [case for kind, case in shared if kind == "image" and ("truth", case) in shared]


def _choices(epochs: Sequence[int], view: SampleView) -> tuple[int, float]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="sample-options"):
        st.session_state.setdefault(FOLLOW, True)
        follows = st.toggle("Follow the newest", key=FOLLOW, persist_state="session")
        before = st.session_state.get(EPOCH)
        if before != epochs[-1] and (follows or before not in epochs):
            st.session_state.setdefault(LEFT, {})[before] = time.monotonic()
            st.session_state[EPOCH] = epochs[-1]
        if len(epochs) > 1:
            st.select_slider("Epoch", epochs, key=EPOCH, on_change=_stay, width=360, help="Move it to travel back.")
        strength = view.controls()
    return st.session_state[EPOCH], strength


def _stay() -> None:
    """Whoever moves the slider wants to stay there; a click elsewhere, sent before the newest came, moves nothing."""
    left = st.session_state.get(LEFT, {}).get(st.session_state[EPOCH])
    if left is None or time.monotonic() - left > ECHO:
        st.session_state[FOLLOW] = False


def legend(snapshot: Snapshot, view: SampleView, strength: float) -> None:
    """What the colours in the pictures mean, where they have a meaning."""
    words = view.legend(snapshot.facts, strength)
    if words:
        st.html(f'<div class="race key">{words}</div>')


def gallery(
    snapshot: Snapshot,
    dashes: Sequence[Dash] | None,
    epoch: int,
    pictures: Pictures,
    *,
    view: SampleView,
    strength: float,
    only: Sequence[str] | None = None,
    scored: bool = True,
) -> None:
    """Image, truth and each run's prediction at an epoch, one row per case.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run; None where no chart tells runs apart by dash.
        epoch: Which; a run that is not there yet shows its latest.
        pictures: Gives PNGs by sample id.
        view: How the task of the experiment draws them.
        strength: As the view's controls gave it.
        only: Cases that are shown; all when not given.
        scored: Write what each prediction scores below it.
    """
    rows, runs, titles = snapshot.samples, snapshot.experiment.runs, titles_of(snapshot)
    shared = {(row.kind, row.case): row for row in rows if row.run is None}
    # A run that is not there yet, or ended before, shows how far it came; rows are in the order of epochs.
    predicted = {(row.run, row.case): row for row in rows if row.kind == "prediction" and row.epoch <= epoch}
    cases = cases_of(snapshot) if only is None else only
    needed = [row for row in (*shared.values(), *predicted.values()) if row.case in cases]
    pngs = pictures([row.id for row in needed])
    title, facts = snapshot.score_title, snapshot.facts
    cells = [f'<div class="head">{head}</div>' for head in view.heads]
    lines = [dash_sample(dash) for dash in dashes] if dashes is not None else [""] * len(runs)
    cells += [
        f'<div class="head">{line}{html.escape(" ".join(filter(None, (titles[run.id], part))))}</div>'
        for run, line in zip(runs, lines, strict=True)
        for part in view.parts
    ]
    for case in cases:
        image, truth = pngs[shared["image", case].id], pngs[shared["truth", case].id]
        name = html.escape(case)
        shown = view.truth(image, truth, facts, strength)
        cells.append(figure(image, f"{view.heads[0]} {name}", name))
        cells.append(figure(shown, f"{view.heads[1]} of {name}", view.truth_caption))
        for run in runs:
            row = predicted.get((run.id, case))
            if row is None:
                cells += ['<figure><div class="none">not reached yet</div></figure>'] * len(view.parts)
                continue
            score = number(row.score, 3)
            words = f"of {html.escape(titles[run.id])} for {name} at epoch {row.epoch}"
            when = "" if row.epoch == epoch else f" · epoch {row.epoch}"
            caption = f"{title} <b>{score}</b>{when}" if scored else f"epoch {row.epoch}"
            drawn = view.prediction(image, truth, pngs[row.id], facts, strength)
            for part, picture in zip(view.parts, drawn, strict=True):
                if part:
                    cells.append(figure(picture, f"{part.capitalize()} {words}", part, of=titles[run.id]))
                else:
                    cells.append(figure(picture, f"Prediction {words}, {title} {score}", caption, of=titles[run.id]))
    columns = 2 + len(runs) * len(view.parts)
    st.html(f'<div class="race gallery" style="--columns:{columns}">{"".join(cells)}</div>')


def figure(png: bytes, alt: str, caption: str, *, of: str = "") -> str:
    """A picture with words below; ``of`` is whose prediction it is, for where the columns have no heads."""
    data = f' data-of="{html.escape(of)}"' if of else ""
    return f'<figure><img src="{source_of(png)}" alt="{alt}"><figcaption{data}>{caption}</figcaption></figure>'
