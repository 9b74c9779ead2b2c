"""The one palette: a colour per loss term, a dash per run, overlay colours and state badges, for light and dark.

Colours were searched for in OKLab so that any two of them stay apart for normal, protan, deutan and tritan sight
(distance at least 0.1) and have a contrast of at least 3:1 with the page; `tests/app/test_theme.py` holds both.
"""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

Mode = Literal["light", "dark"]
Dash = tuple[int, ...]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Color:
    """One meaning, two shades, as ``#rrggbb``."""

    light: str
    dark: str

    @property
    def pair(self) -> tuple[str, str]:
        """(light, dark), as the live chart takes it."""
        return self.light, self.dark

    def of(self, mode: Mode) -> str:
        """The shade for a page of this mode."""
        return self.light if mode == "light" else self.dark


@dataclass(frozen=True)
class Badge:
    """How a run's state is shown: arguments of ``st.badge``."""

    label: str
    color: Literal["gray", "blue", "green", "orange", "red"]
    icon: str


# Page backgrounds and texts; .streamlit/config.toml says the same.
BACKGROUND = Color("#ffffff", "#0f141b")
TEXT = Color("#1b2430", "#e3e8ef")

TERM_COLORS = {
    "ce": Color("#4a64e7", "#6397ee"),  # blue
    "iou": Color("#c67c0c", "#d69226"),  # amber
    "dice": Color("#0a4627", "#7fe196"),  # green
    "focal": Color("#ab4b16", "#b46549"),  # rust
    "tversky": Color("#5e1683", "#e5c2f6"),  # violet
    "cb-dice": Color("#1aa0b9", "#387e98"),  # teal
}
SHADES = tuple(TERM_COLORS.values())
"""The same colours for what is no loss, such as bars and runs: the first is blue, the second amber."""
AUXILIARY_COLOR = Color("#5b6470", "#a3adb8")  # grey: outside the weights that sum to one

# Lengths of dashes and gaps in CSS pixels. Neighbours differ in rhythm, not only in length.
DASHES: tuple[Dash, ...] = (
    (),
    (8, 4),
    (2, 3),
    (10, 3, 2, 3),
    (16, 5),
    (6, 3, 2, 3, 2, 3),
    (4, 8),
    (14, 3, 5, 3),
    (2, 8),
    (16, 3, 2, 3, 2, 3, 2, 3),
)
METHOD_DASHES = {"variance": DASHES[0], "mad": DASHES[1], "bayesian": DASHES[2], "fixed": DASHES[3]}

# Over grey-scale images; the same in both modes, wherever masks are drawn. Red, green, blue in 0..255.
MASK_COLORS: dict[str, Rgb] = {
    "truth": (0xFF, 0xFF, 0xFF),  # white
    "prediction": (0xFF, 0xDD, 0x33),  # yellow
}
OVERLAY_COLORS: dict[str, Rgb] = {
    "true positive": (0x56, 0xB4, 0xE9),  # sky blue
    "false positive": (0xF5, 0xA6, 0x23),  # amber
    "false negative": (0xD8, 0x1B, 0x60),  # magenta
}

# Kinds of lesion, as areas in images and as lines on pages of either mode. Red, green, blue in 0..255.
CLASS_COLORS: tuple[Rgb, ...] = (
    (0x24, 0x69, 0xF2),  # blue
    (0xA6, 0x8E, 0x19),  # olive
    (0xB2, 0x36, 0x9E),  # plum
)

STATE_BADGES = {
    "queued": Badge("queued", "gray", ":material/schedule:"),
    "running": Badge("running", "blue", ":material/play_arrow:"),
    "paused": Badge("paused", "orange", ":material/pause:"),
    "finished": Badge("finished", "green", ":material/check:"),
    "stopped": Badge("stopped", "gray", ":material/stop:"),
    "failed": Badge("failed", "red", ":material/error:"),
    "interrupted": Badge("interrupted", "orange", ":material/link_off:"),
}


def term_colors(terms: Sequence[str]) -> dict[str, Color]:
    """A colour for each term: known names keep theirs everywhere, others take the colours still free, in order.

    Where there are more terms than colours in the palette, the rest take colours from around the wheel, no two alike,
    though not all of them far apart for every eye.
    """
    names = list(dict.fromkeys(terms))
    free = [color for name, color in TERM_COLORS.items() if name not in names]
    rest = [name for name in names if name not in TERM_COLORS]
    more = len(rest) - len(free)
    free += [_wheel(place, more) for place in range(more)]
    return {name: TERM_COLORS[name] if name in TERM_COLORS else free.pop(0) for name in names}


def _wheel(place: int, count: int) -> Color:
    """One of ``count`` colours around the wheel, dark enough for a light page and light enough for a dark one."""
    hue = (place + 0.5) / count
    shades = [colorsys.hls_to_rgb(hue, lightness, 0.5) for lightness in (0.36, 0.68)]
    light, dark = ("#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades)
    return Color(light, dark)


def class_colors(classes: int) -> dict[int, Rgb]:
    """Class number to its colour, the same in pictures and charts; the background, 0, has none.

    One class alone is white, as truth is. More than the palette holds are searched for: each is the one of many that
    lies farthest from those before it and from what truth, prediction and errors are drawn in.
    """
    kinds = classes - 1
    if kinds <= 1:
        return {1: MASK_COLORS["truth"]}
    return dict(enumerate((*CLASS_COLORS, *_more_colors(kinds - len(CLASS_COLORS)))[:kinds], start=1))


def line_colors(classes: int) -> tuple[tuple[Rgb, ...], tuple[Rgb, ...]]:
    """Colours of the outlines of truth and of predictions, each by class from 1, where they stand in separate pictures.

    Args:
        classes: How many there are, with the background.
    """
    if classes <= 2:
        return (MASK_COLORS["truth"],), (MASK_COLORS["prediction"],)
    own = tuple(class_colors(classes).values())
    return own, own


@cache
def _more_colors(count: int) -> tuple[Rgb, ...]:
    """So many colours apart from all that have a meaning, and from each other."""
    taken = [*CLASS_COLORS, *MASK_COLORS.values(), *OVERLAY_COLORS.values()]
    candidates = [
        (round(255 * red), round(255 * green), round(255 * blue))
        for hue in range(72)
        for saturation, value in ((0.45, 0.95), (0.9, 0.75), (0.6, 0.55), (0.95, 0.45))
        for red, green, blue in [colorsys.hsv_to_rgb(hue / 72, saturation, value)]
    ]
    nearest = [min(math.dist(_oklab(color), _oklab(other)) for other in taken) for color in candidates]
    chosen: list[Rgb] = []
    for _ in range(max(0, count)):
        farthest = candidates[max(range(len(candidates)), key=nearest.__getitem__)]
        chosen.append(farthest)
        place = _oklab(farthest)
        nearest = [
            min(known, math.dist(_oklab(color), place)) for known, color in zip(nearest, candidates, strict=True)
        ]
    return tuple(chosen)


@cache
def _oklab(color: Rgb) -> tuple[float, float, float]:
    """Lightness and the two axes of colour, in which distances are as the eye has them (Ottosson, 2020)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (each / 255 for each in color)
    )
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def run_dashes(methods: Sequence[str]) -> list[Dash]:
    """A dash for each run, by its method: the first run of a known method has that method's own dash, other runs
    take the dashes still free, in order. With more runs than dashes they repeat.
    """
    taken: dict[int, Dash] = {}
    for index, method in enumerate(methods):
        if method in METHOD_DASHES and METHOD_DASHES[method] not in taken.values():
            taken[index] = METHOD_DASHES[method]
    free = [dash for dash in DASHES if dash not in taken.values()]
    for index in range(len(methods)):
        if index not in taken:
            taken[index] = free.pop(0) if free else DASHES[index % len(DASHES)]
    return [taken[index] for index in range(len(methods))]
