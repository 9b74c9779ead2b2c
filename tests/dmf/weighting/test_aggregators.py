"""Torchjd itself is the oracle: its aggregators on the Jacobian of a network."""

import sys
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchjd import aggregation
from torchjd.linalg import QuadprogProjector

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import (
    AlignedMTLWeighting,
    DualProjWeighting,
    GramianWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    PCGradWeighting,
    UPGradWeighting,
    gradients,
)

# Regularised so little that only its own numerics differ from ours, which are on gradients of unit length.
EXACTLY: Any = {"projector": QuadprogProjector(norm_eps=0.0, reg_eps=1e-10)}
RULES: dict[Any, Any] = {
    UPGradWeighting: partial(aggregation.UPGrad, **EXACTLY),
    DualProjWeighting: partial(aggregation.DualProj, **EXACTLY),
    MGDAWeighting: aggregation.MGDA,
    IMTLGWeighting: aggregation.IMTLG,
    AlignedMTLWeighting: aggregation.AlignedMTL,
    PCGradWeighting: aggregation.PCGrad,
}
TO_ROUNDING = {"rtol": 1e-9, "atol": 1e-12}
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


class Bench:
    """A network of one layer and losses that pull at it; ``pulls`` (K, 4) are their gradients at the logits."""

    def __init__(self, pulls: Tensor, scale: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(1)
        self.layer = nn.Linear(3, 4).double()
        self.pulls = pulls * scale
        self.x = torch.randn(3, generator=generator, dtype=torch.float64)

    def parts(self) -> Parts:
        logits = self.layer(self.x)
        return Parts(self.pulls @ logits + 1, logits=logits)

    def jacobian(self) -> Tensor:
        rows = gradients(self.parts().terms, tuple(self.layer.parameters()))
        return torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in rows])

    def step(self, weighting: GramianWeighting) -> tuple[Tensor, Tensor]:
        """Weights, and the gradient that the optimizer sees."""
        fused = Fusion(weighting).watch(self.layer.parameters())(self.parts())
        self.layer.zero_grad()
        fused.total.backward()
        return fused.weights, torch.cat([parameter.grad.reshape(-1) for parameter in self.layer.parameters()])


@pytest.fixture
def conflict() -> Tensor:
    """Gradients of different lengths: the first two are in conflict, and the second with the sum."""
    return torch.tensor([[2.0, 1.0, 0.0, 1.0], [-0.5, 0.1, 0.2, -0.1], [0.1, 0.0, 0.7, 0.2]], dtype=torch.float64)


def close_to(rule: Any) -> dict[str, float]:
    """Torchjd's regularisation, relative to gradients of unit length, is what the projecting rules differ by."""
    return {"rtol": 2e-3, "atol": 2e-4} if "projector" in getattr(RULES[rule], "keywords", {}) else TO_ROUNDING


@every_rule
@pytest.mark.parametrize("sum_to", ["1", "K"])
def test_the_gradient_is_torchjds_but_for_its_length(rule: Any, sum_to: str, conflict: Tensor) -> None:
    if rule is PCGradWeighting:
        pytest.skip("draws orders; see the test of its own")
    bench = Bench(conflict)
    weights, gradient = bench.step(rule(3, sum_to=sum_to))
    theirs = RULES[rule]()
    jacobian = bench.jacobian()
    expected = theirs(jacobian) / theirs.gramian_weighting(jacobian @ jacobian.T).sum() * (1 if sum_to == "1" else 3)
    torch.testing.assert_close(gradient, expected, **close_to(rule))
    assert weights.sum().item() == pytest.approx(1 if sum_to == "1" else 3)


def test_pcgrad_is_torchjds_for_the_same_orders(conflict: Tensor) -> None:
    # in every order: the first two are in conflict and the third with none, so orders change nothing here
    conflict[2] = torch.tensor([0.0, 0.0, 0.0, 0.0001])
    conflict[:, 3] = torch.tensor([0.0, 0.0, 0.7])
    bench = Bench(conflict)
    _, gradient = bench.step(PCGradWeighting(3))
    theirs = aggregation.PCGrad()
    jacobian = bench.jacobian()
    expected = theirs(jacobian) / theirs.gramian_weighting(jacobian @ jacobian.T).sum()
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


@every_rule
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_gradients_of_any_size_count_alike(rule: Any, scale: float, conflict: Tensor) -> None:
    # torchjd's projection takes a Gramian with a trace below 1e-4 for zero, as it would be at the logits of an image
    weights, _ = Bench(conflict).step(rule(3))
    scaled, _ = Bench(conflict, scale).step(rule(3))
    torch.testing.assert_close(scaled, weights, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.prefers], ids=lambda rule: rule.__name__)
def test_preferences_are_torchjds(rule: Any, conflict: Tensor) -> None:
    bench = Bench(conflict)
    weights, _ = bench.step(rule(3, weights=(3, 1, 0)))
    jacobian = bench.jacobian()
    prefer = torch.tensor([0.75, 0.25, 0.0], dtype=torch.float64)
    expected = RULES[rule](pref_vector=prefer).gramian_weighting(jacobian @ jacobian.T)
    torch.testing.assert_close(weights, expected / expected.sum(), **close_to(rule))


@pytest.mark.parametrize("rule", [UPGradWeighting, DualProjWeighting])
@pytest.mark.parametrize("longer", [1.0, 30.0, 100.0, 1e3, 1e4])
def test_no_loss_is_harmed_however_short_its_gradient_is_beside_another(rule: Any, longer: float) -> None:
    pulls = torch.tensor([[1.0, 0.5, 0.0, 0.0], [-longer, longer, 0.0, 0.0]], dtype=torch.float64)
    bench = Bench(pulls)
    _, step = bench.step(rule(2))
    for own in bench.jacobian():
        assert own @ step / own.norm() / step.norm() >= -1e-3


def test_two_equally_long_opposed_gradients_by_hand() -> None:
    # g1 = (1, 0), g2 = (-0.6, 0.8): inner product -0.6. UPGrad: g1 + 0.6 g2 and g2 + 0.6 g1, both weights 1.6 / 2, so
    # they are equal. MGDA: by symmetry equal too.
    pulls = torch.tensor([[1.0, 0.0, 0.0, 0.0], [-0.6, 0.8, 0.0, 0.0]], dtype=torch.float64)
    for rule in (UPGradWeighting, MGDAWeighting, PCGradWeighting, IMTLGWeighting, AlignedMTLWeighting):
        assert Bench(pulls).step(rule(2))[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


def test_mgda_by_hand() -> None:
    # orthogonal gradients of lengths 1 and 2: the shortest mean has weights 4/5 and 1/5
    pulls = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]], dtype=torch.float64)
    assert Bench(pulls).step(MGDAWeighting(2))[0].tolist() == pytest.approx([0.8, 0.2], abs=1e-3)


def test_imtl_g_by_hand() -> None:
    # orthogonal gradients of lengths 1 and 2: equal projections need w1 1 = w2 2, so 2/3 and 1/3
    pulls = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]], dtype=torch.float64)
    assert Bench(pulls).step(IMTLGWeighting(2))[0].tolist() == pytest.approx([2 / 3, 1 / 3])


@every_rule
def test_a_loss_without_gradient_has_no_weight_and_leaves_the_others_alone(rule: Any, conflict: Tensor) -> None:
    with_zero = torch.cat((conflict[:2], torch.zeros(1, 4, dtype=torch.float64)))
    weights, _ = Bench(with_zero).step(rule(3))
    without, _ = Bench(conflict[:2]).step(rule(2))
    torch.testing.assert_close(weights, torch.cat((without, torch.zeros(1))), rtol=1e-9, atol=1e-12)


@every_rule
def test_where_no_loss_has_a_gradient_the_weights_stay(rule: Any) -> None:
    weighting = rule(3, weights=(1, 2, 1))
    weights, gradient = Bench(torch.zeros(3, 4, dtype=torch.float64)).step(weighting)
    assert weights.tolist() == [0.25, 0.5, 0.25]
    assert not gradient.any()


def test_weights_that_cancel_out_leave_the_last_ones() -> None:
    # g2 = -g1: aligned they are one direction, seen from both sides; its weights are 1/4 (1 - 1) = 0 each
    pulls = torch.tensor([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert Bench(pulls).step(AlignedMTLWeighting(2))[0].tolist() == [0.5, 0.5]


@every_rule
def test_a_gradient_that_is_not_finite_leaves_the_last_weights(rule: Any, conflict: Tensor) -> None:
    bench, weighting = Bench(conflict), rule(3)
    before, _ = bench.step(weighting)
    bench.pulls[1, 0] = torch.inf  # times x it is infinite or NaN; the losses are told apart below
    fusion = Fusion(weighting).watch(bench.layer.parameters())
    parts = bench.parts()
    finite = Parts(torch.where(parts.terms.isfinite(), parts.terms, 1.0), logits=parts.logits)
    assert torch.equal(fusion(finite).weights, before)
    assert torch.isfinite(finite.terms).all()


def test_orders_of_pcgrad_follow_from_seed_and_step_and_disturb_no_other_draw() -> None:
    three = torch.tensor([[1.0, 0.0, 0, 0], [-0.9, 0.3, 0, 0], [-0.2, -0.8, 0.3, 0]], dtype=torch.float64)
    bench = Bench(three)

    def weights(seed: int) -> list[list[float]]:
        fusion = Fusion(PCGradWeighting(3, weight_seed=seed)).watch(bench.layer.parameters())
        return [fusion(bench.parts()).weights.tolist() for _ in range(8)]

    before = torch.get_rng_state()
    first = weights(0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert weights(0) == first
    assert weights(1) != first
    assert len({tuple(row) for row in first}) > 1


def test_nothing_of_torchjd_is_in_a_checkpoint() -> None:
    assert set(UPGradWeighting(3, weights=(1, 2, 3)).state_dict()) == {"weights"}


@pytest.mark.parametrize("absent", ["torchjd", "quadprog"])
def test_without_torchjd_or_its_solver_it_says_what_to_install(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if absent == "torchjd":
        monkeypatch.setitem(sys.modules, "torchjd", None)
    else:
        from torchjd import _mixins

        own = _mixins.find_spec
        monkeypatch.setattr(_mixins, "find_spec", lambda name: None if name == absent else own(name))
    with pytest.raises(
        ConfigError, match=r"UPGradWeighting needs torchjd .* Run: pip install 'dmf\[gradients\]'"
    ) as error:
        UPGradWeighting(3)
    assert error.value.field == "weighting"
