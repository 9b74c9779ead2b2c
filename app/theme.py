"""The one palette: a colour per loss term, a dash per run, overlay colours and state badges, for light and dark.

Colours were searched for in OKLab so that any two of them stay apart for normal, protan, deutan and tritan sight
(distance at least 0.1) and have a contrast of at least 3:1 with the page; `tests/app/test_theme.py` holds both.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
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

# Over grey-scale images; the same in both modes. Red, green, blue in 0..255.
OVERLAY_COLORS = {
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

    One class alone is white. More than the palette holds are taken from the colour wheel.
    """
    kinds = classes - 1
    if kinds <= 1:
        return {1: (255, 255, 255)}
    if kinds <= len(CLASS_COLORS):
        return dict(enumerate(CLASS_COLORS[:kinds], start=1))
    wheel = (colorsys.hsv_to_rgb(kind / kinds, 0.35, 1) for kind in range(kinds))
    return {number: (round(255 * r), round(255 * g), round(255 * b)) for number, (r, g, b) in enumerate(wheel, start=1)}


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
