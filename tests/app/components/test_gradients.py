"""Charts of the losses' gradients: their lines, what is said where there are none, and their limits."""

import types
from typing import Any

import numpy as np
import pytest

from app.components import compared_charts, gradients, race
from app.components.compare_look import Look
from app.theme import TERM_COLORS

TERMS = ("ce", "iou", "dice")


class Measured:
    """Two measurements: every length and share is 0.5 then ``last``; no angle where ``angles`` is false."""

    terms = TERMS
    ended = 10.0

    def __init__(self, last: float = 1.0, size: int = 20, angles: bool = True, has: bool = True) -> None:
        self.size, self.has_gradients, self._last, self._angles = size, has, last, angles

    def measured(self, column: str) -> int:
        return len(self.trace(column)[0])

    def trace(self, column: str, **_: Any) -> tuple[np.ndarray, np.ndarray]:
        if not self.size or ("cos" in column and not self._angles):
            return np.empty(0), np.empty(0)
        return np.array([0.0, 10.0]), np.array([0.5, self._last])


def snapshot(*lives: Measured, at: str = "off", auxiliary: str = "none") -> Any:
    runs = [
        types.SimpleNamespace(
            id=f"r{number}",
            label="upgrad gradient_of=logits" if number else "mad",
            config={"weighting": "mad", "auxiliary": auxiliary, "gradient_of": "logits"},
        )
        for number, _ in enumerate(lives)
    ]
    experiment = types.SimpleNamespace(id="e-1", runs=runs, config={"training": {"gradients": at}})
    return types.SimpleNamespace(
        experiment=experiment, live=lives, steps_per_epoch=1, origin=0.0, events=(), changes=lambda run: {}
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each chart was told."""
    charts: list[dict[str, Any]] = []
    for module in (race, compared_charts):
        monkeypatch.setattr(module, "live_chart", lambda series, **about: charts.append({"series": series, **about}))
    return charts


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Captions."""
    found: list[str] = []
    monkeypatch.setattr("streamlit.caption", found.append)
    return found


def show(found: Any, **options: Any) -> None:
    gradients.gradient_charts(race.prepared(found, [(), (8, 4)][: len(found.live)], race.Options(**options)))


def lines(chart: dict[str, Any]) -> list[str]:
    return [line.name for line in chart["series"]]


def test_a_race_that_measured_nothing_says_how_to(drawn: list[dict[str, Any]], said: list[str]) -> None:
    show(snapshot(Measured(has=False)))
    assert not drawn
    assert said == [gradients.HOW_TO_MEASURE]
    assert "More" in gradients.HOW_TO_MEASURE
    assert "Measure gradients at" in gradients.HOW_TO_MEASURE


def test_three_charts_show_lengths_angles_and_shares(drawn: list[dict[str, Any]], said: list[str]) -> None:
    show(snapshot(Measured(), auxiliary="cb-dice"))
    length, angle, share = drawn
    assert not said
    assert lines(length) == lines(share) == ["Cross-entropy · MAD", "IoU · MAD", "Dice · MAD", "Auxiliary · MAD"]
    assert lines(angle) == ["Cross-entropy and IoU · MAD", "Cross-entropy and Dice · MAD", "IoU and Dice · MAD", "Zero"]
    assert angle["series"][-1].y.tolist() == [0.0, 0.0]
    assert angle["about"]["Zero"] == gradients.BELOW_ZERO
    assert (angle["y_range"], share["y_range"]) == ((-1, 1), (0, 1))
    assert [chart["note"] for chart in drawn] == ["", "", ""]  # every measurement is drawn: nothing is left out


def test_only_lengths_can_be_logarithmic(drawn: list[dict[str, Any]]) -> None:
    show(snapshot(Measured()), log_y=True)
    assert [chart["log_y"] for chart in drawn] == [True, False, False]


def test_a_share_below_zero_has_room(drawn: list[dict[str, Any]]) -> None:
    show(snapshot(Measured(), Measured(last=-1.0)))
    assert drawn[2]["y_range"] == (-1, 1)


def test_losses_without_gradient_have_no_angle_and_it_is_said(drawn: list[dict[str, Any]], said: list[str]) -> None:
    show(snapshot(Measured(angles=False)))
    assert said == [gradients.NO_ANGLE]


def test_a_run_without_angles_beside_one_with_them_is_named(drawn: list[dict[str, Any]], said: list[str]) -> None:
    note = "no angle of {}: a loss without gradient has no direction"
    show(snapshot(Measured(), Measured(angles=False)))
    compared_charts.gradient_charts([compared("a", Measured(angles=False)), compared("b", Measured())], Look())
    assert said == [
        note.format("UPGrad, logit space"),
        "Measured at the parameters, every 5 steps.",
        note.format("a"),
    ]


def test_a_loss_that_the_common_step_makes_worse_is_named(drawn: list[dict[str, Any]], said: list[str]) -> None:
    show(snapshot(Measured(), Measured(last=-0.19)))
    worse = "{0} in UPGrad, logit space (at the last measurement, cosine \N{MINUS SIGN}0.19)"
    named = "; ".join(worse.format(loss) for loss in ("Cross-entropy", "IoU", "Dice", "Auxiliary"))
    assert said == [f"The common step makes worse: {named}."]
    assert gradients.harmed([("a", Measured(last=-0.0005))]) == ""
    drawn.clear()
    compared_charts.gradient_charts([compared("a", Measured()), compared("b", Measured(last=-0.19))], Look())
    assert said[-1].startswith("The common step makes worse: Cross-entropy in b (at the last measurement, cosine")


@pytest.mark.parametrize(
    ("trainings", "said"),
    [
        ([{"gradients": "logits", "gradients_every": 10}], "Measured at the logits, every 10 steps."),
        ([{"gradients": "logits", "gradients_every": 1}] * 2, "Measured at the logits, every step."),
        (
            [{"gradients": "logits", "gradients_every": 2}, {"gradients": "parameters", "gradients_every": 3}],
            "Measured at the logits, every 2 steps; or at the parameters, every 3 steps.",
        ),
        ([{"gradients": "off"}, {}], ""),
    ],
)
def test_where_they_were_measured_is_told(trainings: list[dict[str, Any]], said: str) -> None:
    assert gradients.where({"training": training} for training in trainings) == said


def test_before_the_first_step_the_charts_are_there_and_empty(drawn: list[dict[str, Any]], said: list[str]) -> None:
    show(snapshot(Measured(size=0, has=False), at="logits"))
    assert said == ["Measured at the logits, every 10 steps."]
    assert len(drawn) == 3
    assert all(not len(line.x) for chart in drawn for line in chart["series"])


def test_a_method_in_logit_space_is_called_so(drawn: list[dict[str, Any]]) -> None:
    show(snapshot(Measured(), Measured()))
    assert "Dice · UPGrad, logit space" in lines(drawn[0])


def test_pairs_have_colours_that_begin_anew() -> None:
    pairs = [("ce", str(number)) for number in range(len(TERM_COLORS) + 1)]
    colors = list(gradients.pair_colors([*pairs, pairs[0]]).values())
    assert len(colors) == len(TERM_COLORS) + 1
    assert colors[-1] == colors[0]


def compared(id: str, live: Measured) -> Any:
    row = types.SimpleNamespace(id=id, label=id, config={"weighting": "mad", "auxiliary": "none"})
    training = {"gradients": "parameters", "gradients_every": 5} if live.has_gradients else {}
    experiment = types.SimpleNamespace(name="Race", config={"training": training})
    shared: dict[str, Any] = {"steps_per_epoch": 2, "origin": 0.0, "config": {}}
    return types.SimpleNamespace(id=id, run=row, experiment=experiment, live=live, **shared)


def test_compared_runs_show_those_that_measured(drawn: list[dict[str, Any]], said: list[str]) -> None:
    runs = [compared("a", Measured()), compared("b", Measured(has=False))]
    compared_charts.gradient_charts(runs, Look())
    assert [len(chart["series"]) for chart in drawn] == [3, 4, 3]
    assert lines(drawn[0]) == ["Cross-entropy · a", "IoU · a", "Dice · a"]
    assert drawn[0]["title"] == "Gradient norm per loss"
    assert drawn[0]["series"][1].color == TERM_COLORS["iou"].pair
    compared_charts.gradient_charts(runs[1:], Look())
    assert len(drawn) == 3
    assert said == ["Measured at the parameters, every 5 steps.", gradients.HOW_TO_MEASURE]


def test_compared_runs_in_small_charts(drawn: list[dict[str, Any]], said: list[str]) -> None:
    runs = [compared("a", Measured()), compared("b", Measured(last=-1.0, angles=False))]
    compared_charts.gradient_charts(runs, Look(layout="run"))
    assert [chart["title"] for chart in drawn] == [measure.title for measure in gradients.MEASURES]
    assert all(chart["multiples"] for chart in drawn)
    assert said[1] == f"no angle of b: {gradients.NO_DIRECTION}"
    assert said[2].startswith("The common step makes worse: Cross-entropy in b")
    assert len(said) == 3
    assert drawn[-1]["y_range"] == (-1, 1)


def test_what_was_measured_is_among_the_figures_to_be_saved() -> None:
    metric = types.SimpleNamespace(name="dice", title="Dice", sentence="Overlap.")
    look, empty = Look(panels=("Weights",)), ()
    figures = compared_charts.figures([compared("a", Measured())], look, empty, metric)  # type: ignore[arg-type]
    assert list(figures) == ["Weights", "Gradient norm per loss", "Conflict of the losses", "Share of the gradient"]
    without = compared_charts.figures([compared("a", Measured(has=False))], look, empty, metric)  # type: ignore[arg-type]
    assert list(without) == ["Weights"]
