"""Events as marks."""

from types import SimpleNamespace

import pytest

from app.charts.event_marks import event_marks
from app.charts.lines import View

LABELS = {"a": "MAD", "b": "Variance"}


def event(run: str, step: int, kind: str, **data) -> SimpleNamespace:
    return SimpleNamespace(run=run, step=step, kind=kind, data=data, time=float(step))


def test_what_happens_to_every_run_is_one_mark() -> None:
    (mark,) = event_marks([event(run, 7, "state", state="paused") for run in "ab"], LABELS, View())
    assert (mark.x, mark.text, mark.kind) == (7, "Paused", "state")


def test_what_happens_to_some_names_them() -> None:
    (mark,) = event_marks([event("a", 7, "state", state="failed")], LABELS, View("epoch", 14))
    assert (mark.x, mark.sentence, mark.kind) == (0.5, "Failed · MAD", "error")
    assert (mark.text, mark.runs) == ("Failed", ("a",))


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("skipped", {"losses": ["ce", "dice"]}, "Step skipped: CE and DICE not finite"),
        ("flat", {"loss": "ce", "steps": 100}, "CE has not moved for 100 steps"),
        ("knob", {"field": "gamma", "value": 2.0, "before": 1.0}, "γ₀ 1 → 2"),
        ("knob", {"field": "lr", "value": 1e-4, "before": 0.001}, "Learning rate 0.001 → 0.0001"),
        ("knob", {"field": "decay_rate", "value": 0.5}, "Decay rate → 0.5"),
        ("knob", {"field": "weighting", "value": "bayesian", "before": "mad"}, "MAD → BAYESIAN"),
        (
            "size",
            {"before": 64, "value": 96},
            "Images 64 → 96 px: losses change their scale, and rules that remember them react",
        ),
        (
            "stopped_early",
            {"metric": "CB-Dice", "epoch": 3, "patience": 5},
            "Ended early: no better CB-Dice for 5 epochs",
        ),
        (
            "lr_fell",
            {"metric": "CB-Dice", "epoch": 3, "value": 1e-4},
            "CB-Dice has stood still: learning rate → 0.0001",
        ),
        ("refused", {"field": "lr", "value": 9.0, "reason": "too high"}, "Learning rate not changed to 9: too high"),
        ("refused", {"field": "weighting", "value": "mad", "reason": "no"}, "Weighting not changed to MAD: no"),
        ("not_kept", {"what": "probabilities_best", "reason": "The disk is full."}, "The disk is full."),
    ],
)
def test_other_events_say_what_happened(kind: str, data: dict, text: str) -> None:
    marks = event_marks([event(run, 1, kind, **data) for run in "ab"], LABELS, View(), name=str.upper)
    assert [mark.text for mark in marks] == [text]


@pytest.mark.parametrize(
    "quiet",
    [
        event("a", 0, "state", state="running"),
        event("a", 3, "state", state="queued"),
        event("a", 0, "prepared"),
        event("other", 3, "state", state="paused"),
    ],
)
def test_the_beginning_and_what_concerns_no_run_here_is_not_marked(quiet: SimpleNamespace) -> None:
    assert event_marks([quiet], LABELS, View()) == []


def test_of_very_many_the_latest_are_kept() -> None:
    marks = event_marks([event("a", step, "state", state="paused") for step in range(500)], LABELS, View())
    assert [mark.x for mark in marks] == list(range(300, 500))


def test_what_happened_to_runs_at_rest_is_marked_where_they_stood() -> None:
    view = View("time", origin=10)
    happened = [event("a", 7, "state", state="interrupted"), event("a", 500, "state", state="running")]
    assert [mark.x for mark in event_marks(happened, LABELS, view, end=40)] == [0, 30]
    assert [mark.x for mark in event_marks(happened, LABELS, view)] == [0, 490]
