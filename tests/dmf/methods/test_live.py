import pytest
import torch

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.methods.live import LiveHistory
from dmf.weighting import WEIGHTINGS, build_weighting

LOSSES = torch.tensor([[1.0, 0.5], [0.9, 0.6], [0.8, 0.3]], dtype=torch.float64)


def live(name: str, **options) -> LiveHistory:
    config = FusionConfig(weighting=name, terms=("a", "b"), history_min=2, **options)
    return LiveHistory(Fusion(build_weighting(config)))


def test_losses_have_exactly_the_given_values_and_a_pull_each():
    stepped = live("fixed")
    parts = stepped.losses(LOSSES[0])
    assert parts.terms.tolist() == LOSSES[0].tolist()
    slopes = [torch.autograd.grad(term, stepped.network, retain_graph=True)[0] for term in parts.terms]
    # d (L exp(c x)) / dx = L c at x = 0: as high as the loss is, in a direction of its own.
    for slope, value, pull in zip(slopes, LOSSES[0], stepped.pulls, strict=True):
        torch.testing.assert_close(slope, value * pull)


def test_pulls_go_with_their_losses():
    fusion = Fusion(build_weighting(FusionConfig(weighting="fixed", terms=("a", "b"))))
    assert torch.equal(LiveHistory(fusion, order=[1, 0]).pulls, live("fixed").pulls[[1, 0]])


def test_a_rule_from_loss_values_gets_the_weights_of_its_replay():
    torch.testing.assert_close(
        live("mad").run(LOSSES),
        build_weighting(FusionConfig(weighting="mad", terms=("a", "b"), history_min=2)).replay(LOSSES, 100),
    )


def test_what_is_learned_is_trained_and_a_second_look_is_taken():
    for name in ("uncertainty", "famo"):
        weights = live(name).run(LOSSES)
        assert not torch.equal(weights[0], weights[2]), name


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_that_is_not_finite_trains_nothing(optimizer):
    config = FusionConfig(weighting="fixed", terms=("a", "b"))
    stepped = LiveHistory(Fusion(build_weighting(config)), optimizer=optimizer)
    stepped.step(torch.tensor([1.0, torch.nan], dtype=torch.float64))
    assert not stepped.network.any()
    stepped.step(LOSSES[0])
    assert stepped.network.all()


def test_every_method_can_be_stepped():
    for name in WEIGHTINGS:
        assert live(name).run(LOSSES[:2]).shape == (2, 2), name
