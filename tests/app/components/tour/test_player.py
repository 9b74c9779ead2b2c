"""A scene passes in twenty seconds, whatever its training took."""

import pytest

from app.components.tour.player import HEAD_START, LASTS, Played


class Recorded:
    seconds = 300.0

    def at(self, seconds: float) -> float:
        return seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("app.components.tour.player.time.monotonic", lambda: now[0])
    return now


def test_it_begins_with_something_to_see_and_is_over_after_twenty_seconds(clock: list[float]) -> None:
    shown = Played("adapt", Recorded(), since=clock[0])
    assert shown.snapshot() == pytest.approx(300 * HEAD_START / LASTS)
    clock[0] += 5
    assert shown.snapshot() == pytest.approx(300 * (HEAD_START + 5) / LASTS)
    assert shown.goes_on
    clock[0] += LASTS
    assert shown.share == 1
    assert shown.snapshot() == 300
    assert not shown.goes_on


def test_it_stays_where_it_is_held_and_goes_on_from_there(clock: list[float]) -> None:
    shown = Played("adapt", Recorded(), since=clock[0])
    clock[0] += 5
    shown.toggle()
    held = shown.share
    clock[0] += 50
    assert shown.share == held
    shown.toggle()
    assert shown.share == held
    clock[0] += 1
    assert shown.share == pytest.approx(held + 1 / LASTS)


def test_what_is_over_begins_anew(clock: list[float]) -> None:
    shown = Played("adapt", Recorded(), since=clock[0])
    clock[0] += 60
    shown.toggle()
    assert shown.share == pytest.approx(HEAD_START / LASTS)
    assert shown.goes_on
