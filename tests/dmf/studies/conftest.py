"""The smallest study that learns."""

import pytest

from dmf.studies import Axis, StudyPlan


@pytest.fixture
def small_plan(tiny_texts):
    """Two configurations, two repeats."""

    def make(**changes):
        base = {name: value for name, value in tiny_texts.items() if name != "seed"}
        axes = (Axis(field="weighting", values=("mad", "fixed")),)
        given = {"name": "small", "base": base, "axes": axes, "repeats": 2, "reference": "fixed"}
        return StudyPlan(**{**given, **changes})

    return make
