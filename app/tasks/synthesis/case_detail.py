"""One case of image synthesis, large: window and level, a swipe, differences, a profile along a line, histograms."""

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.charts.difference import colour_bar, signed
from app.charts.overlay import encode
from app.charts.picture_lines import intensity_histogram, line_profile
from app.components.page_style import mode, number, plain
from app.components.plots import saved_as
from app.tasks.synthesis.orders import TITLES
from app.tasks.synthesis.samples import difference_scale
from app.tasks.synthesis.views import CaseView, Image
from app.theme import AUXILIARY_COLOR, MASK_COLORS, TERM_COLORS

SHOWN = 384  # px, the least side of a large picture
POINTS = 200  # of a profile
SOURCE, TARGET = "Source", "Target"
LINE = MASK_COLORS["prediction"]
DASHES = {SOURCE: "dot", TARGET: "dash"}


@dataclass(frozen=True)
class Window:
    """What is shown black and white; shares of the range."""

    black: float
    white: float

    def apply(self, image: Image) -> NDArray[np.uint8]:
        """Grey levels of an image."""
        share = (image - self.black) / (self.white - self.black)
        return np.asarray((np.clip(share, 0, 1) * 255).round(), np.uint8)


@dataclass(frozen=True)
class Line:
    """From one point to another; shares of width and height from the left and the top, 0 to 1."""

    start: tuple[float, float]
    end: tuple[float, float]

    def values(self, image: Image) -> NDArray[np.float64]:
        """(POINTS,) intensities of an image along it, between pixels in proportion; channels are averaged."""
        grey: NDArray[np.float32] = np.asarray(image if image.ndim == 2 else image.mean(axis=2), np.float32)
        height, width = grey.shape
        way = np.linspace(0, 1, POINTS)
        x, y = ((first + (last - first) * way) for first, last in zip(self.start, self.end, strict=True))
        at_x, at_y = (np.asarray(places, np.float32)[None] for places in (x * (width - 1), y * (height - 1)))
        sampled = cv2.remap(grey, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled[0], np.float64)

    def draw(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (H, W) or (H, W, 3) with the line over it."""
        drawn = np.ascontiguousarray(np.dstack([picture] * 3) if picture.ndim == 2 else picture)
        height, width = drawn.shape[:2]
        (x1, y1), (x2, y2) = ((round(x * (width - 1)), round(y * (height - 1))) for x, y in (self.start, self.end))
        cv2.line(drawn, (x1, y1), (x2, y2), LINE, 1, cv2.LINE_AA)
        cv2.circle(drawn, (x1, y1), 3, LINE, -1, cv2.LINE_AA)
        return drawn


def notes(view: CaseView, titles: Mapping[str, str]) -> None:
    """What is missing of which run, or shown instead."""
    for output in view.outputs:
        if output.note:
            st.caption(f"{plain(titles[output.run])}: {plain(output.note)}.")


def numbers(rows: pd.DataFrame, titles: Mapping[str, str]) -> None:
    """What each run scored on the case.

    Args:
        rows: Of one case: run, epoch and the scores.
        titles: Run to its title.
    """
    heads = "".join(f"<th>{title}{' [dB]' if name == 'psnr' else ''}</th>" for name, title in TITLES.items())
    lines = "".join(
        f"<tr><td>{html.escape(titles[row['run']])}</td><td>{row['epoch']}</td>"
        + "".join(f"<td>{number(row[name], 2 if name == 'psnr' else 4)}</td>" for name in TITLES)
        + "</tr>"
        for row in rows.to_dict("records")
    )
    st.html(
        f'<div class="race scores"><table><thead><tr><th>Run</th><th>Epoch</th>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


@st.fragment
def detail(view: CaseView, titles: Mapping[str, str]) -> None:
    """The case in tabs; moving a slider draws only this part of the page."""
    shown = {titles[output.run]: output for output in view.outputs if output.image is not None}
    images: dict[str, Image] = {SOURCE: _known(view.source), TARGET: _known(view.target)}
    images |= {title: _known(output.image) for title, output in shown.items()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        window = _window()
        scale = difference_scale("inspect-difference-scale")
    side_by_side, swipe, profile, histogram = st.tabs(["Side by side", "Swipe", "Line profile", "Histogram"])
    differences = {title: signed(_known(output.target), _known(output.image), scale) for title, output in shown.items()}
    with side_by_side:
        st.html(f'<div class="race key"><span>difference: target minus output</span>{colour_bar(scale)}</div>')
        cells = [_cell(window.apply(image), title) for title, image in images.items()]
        cells += [_cell(difference, f"{title}, difference") for title, difference in differences.items()]
        st.html(f'<div class="race gallery" style="--columns:{len(images)}">{"".join(_in_rows(cells, shown))}</div>')
    with swipe:
        _swipe(
            {title: window.apply(image) for title, image in images.items()}
            | {f"{title}, difference": difference for title, difference in differences.items()}
        )
    with profile:
        _profile(images, window)
    with histogram:
        _histogram(images)


def _known(image: Image | None) -> Image:
    assert image is not None  # asked only of what is there
    return image


def _in_rows(cells: list[str], outputs: Mapping[str, object]) -> list[str]:
    """Source, target and outputs in one row, and each difference below its output."""
    count = len(outputs)
    return [*cells[: 2 + count], *(["<div></div>"] * 2), *cells[2 + count :]]


def _window() -> Window:
    black, white = st.slider(
        "Black and white (window and level)",
        *(0, 100, (0, 100)),
        format="%d%%",
        key="inspect-window",
        width=320,
        help="Intensities shown black and white, in percent of the range: how far apart they are is the window, their "
        "middle the level.",
    )
    white = max(white, black + 1)
    st.caption(f"window {white - black} %, level {(white + black) / 2:g} %")
    return Window(black / 100, white / 100)


def _swipe(pictures: Mapping[str, NDArray[np.uint8]]) -> None:
    """Two pictures with an edge between them that is moved."""
    names = list(pictures)
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    one = left.selectbox("On the left", names, index=1, key="swipe-left")
    other = right.selectbox("On the right", names, index=min(2, len(names) - 1), key="swipe-right")
    share = middle.slider("Edge", 0, 100, 50, format="%d%%", key="swipe-edge", help="Move it to uncover either.")
    first, second = (_large(pictures[name]) for name in (one, other))
    edge = round(share / 100 * first.shape[1])
    drawn = np.hstack([first[:, :edge], second[:, edge:]])
    drawn[:, max(0, edge - 1) : edge + 1] = LINE
    st.html(f'<div class="race one">{_figure(drawn, f"{one} left and {other} right of the edge")}</div>')


def _profile(images: Mapping[str, Image], window: Window) -> None:
    """Intensities along a line that two points set."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        across = st.slider(
            "From left to right",
            0,
            100,
            (0, 100),
            format="%d%%",
            key="profile-x",
            help="Where the line starts and ends.",
        )
        start, end = (
            st.slider(f"Height where it {verb}", 0, 100, 50, format="%d%%", key=f"profile-{verb}", help="From the top.")
            for verb in ("starts", "ends")
        )
        line = Line((across[0] / 100, start / 100), (across[1] / 100, end / 100))
        target = line.draw(_large(window.apply(images[TARGET])))
        st.html(f'<div class="race one">{_figure(target, "The target with the line")}</div>')
    frame = pd.concat(
        pd.DataFrame({"picture": title, "way": np.linspace(0, 100, POINTS), "intensity": line.values(image)})
        for title, image in images.items()
    )
    with right:
        st.plotly_chart(
            line_profile(frame, _colors(images), DASHES),
            key="profile-chart",
            config=saved_as("profile"),
            alt="Intensities of source, target and outputs along the line",
        )


def _histogram(images: Mapping[str, Image]) -> None:
    levels = Window(0.0, 1.0)
    counts = {title: np.bincount(levels.apply(image).ravel(), minlength=256) for title, image in images.items()}
    frame = pd.concat(
        pd.DataFrame({"picture": title, "intensity": range(256), "share": 100 * count / count.sum()})
        for title, count in counts.items()
    )
    st.plotly_chart(
        intensity_histogram(frame, _colors(images)),
        key="inspect-histogram",
        config=saved_as("histogram"),
        alt="Histogram of source, target and outputs",
    )


def _colors(images: Mapping[str, Image]) -> dict[str, str]:
    palette = [AUXILIARY_COLOR, *TERM_COLORS.values()]
    return {title: palette[n % len(palette)].of(mode()) for n, title in enumerate(images)}


def _large(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In colour, and as large as pictures are shown, every pixel a square."""
    coloured = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    times = max(1, -(-SHOWN // max(coloured.shape[:2])))
    return np.ascontiguousarray(coloured.repeat(times, axis=0).repeat(times, axis=1))


def _cell(picture: NDArray[np.uint8], title: str) -> str:
    return _figure(picture, title, html.escape(title))


def _figure(picture: NDArray[np.uint8], alt: str, caption: str = "") -> str:
    source = base64.b64encode(encode(picture)).decode()
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><img src="data:image/png;base64,{source}" alt="{html.escape(alt)}">{below}</figure>'
