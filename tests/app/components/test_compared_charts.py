"""Charts of compared runs: what is said of bands, and what is marked."""

import types
from typing import Any

import numpy as np
import pytest

from app.charts.lines import Happening
from app.components import compared_charts
from app.components.compare_look import Look
from app.components.grouping import Groups


class Steps:
    """What a run of so many steps recorded: every column is a straight line."""

    terms = ("ce",)
    ended = 10.0
    near_uniform = None

    def __init__(self, size: int) -> None:
        self.size = size

    def trace(self, column: str, **_: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(4.0), np.arange(4.0)


def run(id: str, size: int = 4) -> Any:
    config = {"weighting": "mad", "auxiliary": "none"}
    row = types.SimpleNamespace(id=id, label=id, config=config)
    experiment = types.SimpleNamespace(name="Race", config={})
    flat = {"fusion.weighting": "mad", "training.seed": 0}
    return types.SimpleNamespace(
        id=id, run=row, experiment=experiment, live=Steps(size), steps_per_epoch=2, origin=0.0, config=flat
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each chart was told."""
    charts: list[dict[str, Any]] = []
    monkeypatch.setattr(
        compared_charts, "live_chart", lambda series, **about: charts.append(about | {"series": series})
    )
    return charts


def draw(runs: list[Any], groups: Groups | None = None, layout: str = "overlaid", **options: Any) -> None:
    metric = types.SimpleNamespace(name="dice", title="Dice", sentence="Overlap.")
    empty: Any = ()
    look = Look(layout=layout, panels=("Weights",))
    compared_charts.charts(runs, look, empty, metric, groups, **options)


def together(runs: list[Any]) -> Groups:
    def band(curves: Any, limits: Any) -> Any:
        x, y = curves[0]
        return types.SimpleNamespace(x=x, mean=y, low=y - 1, high=y + 1)

    return Groups({"MAD": tuple(each.id for each in runs)}, band)


def test_a_band_over_long_runs_says_that_it_is_made_of_their_extremes(drawn: list[dict[str, Any]]) -> None:
    short, long = [run("a"), run("b")], [run("a"), run("b", size=100_001)]
    draw(short, together(short))
    draw(long, together(long))
    assert [chart["note"] for chart in drawn] == [
        "a mean line per group, in its band",
        "a mean line per group, in its band; made from the lowest and highest points of each stretch, as runs have "
        "more than 100,000 steps",
    ]


def test_what_happened_is_marked_on_the_lines_of_its_run_only(drawn: list[dict[str, Any]]) -> None:
    runs = [run("a"), run("b")]
    happened = {"b": [Happening(2.0, "γ₀ 1 → 0.3", "change", ("b",), "B")]}
    draw(runs, happened=happened)
    draw(runs, layout="run", happened=happened)
    overlay, multiples = drawn
    assert [overlay["multiples"], multiples["multiples"]] == [False, True]
    for chart in drawn:
        (mark,) = chart["marks"]
        (owner,) = mark.owners
        assert owner in {line.owner or line.run for line in chart["series"]}
        assert mark.text == "γ₀ 1 → 0.3"


def test_titles_say_what_differs() -> None:
    one, two = run("a"), run("b")
    one.run.label = two.run.label = "mad"
    assert compared_charts.titles_of([one]) == {"a": "MAD"}
    assert compared_charts.titles_of([one, two]) == {"a": "MAD (1)", "b": "MAD (2)"}
    two.config["training.seed"] = 1
    assert compared_charts.titles_of([one, two]) == {"a": "MAD · seed 0", "b": "MAD · seed 1"}


def test_only_a_name_that_somebody_gave_to_an_experiment_tells_runs_apart() -> None:
    one, two = run("a"), run("b")
    one.run.label = two.run.label = "mad"
    two.experiment = types.SimpleNamespace(name="phantom: mad", config={"name": ""})
    assert compared_charts.titles_of([one, two]) == {"a": "MAD · Race", "b": "MAD"}


def test_runs_that_differ_in_nothing_but_the_seed_are_taken_together() -> None:
    one, two, other = run("a"), run("b"), run("c")
    for each, label in ((one, "mad"), (two, "mad"), (other, "cov")):
        each.run.label = each.config["fusion.weighting"] = label
    two.config["training.seed"] = 1
    assert compared_charts.repeats([one, two, other]) == {"MAD": ("a", "b"), "CoV": ("c",)}
    assert not compared_charts.repeats([one, other])


@pytest.mark.parametrize(("column", "limits"), [("weight", (0, 1)), ("share", (0, 1)), ("loss", (-np.inf, np.inf))])
def test_a_band_of_shares_is_told_what_shares_lie_between(
    column: str, limits: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def band(curves: Any, limits: Any) -> Any:
        asked.append(limits)
        return types.SimpleNamespace(x=curves[0][0], mean=curves[0][1], low=curves[0][1], high=curves[0][1])

    monkeypatch.setattr(compared_charts, "live_chart", lambda series, **about: None)
    panel = next(name for name, panel in compared_charts.PANELS.items() if panel.column == column)
    metric: Any = types.SimpleNamespace(name="any", title="Any", sentence="", range=None)
    nothing: Any = ()
    compared_charts.charts([run("a")], Look(panels=(panel,)), nothing, metric, Groups({"MAD": ("a",)}, band))
    assert asked
    assert set(asked) == {limits}
