"""Losses that are absent from some batches."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.methods.live import LiveHistory
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import WEIGHTINGS, FixedWeighting, Weighting, build_weighting, host, step_through

NAMES = ("a", "b", "c")
MEMORY = 8
ADJUSTED = {"base_weights": (1.0, 2.0, 1.5), "smoothing": 0.3, "weight_min": 0.1, "weight_max": 0.4, "max_change": 0.05}
every_method = pytest.mark.parametrize("name", WEIGHTINGS)
every_replayable = pytest.mark.parametrize("name", [name for name in WEIGHTINGS if WEIGHTINGS[name].replayable])


def build(name: str, **options: Any) -> Weighting:
    common = {"terms": NAMES, "history_min": 3, "history_max": MEMORY, "block_steps": 2, "window": 3}
    return build_weighting(FusionConfig(weighting=name, **(common | options)))


def history(steps: int = 24) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    falling = torch.linspace(1, 0.2, steps, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0.5, 3.0])
    return falling * (1 + 0.2 * torch.randn(steps, 3, generator=generator, dtype=torch.float64))


def presence(steps: int = 24) -> Tensor:
    present = torch.ones(steps, 3, dtype=torch.bool)
    present[2::4, 2] = present[7::5, 0] = False
    return present


class Live(LiveHistory):
    """Steps through a history of which a mask says what there is."""

    def step(self, row: Tensor, present: Tensor | None = None) -> Any:
        fused = self.fusion(self.losses(row), present)
        if not bool(fused.finite):
            return fused
        before = self.network.detach().clone()
        self.optimizer.zero_grad()
        fused.total.backward()
        self.optimizer.step()
        if self.fusion.weighting.looks_twice:
            self.fusion.after_step(row * self._growth(self.network.detach(), before))
        return fused


def one_at_a_time(model: Fusion, losses: Tensor, present: Tensor) -> Tensor:
    return torch.stack([model(row, mask).weights for row, mask in zip(losses, present, strict=True)])


@every_method
@pytest.mark.parametrize("adjustment", [{}, ADJUSTED], ids=["plain", "adjusted"])
def test_the_others_are_weighed_and_the_absent_one_keeps_all_it_had(name: str, adjustment: dict[str, Any]) -> None:
    if adjustment and not set(adjustment) <= set(WEIGHTINGS[name].options):
        pytest.skip("nothing adjusts it")
    if adjustment and name in ("imtl-g", "aligned-mtl"):
        adjustment = {"smoothing": 0.3}
    model = Live(Fusion(build(name, **adjustment), history_max=MEMORY))
    for row, mask in zip(history(), presence(), strict=True):
        keeps_sum, total = model.fusion.weighting.keeps_sum, model.fusion.weighting.total
        before = copy.deepcopy(dict(model.fusion.state_dict()))
        fused = model.step(row, mask)
        assert fused.finite
        assert torch.isfinite(fused.weights).all()
        assert (fused.weights[~mask] == 0).all()
        assert fused.terms.isnan().tolist() == (~mask).tolist()
        if keeps_sum:
            assert fused.weights.sum().item() == pytest.approx(total)
        for key, value in model.fusion.state_dict().items():
            if value.ndim:
                now, old = (each if key == "history.values" else each.movedim(-1, 0) for each in (value, before[key]))
                assert torch.equal(now[~mask], old[~mask]), key


@every_method
def test_a_step_without_a_loss_teaches_the_others(name: str) -> None:
    present = torch.ones(24, 3, dtype=torch.bool)
    present[1::2, 2] = False
    model = Live(Fusion(build(name), history_max=MEMORY))
    for row, mask in zip(history(), present, strict=True):
        model.step(row, mask)
    assert model.fusion.history.filled.tolist() == [MEMORY, MEMORY, MEMORY]
    assert torch.equal(model.fusion.history.values[2], history()[::2, 2][-MEMORY:])
    assert torch.equal(model.fusion.history.values[0], history()[-MEMORY:, 0])


@pytest.mark.parametrize("name", ["variance", "mad", "bayesian", "cov", "dwa", "softadapt", "tchebycheff", "geometric"])
def test_a_loss_that_is_never_there_leaves_the_weights_of_the_other_two(name: str) -> None:
    # As if there had only been two losses: the third of the weight with which that one starts is theirs.
    present = torch.tensor([True, False, True]).expand(24, 3)
    options = {"terms": ("a", "c"), "history_min": 3, "history_max": MEMORY, "block_steps": 2, "window": 3}
    two = Fusion(build_weighting(FusionConfig(weighting=name, **options)), history_max=MEMORY)
    expected = torch.stack([two(row[[0, 2]]).weights for row in history()])
    found = one_at_a_time(Fusion(build(name), history_max=MEMORY), history(), present)
    torch.testing.assert_close(found[:, [0, 2]], expected, rtol=1e-9, atol=1e-12)
    assert not found[:, 1].any()


def test_the_bayesian_posterior_of_some_leaves_what_all_believe_of_the_other() -> None:
    model = Fusion(build("bayesian", prior="compound"), history_max=MEMORY)
    one_at_a_time(model, history()[:10], torch.ones(10, 3, dtype=torch.bool))
    before = model.weighting.log_prior.softmax(-1)
    model(history()[10], [True, True, False])
    after = model.weighting.log_prior.softmax(-1)
    assert after[2].item() == pytest.approx(before[2].item(), rel=1e-9)
    assert not torch.allclose(after[:2], before[:2])


@every_replayable
@pytest.mark.parametrize("first", [0, 9])
def test_replay_equals_live(name: str, first: int) -> None:
    losses, present = history(), presence()
    losses[5, 1] = math.nan
    model = Fusion(build("fixed"), history_max=MEMORY)
    for row, mask in zip(losses[:first], present[:first], strict=True):
        model(row, mask)
    model.weighting = build(name, smoothing=0.2) if name != "fixed" else build(name)
    live = one_at_a_time(model, losses[first:], present[first:])
    fresh = build(name, smoothing=0.2) if name != "fixed" else build(name)
    assert torch.equal(step_through(fresh, losses, present, MEMORY, first), live)


@every_method
def test_the_same_without_reading_the_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> list[Tensor]:
        model, seen = Live(Fusion(build(name), history_max=MEMORY)), []
        for row, mask in zip(history(), presence(), strict=True):
            seen.append(model.step(row, mask).weights)
        return [*seen, *model.fusion.state_dict().values()]

    known = run()
    monkeypatch.setattr(host, "HOST", "no device")  # where a mask that holds everything is a mask all the same
    for one, other in zip(known, run(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-12)


@every_method
def test_a_restored_fusion_goes_on_bit_for_bit(name: str) -> None:
    one = Live(Fusion(build(name), history_max=MEMORY))
    for row, mask in zip(history()[:11], presence()[:11], strict=True):
        one.step(row, mask)
    other = Live(Fusion(build(name), history_max=MEMORY))
    other.fusion.load_state_dict(copy.deepcopy(one.fusion.state_dict()))
    other.network.data.copy_(one.network)
    for row, mask in zip(history()[11:], presence()[11:], strict=True):
        assert torch.equal(one.step(row, mask).weights, other.step(row, mask).weights)


def test_every_way_to_say_it_is_the_same() -> None:
    a, b = torch.tensor(2.0), torch.tensor(4.0)
    mask = torch.tensor([True, False, True])
    broken = torch.tensor(math.nan)
    model = Fusion(FixedWeighting(3), names=NAMES).eval()
    ways = [
        model({"a": a, "c": b}),
        model({"c": b, "a": a, "b": None}),
        model([a, None, b]),
        model([a, broken, b], [True, False, True]),
        model(torch.stack((a, broken, b)), mask),
        model(Parts(torch.stack((a, broken, b))), {"b": False}),
    ]
    for fused in ways:
        assert fused.total.item() == 3  # (2 + 4) / 2
        assert fused.weights.tolist() == [0.5, 0, 0.5]


def test_no_gradient_reaches_what_an_absent_loss_was_computed_from() -> None:
    # The mean over no labels is 0 / 0: its gradient would be NaN even times 0.
    network = nn.Parameter(torch.ones(2))
    absent = (network * 0).sum() / (network.detach() * 0).sum()
    Fusion(FixedWeighting(2))([network.sum(), absent], [True, False]).total.backward()
    assert network.grad is not None
    assert network.grad.tolist() == [1, 1]


def test_given_fixed_weights_stay_as_they_are_given() -> None:
    model = Fusion(FixedWeighting(3, weights=(1, 1, 2)))
    assert model([torch.tensor(1.0), None, torch.tensor(1.0)]).weights.tolist() == [1, 0, 2]


def test_momentum_moves_no_parameter_of_an_absent_loss() -> None:
    network = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    model = Fusion(build("uncertainty"))
    optimizer = torch.optim.Adam([network], lr=0.1)
    model.join(optimizer)
    for step in range(6):
        before = model.weighting.s.detach().clone()
        present = [True, True, step < 3]
        optimizer.zero_grad()
        model(network.square() + 0.1, present).total.backward()
        optimizer.step()
        moved = model.weighting.s.detach() != before
        assert moved.tolist() == present


def test_a_step_without_any_loss_is_refused_or_where_only_the_device_knows_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Fusion(build("mad"))
    with pytest.raises(ConfigError, match=r"No loss is present at this step\. Leave the batch out"):
        model([None, None, None])
    monkeypatch.setattr(host, "HOST", "no device")
    fused = model(torch.ones(3), torch.zeros(3, dtype=torch.bool))
    assert not fused.finite
    assert fused.total.isnan()
    assert model.history.filled.tolist() == [0, 0, 0]
    assert model.skipped.item() == 1


def test_an_auxiliary_loss_alone_trains_the_network_and_teaches_no_weight() -> None:
    model = Fusion(build("mad"))
    fused = model(Parts(torch.ones(3), torch.tensor(2.0)), [False] * 3)
    assert fused.finite
    assert fused.total.item() == 2
    assert model.history.filled.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("losses", "present", "said"),
    [
        ({"a": 1.0, "d": 1.0}, None, "Unknown loss 'd'. Choose one of: a, b, c"),
        ([1.0, 1.0, 1.0], [True, False], "`present` must be 3 truth values, got 2"),
        ([1.0, 1.0, 1.0], torch.ones(2), r"`present` must be 3 truth values, got shape \(2,\)"),
        ([1.0, 1.0, 1.0], {"d": True}, "Unknown loss 'd'"),
    ],
)
def test_what_fits_no_loss_is_refused(losses: Any, present: Any, said: str) -> None:
    model = Fusion(FixedWeighting(3), names=NAMES)
    if isinstance(losses, dict):
        losses = {name: torch.tensor(value) for name, value in losses.items()}
    else:
        losses = [torch.tensor(value) for value in losses]
    with pytest.raises(ConfigError, match=said):
        model(losses, present)


def test_a_dictionary_names_the_losses_if_it_has_all_of_them() -> None:
    model = Fusion(FixedWeighting(2))
    with pytest.raises(ConfigError, match=r"Got 1 of 2 losses \(a\) and know no names. Build `Fusion\(\.\.\., names="):
        model({"a": torch.tensor(1.0)})
    assert model({"a": torch.tensor(1.0), "b": torch.tensor(3.0)}).total.item() == 2
    assert model({"b": torch.tensor(3.0)}).weights.tolist() == [0, 1]
    assert model.names == ("a", "b")


def test_a_rule_of_ones_own_that_knows_nothing_of_it_is_told_so() -> None:
    class Own(Weighting):
        def forward(self, state: Any) -> Any:
            return self.current(state.terms)

    with pytest.raises(ConfigError, match=r"Own does not say what it does where a loss is absent.*takes_absent"):
        Fusion(Own(2))([torch.tensor(1.0), None])


def test_whole_numbers_are_weighed_like_others() -> None:
    assert Fusion(FixedWeighting(2))(torch.tensor([2, 4])).total.item() == 3
    assert Fusion(FixedWeighting(2))([torch.tensor(2), torch.tensor(4)]).total.item() == 3
