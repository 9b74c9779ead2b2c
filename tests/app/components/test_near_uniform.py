"""What is said of weights that are nearly equal by construction."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.components.near_uniform import FIT, Nearly, nearly


def run(method: str, low: float | None = None, high: float | None = None, equal: float = 1 / 3) -> tuple[Any, Any]:
    bounds = None if method == "mad" else SimpleNamespace(equal=equal, reason=f"{method} is made so.")
    seen = None if low is None else SimpleNamespace(low=low, high=high)
    return {"weighting": method}, SimpleNamespace(near_uniform=bounds, spread=seen)


@pytest.mark.parametrize(
    ("equal", "low", "high", "expected"),
    [
        (1 / 3, 0.3127, 0.3559, "weights stay between 0.31 and 0.36 here, near 1/3 by construction"),
        (1 / 3, 0.33301, 0.33349, "weights stay between 0.3330 and 0.3335 here, near 1/3 by construction"),
        (1.0, 0.93, 1.07, "weights stay between 0.93 and 1.07 here, near 1 by construction"),
        (0.5, None, None, "weights stay near 1/2 by construction"),
        (0.5, 0.5, 0.5, "weights stay near 1/2 by construction"),
        (0.5, 0.5, 0.5 + 1e-9, "weights stay between 0.500000 and 0.500000 here, near 1/2 by construction"),
    ],
)
def test_a_sentence_says_where_weights_were_with_the_decimals_that_tell_them_apart(
    equal: float, low: float | None, high: float | None, expected: str
) -> None:
    assert Nearly("DWA", equal, low, high, "").sentence == f"DWA: {expected}"


def test_runs_of_one_method_are_said_once_and_other_methods_not_at_all() -> None:
    runs = [run("dwa", 0.3, 0.4), run("mad", 0, 1), run("dwa", 0.25, 0.35), run("softadapt"), run("dwa")]
    found = nearly(runs)
    assert [(each.method, each.low, each.high) for each in found] == [
        ("DWA", 0.25, 0.4),
        ("SoftAdapt", None, None),
    ]
    assert found[0].reason == "dwa is made so."


def test_methods_whose_weights_have_other_sums_are_said_apart() -> None:
    assert [each.equal for each in nearly([run("dwa"), run("dwa", equal=1.0)])] == [1 / 3, 1.0]


def test_the_choice_is_offered_beside_the_sentence_and_only_where_there_is_one() -> None:
    def script() -> None:
        import streamlit as st

        from app.components.near_uniform import Nearly, note

        st.write(note([], key="none"), note([Nearly("DWA", 0.5, 0.4, 0.6, "Why.")], key="fit"))

    test = AppTest.from_function(script).run()
    assert [toggle.label for toggle in test.toggle] == [FIT]
    assert test.caption[0].value == "DWA: weights stay between 0.40 and 0.60 here, near 1/2 by construction"
    assert test.caption[0].help == "Why."
    assert test.markdown[-1].value == "`False` `False`"
    test.toggle(key="fit").set_value(True).run()
    assert test.markdown[-1].value == "`False` `True`"
