"""Events as marks."""

from types import SimpleNamespace

import pytest

from app.charts.happenings import happenings
from app.charts.lines import View

LABELS = {"a": "MAD", "b": "Variance"}


def event(run: str, step: int, kind: str, **data) -> SimpleNamespace:
    return SimpleNamespace(run=run, step=step, kind=kind, data=data, time=float(step))


def test_what_happens_to_every_run_is_one_mark() -> None:
    (mark,) = happenings([event(run, 7, "state", state="paused") for run in "ab"], LABELS, View())
    assert (mark.x, mark.text, mark.kind) == (7, "Paused", "state")


def test_what_happens_to_some_names_them() -> None:
    (mark,) = happenings([event("a", 7, "state", state="failed")], LABELS, View("epoch", 14))
    assert (mark.x, mark.text, mark.kind) == (0.5, "Failed · MAD", "error")


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("skipped", {"losses": ["ce", "dice"]}, "Skipped: ce and dice not finite"),
        ("flat", {"loss": "ce", "steps": 100}, "ce has not moved for 100 steps"),
        ("knob", {"field": "lr", "value": 0.1}, "lr → 0.1"),
        ("refused", {"field": "lr", "reason": "settings stay"}, "lr not changed: settings stay"),
    ],
)
def test_other_events_say_what_happened(kind: str, data: dict, text: str) -> None:
    marks = happenings([event(run, 1, kind, **data) for run in "ab"], LABELS, View())
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
    assert happenings([quiet], LABELS, View()) == []


def test_of_very_many_the_latest_are_kept() -> None:
    marks = happenings([event("a", step, "state", state="paused") for step in range(500)], LABELS, View())
    assert [mark.x for mark in marks] == list(range(300, 500))
