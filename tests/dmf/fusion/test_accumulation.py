"""Several micro-batches as one optimizer step."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.schedule import AuxiliarySchedule
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import WEIGHTINGS, FixedWeighting, VarianceWeighting, Weighting, build_weighting

MEMORY = 6
# Rules whose weights of a step are known before it, so that every micro-batch has those of the large batch.
KNOWN_BEFORE = ("fixed", "cov", "dwa", "random", "uncertainty", "imtl-l", "gradnorm")
every_method = pytest.mark.parametrize("name", WEIGHTINGS)


def build(name: str) -> Weighting:
    common = {"terms": ("a", "b", "c"), "history_min": 3, "history_max": MEMORY, "block_steps": 2, "window": 3}
    return build_weighting(FusionConfig(weighting=name, **common))


class Training:
    """A linear network on batches of 8 rows, in micro-batches of 8 / ``parts``; its losses are means over rows."""

    def __init__(self, name: str, parts: int, *, as_block: bool = False, optimizer: str = "sgd") -> None:
        torch.manual_seed(0)
        self.network = nn.Linear(4, 3).double()
        schedule = AuxiliarySchedule(gamma=2.0, rate=0.1)
        accumulate = 1 if as_block else parts
        self.fusion = Fusion(build(name), history_max=MEMORY, schedule=schedule, accumulate=accumulate)
        self.fusion.watch(self.network.parameters())
        kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
        self.optimizer = kind(self.network.parameters(), lr=0.05)
        self.fusion.join(self.optimizer)
        self.parts, self.as_block, self.weights = parts, as_block, []

    def losses(self, rows: Tensor) -> Parts:
        logits = self.network(rows)
        terms = (logits.square() * torch.tensor([1.0, 3.0, 0.3])).mean(0) + 0.1
        return Parts(terms, logits.abs().mean(), logits)

    def step(self, rows: Tensor, after: nn.Module | None = None) -> None:
        """``after`` is a network to be like after the step."""
        self.optimizer.zero_grad()
        if self.as_block:
            with self.fusion.accumulating():
                self._micro_batches(rows)
        else:
            self._micro_batches(rows)
        self.optimizer.step()
        if after is not None:
            self.network.load_state_dict(after.state_dict())
        if self.fusion.weighting.looks_twice:
            self.fusion.after_step(self.losses(rows))

    def _micro_batches(self, rows: Tensor) -> None:
        self.weights = []
        for part in rows.chunk(self.parts):
            fused = self.fusion(self.losses(part))
            (fused.total / self.parts).backward()
            self.weights.append(fused.weights)
        self.gamma, self.terms = fused.gamma, fused.terms


def batches(steps: int = 12) -> Tensor:
    return torch.randn(steps, 8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("as_block", [False, True], ids=["accumulate", "block"])
@every_method
def test_memory_weights_step_and_gamma_are_those_of_the_large_batch(name: str, as_block: bool) -> None:
    large, small = Training(name, 1), Training(name, 4, as_block=as_block)
    for rows in batches():
        small.network.load_state_dict(large.network.state_dict())  # so that only the fusions can differ
        for one, other in zip(large.fusion.parameters(), small.fusion.parameters(), strict=True):
            other.data.copy_(one)
        large.step(rows)
        small.step(rows, after=large.network)
        torch.testing.assert_close(small.weights[-1], large.weights[-1], rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(small.terms, large.terms, rtol=1e-12, atol=0)
        assert (small.fusion.step, small.gamma) == (large.fusion.step, large.gamma)
    torch.testing.assert_close(small.fusion.history.values, large.fusion.history.values, rtol=1e-12, atol=0)
    assert small.fusion.history.filled.tolist() == [MEMORY] * 3


@pytest.mark.parametrize("name", KNOWN_BEFORE)
def test_where_weights_are_known_before_the_step_the_network_is_that_of_the_large_batch(name: str) -> None:
    large, small = Training(name, 1, optimizer="adam"), Training(name, 4, optimizer="adam")
    for rows in batches():
        large.step(rows)
        small.step(rows)
        if name != "gradnorm":  # whose length at a step is that of the micro-batches so far, but not its weight
            assert all(torch.allclose(each, small.weights[0]) for each in small.weights)
    for one, other in zip(large.network.parameters(), small.network.parameters(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9)


def test_ten_steps_of_four_micro_batches_are_ten_steps() -> None:
    # gamma 2 exp(-0.045 * 10) = 2 * 0.638; not 2 exp(-0.045 * 40) = 2 * 0.165
    fusion = Fusion(FixedWeighting(1), schedule=AuxiliarySchedule(gamma=2.0, rate=0.045), accumulate=4)
    parts = Parts(torch.ones(1), torch.tensor(1.0))
    for _ in range(40):
        fusion(parts)
    assert fusion.step == 10
    assert fusion(parts).gamma == pytest.approx(2 * math.exp(-0.45))


def test_a_micro_batch_that_is_not_finite_spoils_its_step_and_no_other() -> None:
    fusion = Fusion(VarianceWeighting(2, history_min=2), history_max=4, accumulate=3)
    seen = [fusion(torch.tensor([1.0, value])) for value in (1.0, math.nan, 2.0, 3.0, 3.0, 3.0)]
    assert [bool(fused.finite) for fused in seen] == [True, False, False, True, True, True]
    assert [bool(fused.total.isfinite()) for fused in seen] == [True, False, False, True, True, True]
    assert fusion.history.values[:, -2:].tolist() == [[0, 1], [0, 3]]
    assert fusion.history.filled.tolist() == [1, 1]
    assert (fusion.skipped.item(), fusion.skipped_in_row.item()) == (1, 0)


def test_a_loss_absent_from_some_micro_batches_is_the_mean_of_those_that_have_it() -> None:
    fusion = Fusion(FixedWeighting(2), accumulate=2)
    fusion([torch.tensor(1.0), torch.tensor(3.0)])
    fusion([torch.tensor(2.0), None])
    assert fusion.history.values[:, -1].tolist() == [1.5, 3.0]
    fusion([torch.tensor(5.0), None])
    fusion([torch.tensor(7.0), None])
    assert fusion.history.values[:, -1].tolist() == [6.0, 3.0]
    assert fusion.history.filled.tolist() == [2, 1]


def test_a_step_of_fewer_micro_batches_can_be_ended() -> None:
    fusion = Fusion(FixedWeighting(1), accumulate=4)
    fusion(torch.tensor([1.0]))
    fusion(torch.tensor([3.0]))
    fusion.end_step()
    fusion(torch.tensor([9.0]))
    assert fusion.step == 2
    assert fusion.history.values[0, -2:].tolist() == [2.0, 9.0]


def test_evaluation_within_a_step_changes_nothing_and_belongs_to_none() -> None:
    fusion = Fusion(VarianceWeighting(2, history_min=2), history_max=4, accumulate=2)
    fusion(torch.tensor([1.0, 2.0]))
    before = copy.deepcopy(dict(fusion.state_dict()))
    fusion.eval()(torch.tensor([8.0, 9.0]))
    assert all(torch.equal(value, before[key]) for key, value in fusion.state_dict().items())
    fusion.train()(torch.tensor([3.0, 4.0]))
    assert fusion.history.values[:, -1].tolist() == [2.0, 3.0]


def test_a_copy_begins_a_step_of_its_own() -> None:
    fusion = Fusion(FixedWeighting(1), accumulate=2)
    fusion(torch.tensor([1.0]))
    other = copy.deepcopy(fusion)
    other(torch.tensor([5.0]))
    assert (fusion.step, other.step) == (1, 2)
    assert other.history.values[0, -2:].tolist() == [1.0, 5.0]


@pytest.mark.parametrize("wrong", [0, -1, 1.5])
def test_an_impossible_number_is_refused(wrong: float) -> None:
    with pytest.raises(ConfigError, match="`accumulate` must be a whole number of at least 1, got"):
        Fusion(FixedWeighting(1), accumulate=wrong)  # type: ignore[arg-type]


def test_what_goes_with_no_micro_batches_is_refused() -> None:
    with pytest.raises(ConfigError, match="`detach_weights=False` takes the gradient of weights"):
        Fusion(FixedWeighting(1), accumulate=2, detach_weights=False)(torch.ones(1))
    fusion = Fusion(FixedWeighting(1))
    with (
        pytest.raises(ConfigError, match=r"A block of `fusion\.accumulating\(\)` cannot lie in another"),
        fusion.accumulating(),
        fusion.accumulating(),
    ):
        pass
