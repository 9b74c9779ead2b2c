"""Sample predictions against the truth: the same images for every run, at any epoch that was kept."""

import base64
import html
import time
from collections.abc import Callable, Sequence

import streamlit as st

from app.charts.overlay import GREY, Color, Pixels, compare, decode, encode, outline
from app.components.page_style import dash_sample, number
from app.components.race import titles_of
from app.theme import OVERLAY_COLORS, Dash, class_colors
from app.views import Snapshot

FOLLOW, EPOCH, LEFT = "follow-newest", "sample-epoch", "sample-epochs-left"
ECHO = 2.0  # s in which a browser may still send the epoch that it was moved on from

Pictures = Callable[[Sequence[int]], dict[int, bytes]]


def samples(snapshot: Snapshot, dashes: Sequence[Dash], pictures: Pictures) -> None:
    """Image, truth and each run's prediction, with what each scores below it.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run.
        pictures: Gives PNGs by sample id.
    """
    rows = snapshot.samples
    with st.container(key="samples"):
        st.markdown("#### Predictions against the truth")
        epochs = sorted({row.epoch for row in rows if row.kind == "prediction"})
        if not epochs:
            st.caption("Sample images appear here as soon as the data are prepared.")
            return
        epoch, opacity = _choices(epochs)
        st.html(key(snapshot))
        gallery(snapshot, dashes, epoch, opacity, pictures)


def _choices(epochs: Sequence[int]) -> tuple[int, float]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="sample-options"):
        st.session_state.setdefault(FOLLOW, True)
        follows = st.toggle("Follow the newest", key=FOLLOW, persist_state="session")
        before = st.session_state.get(EPOCH)
        if before != epochs[-1] and (follows or before not in epochs):
            st.session_state.setdefault(LEFT, {})[before] = time.monotonic()
            st.session_state[EPOCH] = epochs[-1]
        if len(epochs) > 1:
            st.select_slider("Epoch", epochs, key=EPOCH, on_change=_stay, width=360, help="Move it to travel back.")
        opacity = st.slider("Overlay", 0, 100, 55, 5, format="%d%%", key="opacity", width=180, persist_state="session")
    return st.session_state[EPOCH], opacity / 100


def _stay() -> None:
    """Whoever moves the slider wants to stay there; a click elsewhere, sent before the newest came, moves nothing."""
    left = st.session_state.get(LEFT, {}).get(st.session_state[EPOCH])
    if left is None or time.monotonic() - left > ECHO:
        st.session_state[FOLLOW] = False


def key(snapshot: Snapshot) -> str:
    """What the colours mean, as HTML."""
    colors = {"found": "true positive", "made up": "false positive", "missed": "false negative"}
    parts = [
        f'<span><i style="background:rgb{OVERLAY_COLORS[name]}"></i>{name} ({said})</span>'
        for said, name in colors.items()
    ]
    names = snapshot.facts.get("class_names", ["background", "lesion"])
    if len(names) > 2:
        truth = class_colors(len(names))
        parts += [f'<span><i style="background:rgb{truth[k]}"></i>{html.escape(names[k])}</span>' for k in truth]
    if snapshot.facts.get("ignore") is not None:
        parts.append(f'<span><i style="background:rgb{GREY}"></i>void (counts nowhere)</span>')
    return f'<div class="race key">{"".join(parts)}</div>'


def gallery(
    snapshot: Snapshot,
    dashes: Sequence[Dash] | None,
    epoch: int,
    opacity: float,
    pictures: Pictures,
    *,
    most: int | None = None,
    scored: bool = True,
) -> None:
    """Image, truth and each run's prediction at an epoch, one row per case.

    Args:
        snapshot: The experiment as of now.
        dashes: One per run; None where no chart tells runs apart by dash.
        epoch: Which; a run that is not there yet shows its latest.
        opacity: Of the colours, 0..1.
        pictures: Gives PNGs by sample id.
        most: Cases that are shown; all when not given.
        scored: Write what each prediction scores below it.
    """
    rows, runs, titles = snapshot.samples, snapshot.experiment.runs, titles_of(snapshot)
    shared = {(row.kind, row.case): row for row in rows if row.run is None}
    # A run that is not there yet, or ended before, shows how far it came; rows are in the order of epochs.
    predicted = {(row.run, row.case): row for row in rows if row.run is not None and row.epoch <= epoch}
    cases = [case for kind, case in shared if kind == "image" and ("truth", case) in shared][:most]
    needed = [row for row in (*shared.values(), *predicted.values()) if row.case in cases]
    pngs = pictures([row.id for row in needed])
    are_classes, title = snapshot.are_classes, snapshot.score_title
    classes = len(snapshot.facts.get("class_names", ("background", "lesion")))
    cells = ['<div class="head">Image</div>', '<div class="head">Truth</div>']
    lines = [dash_sample(dash) for dash in dashes] if dashes is not None else [""] * len(runs)
    cells += [
        f'<div class="head">{line}{html.escape(titles[run.id])}</div>' for run, line in zip(runs, lines, strict=True)
    ]
    for case in cases:
        image, truth = pngs[shared["image", case].id], pngs[shared["truth", case].id]
        name = html.escape(case)
        cells.append(_figure(image, f"Image {name}", name))
        shown = _truth(image, truth, classes, opacity) if are_classes else truth
        cells.append(_figure(shown, f"Truth of {name}", "ground truth"))
        for run in runs:
            row = predicted.get((run.id, case))
            if row is None:
                cells.append('<figure><div class="none">not reached yet</div></figure>')
                continue
            picture = _prediction(image, truth, pngs[row.id], opacity) if are_classes else pngs[row.id]
            score = number(row.score, 3)
            words = f"Prediction of {html.escape(titles[run.id])} for {name} at epoch {row.epoch}, {title} {score}"
            when = "" if row.epoch == epoch else f" · epoch {row.epoch}"
            caption = f"{title} <b>{score}</b>{when}" if scored else f"epoch {row.epoch}"
            cells.append(_figure(picture, words, caption, of=titles[run.id]))
    st.html(f'<div class="race gallery" style="--columns:{2 + len(runs)}">{"".join(cells)}</div>')


def _figure(png: bytes, alt: str, caption: str, *, of: str = "") -> str:
    """A picture with words below; ``of`` is whose prediction it is, for where the columns have no heads."""
    source = base64.b64encode(png).decode()
    data = f' data-of="{html.escape(of)}"' if of else ""
    return (
        f'<figure><img src="data:image/png;base64,{source}" alt="{alt}">'
        f"<figcaption{data}>{caption}</figcaption></figure>"
    )


@st.cache_data(max_entries=512, show_spinner=False)
def _truth(image: bytes, truth: bytes, classes: int, opacity: float) -> bytes:
    return encode(outline(_rgb(image), decode(truth), class_colors(classes), opacity * 0.6))


@st.cache_data(max_entries=1024, show_spinner=False)
def _prediction(image: bytes, truth: bytes, prediction: bytes, opacity: float) -> bytes:
    colors: dict[str, Color] = OVERLAY_COLORS
    return encode(compare(_rgb(image), decode(truth), decode(prediction), colors, opacity))


def _rgb(png: bytes) -> Pixels:
    return decode(png, grey=False)
