"""Where networks look: what their attention lets pass of a sample, and how much of it lies on the lesion."""

import html
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from app.charts.heat import heat_bar, heat_map
from app.charts.overlay import decode, encode
from app.components.page_style import mode, number, plain
from app.components.samples import figure
from app.tasks.segmentation.attention_chart import attention_chart
from app.tasks.segmentation.samples import OverlayView
from app.tasks.segmentation.views import Attention, AttentionMap, Looked
from app.theme import SHADES

OWN, WHOLE = "least to most of each map", "0 to 1"
NARROWEST = 16  # levels of 255


def show(
    epochs: Mapping[str, Sequence[int]],
    titles: Mapping[str, str],
    *,
    looked: Callable[[str, int], Attention],
    shares: pd.DataFrame,
    even: Sequence[float],
) -> None:
    """The maps of a sample after an epoch, and the share of attention on the lesion over all of them.

    Args:
        epochs: Case to the epochs of which maps were kept; one case at least.
        titles: Run to its title.
        looked: Gives a case after an epoch, as ``access.attention_at`` does.
        shares: As ``access.shares_over_training`` gives them.
        even: As ``access.lesion_shares`` gives them.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="attention-options"):
        case = st.selectbox(
            "Image", list(epochs), key="attention-case", width=300, help="A few validation images are kept."
        )
        epoch = epochs[case][-1]
        if len(epochs[case]) > 1:
            epoch = st.select_slider("Epoch", epochs[case], epoch, key=f"attention-epoch-{case}", width=320)
        colours = st.segmented_control(
            "Colours from",
            [OWN, WHOLE],
            default=OWN,
            required=True,
            key="attention-colours",
            help="Attention begins nearly open, at 0.88: differences are small at first, and seen only within a map.",
        )
    seen = looked(case, epoch)
    bar = heat_bar("0", "1") if colours == WHOLE else heat_bar("passes least", "passes most")
    st.html(f'<div class="race key" id="attention-key">{bar}<span>white line: truth</span></div>')
    for run, title in titles.items():
        if run in seen.looked:
            _gallery(seen, seen.looked[run], title, is_whole=colours == WHOLE)
    if len(shares):
        _over_training(titles, shares, even)


def _gallery(seen: Attention, looked: Looked, title: str, *, is_whole: bool) -> None:
    view, facts = OverlayView(), {"class_names": seen.classes}
    (predicted,) = view.prediction(seen.image, seen.truth, looked.prediction, facts, view.strength)
    figures = [
        ("Image", figure(seen.image, "Image", "as the network sees it")),
        ("Truth", figure(view.truth(seen.image, seen.truth, facts, view.strength), "Truth", view.truth_caption)),
        (
            "Prediction",
            figure(
                predicted,
                f"Prediction of {html.escape(title)}",
                f"Dice <b>{number(looked.dice, 3)}</b> · epoch {looked.epoch}",
            ),
        ),
    ]
    truth = decode(seen.truth)
    for one in looked.maps:
        picture = encode(heat_map(one.levels, truth, (0, 255) if is_whole else _own_range(one)))
        named = html.escape(f"Attention of {title} at {one.part}")
        figures.append((html.escape(one.part), figure(picture, named, _caption(one))))
    heads = "".join(f'<div class="head">{head}</div>' for head, _ in figures)
    cells = "".join(cell for _, cell in figures)
    st.markdown(f"##### {plain(title)}")
    st.html(f'<div class="race gallery attention" style="--columns:{len(figures)}">{heads}{cells}</div>')


def _own_range(one: AttentionMap) -> tuple[int, int]:
    """The least and the greatest level, made so wide that what is nearly even looks so."""
    low, high = int(one.levels.min()), int(one.levels.max())
    more = max(0, NARROWEST - (high - low))
    return low - more // 2, high + more - more // 2


def _caption(one: AttentionMap) -> str:
    share = "" if one.on_lesion is None else f" · <b>{100 * one.on_lesion:.1f} %</b> on the lesion"
    return f"{one.levels.min() / 255:.2f} to {one.levels.max() / 255:.2f}{share}"


def _over_training(titles: Mapping[str, str], shares: pd.DataFrame, even: Sequence[float]) -> None:
    st.markdown("##### Share of attention on the lesion")
    parts = list(dict.fromkeys(shares["part"]))
    part = parts[0]
    if len(parts) > 1:
        part = st.segmented_control("Place", parts, default=part, required=True, key="attention-place")
    rows = shares[shares["part"] == part]
    rows = rows.assign(run=rows["run"].map(titles))
    shades = [color.of(mode()) for color in SHADES]
    colors = {title: shades[place % len(shades)] for place, title in enumerate(titles.values())}
    colors = {title: color for title, color in colors.items() if title in set(rows["run"])}
    with st.container(key="attention-shares"):
        st.altair_chart(attention_chart(rows, even, colors), width="stretch")
    st.caption(
        "Of all that passes at this place, how much lies on the lesion: the mean over the kept images that show one. "
        "Attention that is the same everywhere has the share of the dashed line, that of the lesion in the pixels."
    )
