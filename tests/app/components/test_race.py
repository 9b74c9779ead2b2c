"""How far the weights chart goes."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.components.race import _weights_range


def race(*weightings: str, now: str | None = None, sum_to: str = "1") -> Any:
    runs = [SimpleNamespace(config={"weighting": name, "sum_to": sum_to, "terms": "abc"}) for name in weightings]
    snapshot = SimpleNamespace(
        experiment=SimpleNamespace(runs=runs), changes=lambda run: {"weighting": now} if now else {}
    )
    return SimpleNamespace(snapshot=snapshot)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (race("mad", "famo"), (0, 1)),
        (race("mad", sum_to="K"), (0, 3)),
        (race("mad", "uncertainty"), (0, None)),
        (race("imtl-l"), (0, None)),
        (race("mad", now="imtl-l"), (0, None)),
        (race("uncertainty", now="mad"), (0, None)),
        (race("uncertainty", "imtl-g"), (None, None)),
    ],
)
def test_the_weights_chart_goes_up_to_their_sum_or_as_far_as_weights_of_any_sum_go(
    shown: Any, expected: tuple[float | None, float | None]
) -> None:
    assert _weights_range(shown) == expected
