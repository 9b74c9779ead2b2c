"""What the lines of the lab's charts look like."""

from typing import Any

import numpy as np
import pytest

from app.components.lab import charts
from app.components.lab.charts import Curve, Picture
from app.theme import TERM_COLORS
from dmf.analysis.weight_path import path_of

LOSSES = np.linspace(1.0, 0.2, 10).reshape(5, 2)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Key of each chart to its lines and options, filled while charts are drawn."""
    found: dict[str, tuple[list[Any], dict[str, Any]]] = {}
    monkeypatch.setattr(charts, "live_chart", lambda series, key, **options: found.update({key: (series, options)}))
    monkeypatch.setattr(charts, "zoom_of", lambda key, scope: None)
    return found


def picture(losses: Any = LOSSES, *, is_share: bool = True) -> Picture:
    """Two losses under two methods, changed."""
    curves = [Curve(title, title.lower(), LOSSES, LOSSES * 0.9, is_share) for title in ("Variance", "MAD")]
    return Picture(("ce", "dice"), 0, losses, LOSSES * 2, curves)


def draw(view: str, what: Picture) -> None:
    charts.weights_charts(what, view, None, fits=False, on_pick=lambda x: None, path=path_of)


@pytest.mark.parametrize("view", ["overlay", "loss", "method"])
def test_colours_are_losses_and_dashes_are_those_of_the_cards_in_every_view(drawn: Any, view: str) -> None:
    what = picture()
    draw(view, what)
    lines = [line for series, _ in drawn.values() for line in series]
    assert len(lines) == 8
    for line in lines:
        method = "MAD" if "MAD" in line.name else "Variance"
        assert line.dash == what.dashes[method]
        if "before" not in line.name:
            assert line.color == TERM_COLORS["dice" if "Dice" in line.name else "ce"].pair


def test_lines_of_before_are_thin_and_pale(drawn: Any) -> None:
    draw("overlay", picture())
    before, after = drawn["lab-weights"][0][:2]
    assert (before.run, after.run) == ("before (pale)", "Variance")
    assert before.width < after.width
    assert before.color != after.color
    assert before.dash == after.dash


def test_weights_without_a_common_sum_are_factors(drawn: Any) -> None:
    draw("overlay", picture())
    assert drawn["lab-weights"][1]["y_label"] == "Weight (share)"
    draw("overlay", picture(is_share=False))
    assert drawn["lab-weights"][1]["y_label"] == "Weight (factor)"
    draw("difference", picture(is_share=False))
    assert drawn["lab-difference"][1]["y_label"] == "Difference of weights (factor)"


def test_losses_that_will_never_have_a_value_are_not_waited_for(drawn: Any) -> None:
    charts.losses_chart(picture(np.full((5, 2), np.nan)), log_y=False, on_pick=lambda x: None)
    assert drawn["lab-losses"][1]["note"] == "no finite value to draw"
