"""What came of a changed setting, in words."""

from types import SimpleNamespace

import pytest

from app.components.live_settings import _has, outcome

TITLES = {"a": "Variance", "b": "MAD"}


def answer(*events: SimpleNamespace, asked: tuple[str, ...] = ("gamma",), unanswered: tuple[str, ...] = ()):
    return SimpleNamespace(problems={}, asked=asked, events=events, unanswered=unanswered)


def event(run: str, step: int, kind: str = "knob", **data: object) -> SimpleNamespace:
    return SimpleNamespace(run=run, step=step, kind=kind, data={"field": "gamma", "value": 2.0, "before": 1.0} | data)


@pytest.mark.parametrize(
    ("config", "gamma", "decay_rate"),
    [
        ({"auxiliary": "none", "schedule": "linear"}, False, False),
        ({"auxiliary": "dice", "schedule": "linear"}, True, True),
        ({"auxiliary": "dice", "schedule": "step"}, True, False),
        ({"auxiliary": "dice"}, True, True),
        ({"auxiliary": "dice", "schedule": "of-a-plugin"}, True, True),
    ],
)
def test_what_a_run_does_not_have_cannot_be_changed(config: dict[str, str], gamma: bool, decay_rate: bool) -> None:
    assert (_has("gamma", config), _has("decay_rate", config)) == (gamma, decay_rate)


def test_what_every_run_answers_alike_is_said_once() -> None:
    assert outcome(answer(event("a", 1200), event("b", 1200)), TITLES) == ["γ₀ 1 → 2 from step 1,200 on."]


def test_answers_that_differ_name_their_runs() -> None:
    assert outcome(answer(event("a", 7), event("b", 7, before=0.5)), TITLES) == [
        *("Variance: γ₀ 1 → 2 from step 7 on.", "MAD: γ₀ 0.5 → 2 from step 7 on."),
    ]


def test_a_method_is_named_as_people_write_it() -> None:
    change = event("b", 7, field="weighting", value="bayesian", before="mad")
    assert outcome(answer(change), TITLES) == ["MAD: MAD → Bayesian from step 7 on."]


def test_a_refusal_says_why() -> None:
    refusal = event("a", 7, "refused", reason="it needs more memory.")
    assert outcome(answer(refusal), TITLES) == ["Variance: γ₀ not changed to 2: it needs more memory."]


def test_what_is_not_answered_yet_is_promised() -> None:
    (sentence,) = outcome(answer(asked=("lr",), unanswered=("lr",)), TITLES)
    assert sentence.startswith("Asked for: learning rate.")


def test_nothing_asked_is_said_to_be_nothing() -> None:
    assert outcome(answer(asked=()), TITLES)[0].startswith("Nothing to change")
