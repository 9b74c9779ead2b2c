import math
from typing import Any

import pytest

from dmf.errors import ConfigError
from dmf.schedule import AuxiliarySchedule


def test_exponential_is_the_papers() -> None:
    schedule = AuxiliarySchedule(gamma=5, rate=0.05)
    assert schedule(0) == 5
    assert schedule(1) == pytest.approx(5 * 0.951229424500714)  # exp(-0.05)
    assert schedule(20) == pytest.approx(5 / math.e)


def test_periods_are_whole() -> None:
    # the authors' demo: about 220 steps, s = floor(t / 100) reaches 2, so gamma falls from 5 to 5 exp(-0.1) = 4.52
    schedule = AuxiliarySchedule(gamma=5, rate=0.05, every=100)
    assert schedule(99) == schedule(0) == 5
    assert schedule(100) == schedule(199) == pytest.approx(5 * math.exp(-0.05))
    assert schedule(219) == pytest.approx(4.52, abs=0.005)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("linear", [2, 1.5, 1, 0.5, 0, 0]),  # 2 (1 - s / 4)
        ("cosine", [2, 1 + math.sqrt(0.5), 1, 1 - math.sqrt(0.5), 0, 0]),  # 1 + cos(pi s / 4)
        ("step", [2, 2, 2, 2, 2, 1]),  # half of it every 5 periods
        ("constant", [2] * 6),
    ],
)
def test_other_shapes(kind: Any, expected: list[float]) -> None:
    schedule = AuxiliarySchedule(gamma=2, rate=0.25, kind=kind)
    assert [schedule(step) for step in range(6)] == pytest.approx(expected)


def test_half_life_is_where_the_weight_has_halved() -> None:
    # 100 log(2) / 0.05 = 1386.3 steps
    assert AuxiliarySchedule(rate=0.05, every=100).half_life == pytest.approx(1386.294361)
    for kind in ("linear", "cosine"):
        schedule = AuxiliarySchedule(gamma=3, rate=0.1, every=2, kind=kind)
        assert schedule.half_life == pytest.approx(10)  # 2 * 0.5 / 0.1
        assert schedule(10) == pytest.approx(1.5)


def test_a_weight_that_never_falls_has_no_half_life() -> None:
    assert AuxiliarySchedule(rate=0).half_life == math.inf
    assert AuxiliarySchedule(kind="constant").half_life == math.inf


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"gamma": -1}, "`gamma` must be a finite number of at least 0, got -1", "gamma"),
        ({"gamma": math.inf}, "`gamma` must be a finite number of at least 0, got inf", "gamma"),
        ({"rate": math.nan}, "`rate` must be a finite number of at least 0, got nan", "decay_rate"),
        ({"every": 0}, "`every` must be at least 1 step, got 0", "decay_every"),
        (
            {"kind": "step", "options": (("drop_factor", 1.0),)},
            "'factor' of schedule 'step' takes .* below 1",
            "schedule",
        ),
        ({"kind": "linear", "options": (("drop_factor", 0.1),)}, "'linear' has no option 'drop_factor'", "schedule"),
        (
            {"kind": "cosin"},
            "Unknown schedule 'cosin'. Choose one of: exponential, .* Did you mean 'cosine'",
            "schedule",
        ),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        AuxiliarySchedule(**options)
    assert caught.value.field == field
