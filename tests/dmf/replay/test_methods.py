"""What the lab offers for each method."""

from dmf import declared
from dmf.config import FusionConfig
from dmf.replay import replayable_methods


def test_the_rules_of_the_paper_are_there_with_their_memory() -> None:
    found = replayable_methods()
    for name in ("variance", "mad", "bayesian"):
        assert {"history_min", "history_max"} <= set(found[name].options)
    assert {"prior", "rho"} <= set(found["bayesian"].options)
    assert "rho" not in found["variance"].options


def test_rules_with_a_memory_of_their_own_do_not_offer_the_history() -> None:
    found = replayable_methods()
    for name in ("dwa", "cov", "fixed"):
        assert "history_max" not in found[name].options
    # Its window lies within the memory, which has to be as long.
    assert {"window", "history_max"} <= set(found["softadapt"].options)


def test_methods_that_need_more_than_losses_are_not_there() -> None:
    assert "gradnorm" not in replayable_methods()


def test_every_option_is_a_setting() -> None:
    for method in replayable_methods().values():
        assert set(method.options) <= {*FusionConfig.model_fields, *declared.words()}
