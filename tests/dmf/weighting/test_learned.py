"""What the two learned rules share: their optimizer, their limits, what a loop must not forget, adjustments."""

import copy
import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.weighting import IMTLLWeighting, LearnedWeighting, UncertaintyWeighting

BOTH = pytest.mark.parametrize("rule", [UncertaintyWeighting, IMTLLWeighting])
FORGOTTEN = r"no optimizer trains them: the network has moved and they have not\. Call `fusion\.join\(optimizer\)` once"


class Loop:
    """A loop of someone's own around a small network."""

    def __init__(self, fusion: Fusion, optimizer: type[torch.optim.Optimizer] = torch.optim.Adam, **options: Any):
        torch.manual_seed(0)
        self.network, self.fusion = nn.Linear(4, fusion.weighting.count), fusion
        self.optimizer = optimizer(self.network.parameters(), lr=0.01, **options)

    def losses(self) -> Tensor:
        return self.network(torch.rand(5, 4)).square().mean(0)

    def step(self) -> None:
        fused = self.fusion(self.losses())
        self.optimizer.zero_grad()
        fused.total.backward()
        self.optimizer.step()


@BOTH
def test_its_parameters_join_an_optimizer_without_weight_decay_and_with_its_own_rate(
    rule: type[LearnedWeighting],
) -> None:
    fusion = Fusion(rule(3, weights_lr=0.5))
    loop = Loop(fusion, weight_decay=0.1)
    fusion.join(loop.optimizer)
    fusion.join(loop.optimizer)  # a second time changes nothing
    network, learned = loop.optimizer.param_groups
    assert [id(parameter) for parameter in learned["params"]] == [id(fusion.weighting.s)]
    assert (network["lr"], network["weight_decay"]) == (0.01, 0.1)
    assert (learned["lr"], learned["weight_decay"]) == (0.5, 0.0)


@BOTH
def test_its_rate_is_the_networks_when_none_is_given(rule: type[LearnedWeighting]) -> None:
    fusion = Fusion(rule(3))
    loop = Loop(fusion)
    fusion.join(loop.optimizer)
    assert [group["lr"] for group in loop.optimizer.param_groups] == [0.01, 0.01]


def test_a_weighting_that_learns_nothing_leaves_the_optimizer_as_it_is() -> None:
    from dmf.weighting import MADWeighting

    fusion = Fusion(MADWeighting(3))
    loop = Loop(fusion)
    fusion.join(loop.optimizer)
    assert len(loop.optimizer.param_groups) == 1


@BOTH
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.Adam, {}),
        (torch.optim.Adam, {"fused": True}),
        (torch.optim.Adam, {"foreach": False}),
        (torch.optim.SGD, {"momentum": 0.9}),
    ],
)
def test_a_loop_that_forgot_the_parameters_is_told_so(
    rule: type[LearnedWeighting], optimizer: type[torch.optim.Optimizer], options: dict[str, Any]
) -> None:
    loop = Loop(Fusion(rule(3)), optimizer, **options)
    loop.step()
    loop.step()
    with pytest.raises(ConfigError, match=FORGOTTEN):
        loop.step()


@BOTH
def test_where_the_host_cannot_read_a_parameter_its_version_tells(
    rule: type[LearnedWeighting], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dmf.weighting import host

    monkeypatch.setattr(host, "HOST", "no device")
    loop = Loop(Fusion(rule(3)))
    loop.step()
    loop.step()
    with pytest.raises(ConfigError, match=FORGOTTEN):
        loop.step()


@BOTH
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_loop_that_trains_the_parameters_goes_on(rule: type[LearnedWeighting], by_hand: bool) -> None:
    loop = Loop(Fusion(rule(3)))
    if by_hand:
        loop.optimizer = torch.optim.Adam([*loop.network.parameters(), *loop.fusion.parameters()], lr=0.01)
    else:
        loop.fusion.join(loop.optimizer)
    for _ in range(6):
        loop.step()
    assert not torch.allclose(loop.fusion.weighting.s, torch.zeros(3, dtype=torch.float64))


@BOTH
def test_a_loop_that_adds_up_gradients_over_batches_goes_on(rule: type[LearnedWeighting]) -> None:
    loop = Loop(Fusion(rule(3)))
    loop.fusion.join(loop.optimizer)
    for batch in range(12):
        loop.fusion(loop.losses()).total.backward()
        if batch % 6 == 5:
            loop.optimizer.step()
            loop.optimizer.zero_grad()
    assert loop.fusion.step == 12


@BOTH
def test_a_loop_may_leave_the_parameters_as_they_are_on_purpose(rule: type[LearnedWeighting]) -> None:
    loop = Loop(Fusion(rule(3)))
    loop.fusion.requires_grad_(False)
    for _ in range(5):
        loop.step()
    assert torch.equal(loop.fusion.weighting.s, torch.zeros(3, dtype=torch.float64))


@BOTH
def test_a_network_that_stands_still_is_no_mistake(rule: type[LearnedWeighting]) -> None:
    loop = Loop(Fusion(rule(3)))
    for _ in range(5):
        loop.fusion(loop.losses()).total.backward()
    assert loop.fusion.step == 5


@BOTH
def test_a_fusion_can_be_copied_and_pickled_in_mid_training(rule: type[LearnedWeighting]) -> None:
    loop = Loop(Fusion(rule(3)))
    loop.fusion.join(loop.optimizer)
    loop.step()
    file = io.BytesIO()
    torch.save(loop.fusion, file)
    file.seek(0)
    for twin in (copy.deepcopy(loop.fusion), torch.load(file, weights_only=False)):
        assert torch.equal(twin.weighting.s, loop.fusion.weighting.s)
        twin(torch.ones(3))


@BOTH
def test_parameters_stay_within_their_limits_and_come_back_at_once(rule: type[LearnedWeighting]) -> None:
    weighting = rule(2)
    fusion = Fusion(weighting)
    with torch.no_grad():
        weighting.s.copy_(torch.tensor([-1000.0, 1000.0]))
    fused = fusion(torch.ones(2, dtype=torch.float64))
    assert weighting.s.tolist() == [-10, 10]
    half = 0.5 if rule is UncertaintyWeighting else 1
    assert sorted(fused.weights.tolist()) == pytest.approx([half * math.exp(-10), half * math.exp(10)])
    fused.total.backward()
    assert (weighting.s.grad != 0).all()  # where the loss asks for another weight, it can have it


@BOTH
def test_weights_start_in_the_proportions_that_are_given(rule: type[LearnedWeighting]) -> None:
    equal = rule(3).weights
    # 2 : 6 : 4 is 0.5 : 1.5 : 1 times the equal ones
    expected = equal * torch.tensor([0.5, 1.5, 1.0], dtype=torch.float64)
    weighting = rule(3, weights=(2.0, 6.0, 4.0))
    torch.testing.assert_close(weighting.weights, expected)
    torch.testing.assert_close(Fusion(weighting)(torch.ones(3)).weights, expected)
    torch.testing.assert_close(rule(3, weights=(2, 6, 4), sum_to="K").weights, 3 * expected)
    smallest = rule(2, weights=(1.0, 0.0)).weights[1] / rule(2).weights[1]
    assert smallest.item() == pytest.approx(math.exp(-10))  # 0 would never come back


@BOTH
@pytest.mark.parametrize("count", [1, 6])
def test_one_loss_and_six_learn_a_weight_each(rule: type[LearnedWeighting], count: int) -> None:
    loop = Loop(Fusion(rule(count)))
    loop.fusion.join(loop.optimizer)
    for _ in range(4):
        loop.step()
    assert loop.fusion.weighting.weights.shape == (count,)
    assert (loop.fusion.weighting.s != 0).all()


@BOTH
@pytest.mark.parametrize(
    "adjusted", [{"smoothing": 0.5}, {"weight_max": 0.5}, {"max_change": 0.01}, {"base_weights": (1.0, 2.0, 4.0)}]
)
def test_adjusted_weights_train_the_network_and_the_rule_its_own_parameters(
    rule: type[LearnedWeighting], adjusted: dict[str, Any]
) -> None:
    start = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)
    plain, ours = rule(3), rule(3, **adjusted)
    slopes = []
    for weighting in (plain, ours):
        with torch.no_grad():
            weighting.s.copy_(start)
        terms = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64, requires_grad=True)
        fused = Fusion(weighting)(terms)
        fused.total.backward()
        torch.testing.assert_close(terms.grad, fused.weights)
        slopes.append(weighting.s.grad)
    torch.testing.assert_close(slopes[0], slopes[1])
    assert not torch.allclose(plain.weights, ours.weights)
    torch.testing.assert_close(fused.total, (fused.weights * terms).sum())  # the total is what the weights say


@BOTH
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("known", [True, False])
def test_losses_that_are_not_finite_reach_no_parameter(
    rule: type[LearnedWeighting], bad: float, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dmf.weighting import host

    if not known:
        monkeypatch.setattr(host, "HOST", "no device")
    loop = Loop(Fusion(rule(3)), fused=True)
    loop.fusion.join(loop.optimizer)
    for _ in range(3):
        loop.step()
    s, state = loop.fusion.weighting.s, loop.optimizer.state
    before = [s.detach().clone(), *(state[s][name].clone() for name in ("step", "exp_avg", "exp_avg_sq"))]
    weights = loop.fusion.weighting.weights.clone()
    fused = loop.fusion(loop.losses() * torch.tensor([1.0, bad, 1.0]))
    assert not torch.isfinite(fused.total)
    assert torch.equal(fused.weights, weights)
    loop.optimizer.zero_grad()
    fused.total.backward()
    loop.optimizer.found_inf = (~fused.finite).float()  # as a gradient scaler has it
    loop.optimizer.step()
    after = [s, *(state[s][name] for name in ("step", "exp_avg", "exp_avg_sq"))]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_cannot_be_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="`weights_lr` must be finite and above 0") as refused:
        UncertaintyWeighting(3, weights_lr=rate)
    assert refused.value.field == "weights_lr"


@BOTH
@pytest.mark.parametrize("adjusted", [{}, {"smoothing": 0.5}], ids=["as they are", "adjusted"])
def test_a_huge_loss_leaves_parameters_that_go_on_learning(
    rule: type[LearnedWeighting], adjusted: dict[str, Any]
) -> None:
    weighting = rule(2, dtype=torch.float32, **adjusted)
    fusion = Fusion(weighting)
    optimizer = torch.optim.Adam(weighting.parameters(), lr=0.01)
    for size in (1.0, 3e38, 1.0, 1.0):
        fused = fusion(torch.tensor([size, 2.0]))
        optimizer.zero_grad()
        fused.total.backward()
        optimizer.step()
        assert all(torch.isfinite(value).all() for value in optimizer.state[weighting.s].values())
    assert torch.isfinite(weighting.s).all()
    assert torch.isfinite(fused.weights).all()
    assert weighting.s[1] != 0
