"""The palette can be told apart and read, by everyone, in both modes."""

import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from app.charts import heat
from app.theme import (
    AUXILIARY_COLOR,
    BACKGROUND,
    CLASS_COLORS,
    DASHES,
    MASK_COLORS,
    METHOD_DASHES,
    OVERLAY_COLORS,
    STATE_BADGES,
    TERM_COLORS,
    TEXT,
    class_colors,
    line_colors,
    run_dashes,
    term_colors,
)
from dmf.records import RunState

MODES = ("light", "dark")
# Linear RGB as seen without one kind of cone: Machado, Oliveira and Fernandes (2009), severity 1.
SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# OKLab: Ottosson (2020), linear RGB to cone responses, their cube roots to lightness and two opponents.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]


def rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])


def linear(values: np.ndarray) -> np.ndarray:
    share = values / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05) of relative luminances."""
    low, high = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def seen(color: np.ndarray, sight: str) -> np.ndarray:
    return TO_LAB @ np.cbrt(TO_CONES @ np.clip(SIGHTS[sight] @ linear(color), 0, 1))


def smallest_distance(colors: list[np.ndarray], sight: str) -> float:
    return min(float(np.linalg.norm(seen(a, sight) - seen(b, sight))) for a, b in itertools.combinations(colors, 2))


def test_the_contrast_of_black_on_white_is_21():
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)


@pytest.mark.parametrize("mode", MODES)
def test_every_line_stands_out_from_the_page(mode):
    for color in [*TERM_COLORS.values(), AUXILIARY_COLOR]:
        assert contrast(rgb(color.of(mode)), rgb(BACKGROUND.of(mode))) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("mode", MODES)
def test_any_two_terms_can_be_told_apart(mode, sight):
    colors = [rgb(color.of(mode)) for color in [*TERM_COLORS.values(), AUXILIARY_COLOR]]
    assert smallest_distance(colors, sight) >= 0.1


@pytest.mark.parametrize("sight", SIGHTS)
def test_overlays_can_be_told_apart(sight):
    assert smallest_distance([np.array(color) for color in OVERLAY_COLORS.values()], sight) >= 0.2


@pytest.mark.parametrize("mode", MODES)
def test_classes_stand_out_from_the_page_in_charts(mode):
    for color in CLASS_COLORS:
        assert contrast(np.array(color), rgb(BACKGROUND.of(mode))) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_classes_can_be_told_apart_and_from_overlays(sight):
    colors = [np.array(color) for color in (*CLASS_COLORS, *OVERLAY_COLORS.values())]
    assert smallest_distance(colors, sight) >= 0.1


def test_every_class_has_its_own_colour():
    assert class_colors(2) == {1: (255, 255, 255)}
    assert class_colors(4) == {1: CLASS_COLORS[0], 2: CLASS_COLORS[1], 3: CLASS_COLORS[2]}
    many = class_colors(12)
    assert list(many) == list(range(1, 12))
    assert len(set(many.values())) == 11
    assert list(many.values())[:3] == list(CLASS_COLORS), "a class keeps its colour where there are more"


@pytest.mark.parametrize("classes", [3, 4, 5, 9, 13])
def test_no_class_looks_like_truth_prediction_or_an_error(classes):
    meanings = [np.array(color) for color in (*MASK_COLORS.values(), *OVERLAY_COLORS.values())]
    for color in class_colors(classes).values():
        assert min(smallest_distance([np.array(color), meaning], "normal") for meaning in meanings) >= 0.1
    assert smallest_distance([np.array(color) for color in class_colors(classes).values()], "normal") >= 0.08


def test_the_meanings_are_told_apart_and_are_what_the_legend_says():
    assert MASK_COLORS == {"truth": (255, 255, 255), "prediction": (255, 221, 51)}
    colors = [np.array(color) for color in (*MASK_COLORS.values(), *OVERLAY_COLORS.values())]
    assert smallest_distance(colors, "normal") >= 0.1
    assert MASK_COLORS["truth"] == heat.LINE


def test_outlines_in_separate_pictures_are_white_and_yellow_or_those_of_the_classes():
    assert line_colors(2) == ((MASK_COLORS["truth"],), (MASK_COLORS["prediction"],))
    assert line_colors(3) == (CLASS_COLORS[:2], CLASS_COLORS[:2])


ROOT = Path(__file__).parents[2]


def test_no_other_file_of_the_pages_has_these_colours():
    """One table: whoever draws a mask asks it."""
    for color in (MASK_COLORS["prediction"], *OVERLAY_COLORS.values()):
        decimals, hexadecimals = r",\s*".join(map(str, color)), "".join(f"{part:02x}" for part in color)
        written = re.compile(rf"[\[(]\s*{decimals}\s*[\])]|#{hexadecimals}", re.IGNORECASE)
        for file in (*ROOT.glob("app/**/*.py"), *ROOT.glob("app/**/*.js")):
            assert not written.search(file.read_text("utf-8")), f"{file} has {color}; take it from app.theme"


@pytest.mark.parametrize("mode", MODES)
def test_the_configured_pages_are_the_ones_the_palette_was_made_for(mode):
    assert CONFIG[mode]["backgroundColor"] == BACKGROUND.of(mode)
    assert CONFIG[mode]["textColor"] == TEXT.of(mode)
    palette = [color.of(mode) for color in [*TERM_COLORS.values(), AUXILIARY_COLOR]]
    assert CONFIG[mode]["chartCategoricalColors"] == palette


@pytest.mark.parametrize("mode", MODES)
def test_texts_can_be_read(mode):
    page, text = rgb(CONFIG[mode]["backgroundColor"]), rgb(CONFIG[mode]["textColor"])
    assert contrast(text, page) >= 7
    muted = 0.74 * text + 0.26 * page  # axis labels and notes: --muted in live_chart.css
    assert contrast(muted, page) >= 4.5
    assert contrast(rgb(CONFIG[mode]["linkColor"]), page) >= 4.5
    assert contrast(rgb("#ffffff"), rgb(CONFIG[mode]["primaryColor"])) >= 4.5  # words on a button
    assert contrast(rgb(CONFIG[mode]["primaryColor"]), page) >= 3  # its edge
    assert contrast(text, rgb(CONFIG[mode]["secondaryBackgroundColor"])) >= 7


def test_known_terms_keep_their_colour_and_others_take_a_free_one():
    colors = term_colors(["dice", "hausdorff", "ce"])
    assert colors["dice"] == TERM_COLORS["dice"]
    assert colors["ce"] == TERM_COLORS["ce"]
    assert colors["hausdorff"] == TERM_COLORS["iou"]
    assert len(set(term_colors(list("abcdef")).values())) == 6


@pytest.mark.parametrize("count", [7, 12, 40])
def test_more_terms_than_the_palette_holds_have_colours_of_their_own(count):
    terms = ["dice", *(f"loss {place}" for place in range(count - 1))]
    colors = term_colors(terms)
    assert list(colors) == terms
    assert colors["dice"] == TERM_COLORS["dice"]
    for mode in MODES:
        shades = [color.of(mode) for color in colors.values()]
        assert len(set(shades)) == count
        assert min(contrast(rgb(shade), rgb(BACKGROUND.of(mode))) for shade in shades) >= 3


def test_runs_are_told_apart_by_dash():
    assert len(set(DASHES)) == len(DASHES) >= 8
    assert run_dashes(["variance", "mad"]) == [METHOD_DASHES["variance"], METHOD_DASHES["mad"]]
    # The second bayesian and the unknown method take free dashes; mad comes later but keeps its own.
    dashes = run_dashes(["bayesian", "bayesian", "gradnorm", "mad"])
    assert (dashes[0], dashes[3]) == (METHOD_DASHES["bayesian"], METHOD_DASHES["mad"])
    assert len(set(dashes)) == 4
    assert len(set(run_dashes(["mad"] * len(DASHES)))) == len(DASHES)
    assert len(run_dashes(["mad"] * 30)) == 30


def test_every_state_has_a_badge():
    assert set(STATE_BADGES) == {state.value for state in RunState}
    assert len({badge.icon for badge in STATE_BADGES.values()}) == len(STATE_BADGES)
