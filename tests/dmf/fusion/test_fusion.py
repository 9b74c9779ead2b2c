import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.schedule import AuxiliarySchedule
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import Combined, FixedWeighting, StepState, VarianceWeighting


def fixed(schedule: AuxiliarySchedule | None = None) -> Fusion:
    return Fusion(FixedWeighting(2, weights=(0.25, 0.75)), schedule=schedule)


def variance() -> Fusion:
    return Fusion(VarianceWeighting(2, history_min=2, symlog=False, minmax=False), history_max=4)


def losses(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_total_is_the_weighted_sum_plus_the_fading_auxiliary_loss() -> None:
    # 0.25 * 2 + 0.75 * 4 = 3.5; gamma 5 exp(-0.05 s) with s = floor(t / 2) = 0, 0, 1, 1, 2; auxiliary loss 0.4
    fusion = fixed(AuxiliarySchedule(gamma=5, rate=0.05, every=2))
    parts = Parts(losses(2, 4), losses(0.4)[0])
    for periods in (0, 0, 1, 1, 2):
        fused = fusion(parts)
        assert fused.gamma == pytest.approx(5 * math.exp(-0.05 * periods))
        assert fused.total.item() == pytest.approx(3.5 + 5 * math.exp(-0.05 * periods) * 0.4)
        assert fused.auxiliary is not None
        assert fused.auxiliary.item() == pytest.approx(0.4)
        assert fused.weights.tolist() == [0.25, 0.75]
        assert fused.terms.tolist() == [2, 4]


def test_gamma_is_outside_the_weights_and_the_auxiliary_loss_has_its_gradient() -> None:
    fusion = fixed(AuxiliarySchedule(gamma=3))
    terms, auxiliary = losses(2, 4).requires_grad_(), losses(0.4)[0].requires_grad_()
    fused = fusion(Parts(terms, auxiliary))
    fused.total.backward()
    assert terms.grad is not None
    assert auxiliary.grad is not None
    assert terms.grad.tolist() == [0.25, 0.75]
    assert auxiliary.grad.item() == 3
    assert fused.weights.sum().item() == 1


def test_without_an_auxiliary_loss_gamma_is_zero() -> None:
    fused = fixed(AuxiliarySchedule(gamma=5))(losses(2, 4))
    assert fused.auxiliary is None
    assert fused.gamma == 0
    assert fused.total.item() == 3.5


def test_the_adaptive_total_by_hand() -> None:
    # t = 1: windows 3, 1 and 1, 5 have variances 1 and 4: 0.2 * 1 + 0.8 * 5 = 4.2
    fusion = variance()
    assert fusion(losses(3, 1)).total.item() == 2  # equal weights until two values are there
    fused = fusion(losses(1, 5))
    torch.testing.assert_close(fused.weights, losses(0.2, 0.8))
    assert fused.total.item() == pytest.approx(4.2)


def test_a_tensor_a_list_and_parts_are_the_same() -> None:
    rows = torch.rand(6, 2, generator=torch.Generator().manual_seed(0))
    one, two, three = variance(), variance(), variance()
    for row in rows:
        totals = [one(row).total, two([row[0], row[1]]).total, three(Parts(row)).total]
        assert totals[0] == totals[1] == totals[2]


@pytest.mark.parametrize("wrong", [torch.rand(3), torch.rand(2, 2), torch.rand(1)])
def test_another_number_of_losses_is_refused(wrong: Tensor) -> None:
    with pytest.raises(ConfigError, match=r"`losses` must be 2 scalar losses, got shape \(") as caught:
        fixed()(wrong)
    assert caught.value.field == "terms"


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        ([], "none"),
        ([1.0, 2.0], "float"),
        ([torch.tensor(1.0), 2.0], r"\(\), float"),
        ([torch.ones(2), torch.ones(1)], "2"),
    ],
)
def test_anything_but_scalar_tensors_is_refused(wrong: list[Tensor], got: str) -> None:
    with pytest.raises(ConfigError, match=rf"`losses` must be scalar tensors of one shape \(\), got .*{got}"):
        Fusion(FixedWeighting(2))(wrong)


@pytest.mark.parametrize("wrong", [None, 5])
def test_what_is_no_losses_at_all_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=rf"`losses` must be a tensor \(K,\), .*; got {wrong}"):
        Fusion(FixedWeighting(2))(wrong)


def test_the_plain_loop_of_the_readme_trains_a_network() -> None:
    torch.manual_seed(0)
    network, fusion = nn.Linear(3, 1), Fusion(VarianceWeighting(2, history_min=3), history_max=10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    image, target = torch.randn(16, 3), torch.randn(16, 1)
    totals = []
    for _ in range(20):
        error = network(image) - target
        fused = fusion([error.square().mean(), error.abs().mean()])
        optimizer.zero_grad()
        fused.total.backward()
        optimizer.step()
        totals.append(fused.total.item())
    assert totals[-1] < totals[0]
    assert fused.weights[0] != fused.weights[1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_step_that_is_not_finite_teaches_nothing_and_is_counted(bad: float) -> None:
    fusion = variance()
    for row in ((3, 1), (1, 5), (2, 2)):
        last = fusion(losses(*row))
    memory = fusion.history.values.clone()
    for in_row in (1, 2):
        fused = fusion(losses(1, bad))
        assert not fused.finite
        assert not torch.isfinite(fused.total)  # so that a gradient scaler skips the step
        assert torch.equal(fused.weights, last.weights)
        assert torch.equal(fusion.history.values, memory)
        assert fusion.history.filled.tolist() == [3, 3]
        assert (fusion.skipped.item(), fusion.skipped_in_row.item()) == (in_row, in_row)
    assert fusion(losses(1, 2)).finite
    assert (fusion.skipped.item(), fusion.skipped_in_row.item()) == (2, 0)
    assert fusion.history.filled.tolist() == [4, 4]
    assert fusion.step == 6


def test_a_first_step_that_is_not_finite_uses_the_starting_weights() -> None:
    fusion = variance()
    assert fusion(losses(math.nan, 1)).weights.tolist() == [0.5, 0.5]
    assert fusion.history.filled.tolist() == [0, 0]


def test_an_auxiliary_loss_that_is_not_finite_spoils_the_step_too() -> None:
    fusion = variance()
    fused = fusion(Parts(losses(1, 2), losses(math.nan)[0]))
    assert not fused.finite
    assert fusion.history.filled.tolist() == [0, 0]
    assert fusion.skipped.item() == 1


def test_evaluation_uses_the_last_weights_and_moves_no_counter() -> None:
    fusion = fixed(AuxiliarySchedule(gamma=1, rate=1))
    parts = Parts(losses(2, 4), losses(1)[0])
    fusion(parts)
    fusion.eval()
    for _ in range(3):
        assert fusion(parts).gamma == pytest.approx(math.exp(-1))
    assert fusion(losses(math.nan, 1)).weights.tolist() == [0.25, 0.75]
    assert fusion.step == 1
    assert fusion.skipped.item() == 0
    assert fusion.history.filled.tolist() == [1, 1]
    fusion.train()
    assert fusion(parts).gamma == pytest.approx(math.exp(-1))
    assert fusion(parts).gamma == pytest.approx(math.exp(-2))


def test_state_dict_holds_the_step_the_counters_and_the_memory() -> None:
    fusion = Fusion(VarianceWeighting(2, history_min=2), history_max=4, schedule=AuxiliarySchedule(rate=0.5, every=3))
    for row in ((3, 1), (math.nan, 5), (2, 2), (1, math.inf), (1, 1)):
        fusion(losses(*row))
    other = Fusion(VarianceWeighting(2, history_min=2), history_max=4, schedule=AuxiliarySchedule(rate=0.5, every=3))
    other.load_state_dict(fusion.state_dict())
    assert other.step == 5
    assert other.skipped.item() == 2
    assert other.skipped_in_row.item() == 0
    parts = Parts(losses(0.5, 4), losses(1)[0])
    for _ in range(4):
        one, two = fusion(parts), other(parts)
        assert torch.equal(one.total, two.total)
        assert torch.equal(one.weights, two.weights)
        assert one.gamma == two.gamma


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_losses_are_combined_in_single_precision(dtype: torch.dtype) -> None:
    fused = fixed()(torch.tensor([2.0, 4.0], dtype=dtype))
    assert fused.total.dtype == torch.float32
    assert fused.total.item() == 3.5


def test_a_memory_longer_than_needed_is_fine_and_one_too_short_is_refused() -> None:
    with pytest.raises(ConfigError, match="`history_max` must be at least 10, the weighting's `history_min`, got 9"):
        Fusion(VarianceWeighting(2), history_max=9)
    Fusion(VarianceWeighting(2), history_max=10)
    Fusion(FixedWeighting(2), history_max=2)


def test_a_weighting_that_returns_something_else_is_told_what_to_return() -> None:
    class Unfinished(FixedWeighting):
        def forward(self, state: StepState) -> Combined:
            return state.terms.sum()  # type: ignore[return-value]

    message = r"Unfinished\.forward: expected Combined\(total, weights\), got Tensor\. Return dmf\.weighting\.Combined"
    with pytest.raises(ConfigError, match=message):
        Fusion(Unfinished(2))(torch.ones(2))
