"""What every weighting of the registry promises."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmf.config import FusionConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.fusion import Fusion
from dmf.methods import checks
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import (
    WEIGHTINGS,
    Combined,
    GradientWeighting,
    LearnedWeighting,
    StepState,
    Weighting,
    WindowWeighting,
    build_weighting,
    host,
)

NAMES = ("a", "b", "c", "d", "e", "f")

ALL_ADJUSTED = {
    "base_weights": (1.0, 2.0, 1.5),
    "smoothing": 0.3,
    "weight_min": 0.2,
    "weight_max": 0.6,
    "max_change": 0.05,
}

CONFIGS = [
    *({"weighting": name} for name in WEIGHTINGS),
    # One of each kind; every replayable rule meets them in test_properties.py.
    *({"weighting": name} | ALL_ADJUSTED for name in ("bayesian", "geometric", "famo", "uncertainty")),
    {"weighting": "famo", "famo_lr": 0.2, "famo_decay": 0.1, "weights": (1.0, 2.0, 0.5), "sum_to": "K"},
    {"weighting": "uncertainty", "weights": (1.0, 2.0, 0.5), "sum_to": "K"},
    {"weighting": "variance", "smoothing": 0.7, "weight_min": 0.1},
    {"weighting": "variance", "symlog": False, "minmax": False, "floor": 0.0},
    {"weighting": "mad", "median": "notebook", "floor": 0.0},
    {"weighting": "mad", "sum_to": "K", "weight_max": 0.5 * 3},
    {"weighting": "bayesian", "prior": "fixed"},
    {"weighting": "bayesian", "prior": "compound", "floor": 0.0, "median": "notebook"},
    {"weighting": "bayesian", "rho": 0.5, "smoothing": 0.3, "sum_to": "K"},
    {"weighting": "cov", "cov_mean": "decay", "weights": (1.0, 2.0, 3.0), "sum_to": "K"},
    {"weighting": "cov", "cov_mean": "decay", "cov_variance": "reference"},
    {"weighting": "softadapt", "softadapt_variant": "original", "slope": "least-squares", "window": 3},
    {"weighting": "softadapt", "softadapt_variant": "loss-weighted", "smoothing": 0.4, "sum_to": "K"},
    {"weighting": "softadapt", "softadapt_variant": "both", "beta": 2.0, "weight_max": 0.5},
    {"weighting": "softadapt", "slope": "reference", "window": 4},
    {"weighting": "dwa", "temperature": 0.1, "block_steps": 5, "sum_to": "K"},
    {"weighting": "dwa", "block_steps": 1},
    {"weighting": "random", "weight_seed": 3, "sum_to": "K"},
    {"weighting": "geometric", "weights": (1.0, 2.0, 0.0), "sum_to": "K"},
    {"weighting": "tchebycheff", "mu": 0.02, "weights": (1.0, 2.0, 0.5), "sum_to": "K"},
    {"weighting": "gradnorm", "gradnorm_alpha": 0.5, "gradnorm_lr": 0.2, "weights": (1.0, 2.0, 0.5), "sum_to": "K"},
    {"weighting": "upgrad", "weights": (1.0, 2.0, 0.5), "sum_to": "K"},
    {"weighting": "pcgrad", "weight_seed": 3, "smoothing": 0.5},
]
every_config = pytest.mark.parametrize(
    "options", CONFIGS, ids=[" ".join(f"{key}={value}" for key, value in config.items()) for config in CONFIGS]
)


def config_of(options: dict[str, Any], count: int = 3) -> FusionConfig:
    common = {"terms": NAMES[:count], "history_min": 4, "history_max": 9, "block_steps": 3, "gradient_of": "logits"}
    return FusionConfig(**(common | options))


def is_even_when_flat(options: dict[str, Any]) -> bool:
    """Whether losses that stand still weigh the same, however high they are."""
    sees_height = options["weighting"] in ("random", "geometric", "tchebycheff", "famo", "uncertainty", "imtl-l")
    sees_height = sees_height or not {"weights", "base_weights"}.isdisjoint(options)
    sees_height = sees_height or looks_at_gradients(options)
    return not sees_height and options.get("softadapt_variant") not in ("loss-weighted", "both")


def build(options: dict[str, Any], count: int = 3, dtype: torch.dtype = torch.float64) -> Weighting:
    weighting = build_weighting(config_of(options, count), dtype)
    if weighting.looks_twice or isinstance(weighting, LearnedWeighting):
        weighting.register_forward_hook(end_the_step)
    return weighting


def end_the_step(weighting: Weighting, given: tuple[StepState], combined: Combined) -> None:
    """What follows a step in training: a second look at losses that have fallen, an optimizer of what is learned."""
    (state,) = given
    if weighting.looks_twice:
        weighting.after_step(state.terms / (1 + state.terms.abs()))
    elif isinstance(weighting, LearnedWeighting) and state.finite is not False:
        (slope,) = torch.autograd.grad(combined.total, weighting.s, retain_graph=True)
        moved = weighting.s.detach() - 0.1 * slope / (1 + slope.abs())
        weighting.s.data.copy_(torch.where(torch.as_tensor(state.finite), moved, weighting.s))


def looks_at_gradients(options: dict[str, Any]) -> bool:
    return issubclass(WEIGHTINGS[options["weighting"]], GradientWeighting)  # type: ignore[arg-type]


def has_constant_weights(options: dict[str, Any]) -> bool:
    """Whether weights that follow from the losses of the step itself are taken as constants, also when attached."""
    of_the_step = looks_at_gradients(options) or options["weighting"] == "famo"
    return of_the_step or (options["weighting"] == "geometric" and "smoothing" in options)


class Traced(Fusion):
    """Knows the output of a network that its losses come from: three zeros, at which each loss pulls its own way."""

    def forward(self, losses: Tensor) -> Any:
        logits = torch.zeros(3, dtype=losses.dtype, device=losses.device, requires_grad=True)
        seen = losses.detach()
        slopes = torch.stack((torch.cos(8 * seen), torch.sin(8 * seen), seen.tanh()), -1)
        slopes = slopes * (seen.tanh() ** 2 + 0.1)[:, None]
        return super().forward(Parts(losses + (slopes * logits).sum(-1), logits=logits))


def fusion(options: dict[str, Any], count: int = 3, detach_weights: bool = True) -> Fusion:
    kind = Traced if looks_at_gradients(options) else Fusion
    return kind(build(options, count), history_max=9, detach_weights=detach_weights)


@functools.cache
def subject_of(number: int) -> checks.Subject:
    """A configuration with the runs that its checks have asked for so far, which are trained once for all of them."""
    return checks.Subject(CONFIGS[number])


def promised(check: Callable[..., None], options: dict[str, Any], **limits: Any) -> None:
    """Make a check that ``dmf check-method`` makes too; one that means nothing for a method is skipped."""
    try:
        check(subject_of(CONFIGS.index(options)), **limits)
    except checks.NotForThisMethodError as error:
        pytest.skip(str(error))


@pytest.fixture
def losses() -> Tensor:
    """(28, 3) noisy descents of different scale, with a flat stretch, a spike and two steps that are not finite."""
    generator = torch.Generator().manual_seed(0)
    falling = torch.linspace(1, 0.2, 28, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0.5, 30.0])
    values = falling * (1 + 0.1 * torch.randn(28, 3, generator=generator, dtype=torch.float64))
    values[12:22, 1] = 0.3
    values[24, 2] = 90.0
    values[17, 0] = torch.nan
    values[0, 1] = torch.inf
    return values


@every_config
def test_weights_form_a_simplex(options: dict[str, Any], losses: Tensor, live: Any) -> None:
    promised(checks.weights_are_sound, options)
    if looks_at_gradients(options):  # weights that may be negative have the same sum too
        weighting = build(options)
        weights = live(weighting, losses, 9)
        torch.testing.assert_close(weights.sum(-1), torch.full((28,), weighting.total, dtype=torch.float64))


@every_config
def test_reordering_the_losses_reorders_the_weights(options: dict[str, Any]) -> None:
    promised(checks.order_does_not_matter, options, atol=1e-6 if looks_at_gradients(options) else 1e-10)


@every_config
def test_weights_move_after_the_steps_of_patience_and_not_before(options: dict[str, Any], live: Any) -> None:
    weighting = build(options)
    start, warmup_steps = weighting.weights, weighting.warmup_steps
    losses = torch.rand(20, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    weights = live(weighting, losses, 9)
    assert torch.equal(weights[:warmup_steps], start.expand_as(weights[:warmup_steps]))
    if warmup_steps is not None:
        assert warmup_steps < 20
        assert not torch.allclose(weights[warmup_steps], start)


@every_config
def test_replay_equals_stepping_live(options: dict[str, Any]) -> None:
    promised(checks.replay_equals_live, options, atol=1e-12)


@every_config
def test_replay_equals_a_fusion_fed_float32_losses(options: dict[str, Any], losses: Tensor) -> None:
    if not WEIGHTINGS[options["weighting"]].replayable:
        pytest.skip("needs more than loss values")
    model, single = fusion(options), losses.float()
    weights = torch.stack([model(row).weights for row in single])
    torch.testing.assert_close(weights, build(options).replay(single.double(), 9), rtol=0, atol=1e-12)


@every_config
@pytest.mark.parametrize("at", [1, 6, 20, 27])
def test_replay_from_a_step_on_equals_a_rule_that_takes_over_there(
    options: dict[str, Any], losses: Tensor, at: int
) -> None:
    if not WEIGHTINGS[options["weighting"]].replayable:
        pytest.skip("needs more than loss values")
    model, losses = fusion(options), losses.clone()
    losses[[3, at], 1] = torch.nan  # the rule begins with a step that changes nothing
    for row in losses[:at]:
        model(row)
    model.weighting = build(options)
    weights = torch.stack([model(row).weights for row in losses[at:]])
    replayed = build(options).replay(losses, 9, first=at)
    torch.testing.assert_close(weights, replayed, rtol=0, atol=1e-12)


@every_config
def test_a_restored_fusion_goes_on_bit_for_bit(options: dict[str, Any]) -> None:
    promised(checks.a_restored_state_goes_on, options)


@every_config
def test_evaluation_reads_the_last_weights_and_changes_nothing(options: dict[str, Any]) -> None:
    promised(checks.evaluation_changes_nothing, options)


@every_config
def test_losses_that_are_not_finite_enter_no_state(options: dict[str, Any]) -> None:
    promised(checks.bad_losses_enter_no_state, options)


@every_config
def test_a_memory_longer_than_the_history_uses_what_there_is(options: dict[str, Any], live: Any) -> None:
    losses = torch.rand(12, 3, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    weights = live(build(options), losses, 500)
    torch.testing.assert_close(weights, live(build(options), losses, 12), rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"weighting": "variance"}, {"weighting": "mad"}], ids=str)
def test_old_losses_are_forgotten_by_the_window(options: dict[str, Any], losses: Tensor, live: Any) -> None:
    recent = losses[-9:]
    torch.testing.assert_close(live(build(options), losses, 9)[-1], live(build(options), recent, 9)[-1])


@every_config
def test_one_loss_takes_everything(options: dict[str, Any]) -> None:
    promised(checks.one_loss_is_enough, options)


@every_config
def test_six_losses_are_weighed(options: dict[str, Any]) -> None:
    promised(checks.six_losses_are_not_too_many, options)


@every_config
def test_losses_that_are_zero_or_stand_still_do_no_harm(options: dict[str, Any]) -> None:
    promised(checks.zero_losses_do_no_harm, options)
    promised(checks.constant_losses_do_no_harm, options)


@every_config
def test_negative_losses_are_allowed(options: dict[str, Any], losses: Tensor, live: Any) -> None:
    promised(checks.negative_losses_do_no_harm, options)
    if options.get("symlog", True) and options["weighting"] == "variance":  # mirrored windows have the same variance
        weights = live(build(options), -losses, 9)
        torch.testing.assert_close(weights, live(build(options), losses, 9), rtol=1e-4, atol=0)


@every_config
def test_huge_finite_losses_spoil_nothing(options: dict[str, Any]) -> None:
    promised(checks.huge_losses_do_no_harm, options)


@every_config
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_largest_numbers_of_a_type_spoil_nothing(options: dict[str, Any], dtype: torch.dtype, live: Any) -> None:
    most = torch.finfo(dtype).max
    losses = torch.rand(24, 3, generator=torch.Generator().manual_seed(3), dtype=dtype)
    losses[8] = torch.tensor([most, 1e-12, -most])
    losses[9:11] = torch.tensor([-most, most, most])
    losses[15:17] = most
    weighting = build(options, dtype=dtype)
    weights = live(weighting, losses, 9)
    assert torch.isfinite(weights).all()
    assert all(torch.isfinite(value).all() for value in weighting.state_dict().values())
    if weighting.replayable and dtype == torch.float64:
        torch.testing.assert_close(build(options).replay(losses, 9), weights, rtol=1e-12, atol=1e-12)


@every_config
def test_flat_losses_leave_equal_weights(options: dict[str, Any], live: Any) -> None:
    if not is_even_when_flat(options):
        pytest.skip("looks at how high a loss is, or at none")
    flat = torch.tensor([0.5, 0.0, -3.0], dtype=torch.float64).expand(15, 3)
    weighting = build(options)
    expected = torch.full((15, 3), weighting.total / 3, dtype=torch.float64)
    torch.testing.assert_close(live(weighting, flat, 9), expected)


@every_config
def test_weights_carry_no_gradient_by_default(options: dict[str, Any]) -> None:
    promised(checks.weights_are_constants_in_the_gradient, options)


@every_config
def test_attached_weights_add_the_notebooks_gradient(options: dict[str, Any], losses: Tensor) -> None:
    model = fusion(options, detach_weights=False)
    for row in losses[2:8]:
        model(row)
    terms = losses[8].clone().requires_grad_()
    fused = model(terms)
    fused.total.backward()
    assert torch.isfinite(terms.grad).all()
    assert not fused.weights.requires_grad
    if isinstance(model.weighting, WindowWeighting):
        # A weight that is as far as it may go in a step follows no loss.
        assert "max_change" in options or not torch.allclose(terms.grad, fused.weights, rtol=1e-3)
    else:  # nothing to differentiate: weights that do not follow from the memory
        torch.testing.assert_close(terms.grad, fused.weights, rtol=1e-12, atol=0)


@every_config
def test_attached_gradient_is_the_slope_of_the_total(options: dict[str, Any], losses: Tensor) -> None:
    if has_constant_weights(options):
        pytest.skip("its weights are constants, though they follow from what the losses are")

    # numerical slope of the same step, taken from copies of the same state
    def total(terms: Tensor) -> Tensor:
        return copy.deepcopy(model)(terms).total

    model = fusion(options, detach_weights=False)
    for row in losses[2:11]:
        model(row)
    generator = torch.Generator().manual_seed(8)
    terms = losses[11] * (1 + 0.01 * torch.rand(3, generator=generator, dtype=torch.float64))
    assert torch.autograd.gradcheck(total, terms.requires_grad_(), eps=1e-7, atol=1e-4, rtol=1e-3)


@every_config
def test_works_under_autocast(options: dict[str, Any]) -> None:
    model = fusion(options)
    weight = torch.ones(3, 4, requires_grad=True)
    generator = torch.Generator().manual_seed(9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for _ in range(6):
            terms = (torch.rand(1, 4, generator=generator) @ weight.T).reshape(3)
            assert terms.dtype == torch.bfloat16
            fused = model(terms)
    assert fused.total.dtype == torch.float32
    assert fused.weights.dtype == torch.float64
    if model.weighting.simplex:
        assert fused.weights.sum().item() == pytest.approx(model.weighting.total, rel=1e-9)
    fused.total.backward()
    assert torch.isfinite(weight.grad).all()


@every_config
def test_single_precision_is_close_to_double(options: dict[str, Any], losses: Tensor, live: Any) -> None:
    double = live(build(options), losses, 9)
    single = live(build(options, dtype=torch.float32), losses.float(), 9)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-3)


@every_config
@pytest.mark.parametrize("detach_weights", [True, False])
def test_what_the_host_knows_changes_no_bit(
    options: dict[str, Any], losses: Tensor, detach_weights: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(model: Fusion) -> list[Tensor]:
        seen = []
        for row in losses:
            terms = row.clone().requires_grad_()
            fused = model(terms)
            if torch.isfinite(fused.total):
                fused.total.backward()
                seen.append(terms.grad)
            seen += [fused.weights, fused.finite, *model.state_dict().values()]
        return seen

    known = train(fusion(options, detach_weights=detach_weights))
    monkeypatch.setattr(host, "HOST", "no device")
    masked = train(fusion(options, detach_weights=detach_weights))
    assert len(known) == len(masked)
    assert all(torch.equal(one, other) for one, other in zip(known, masked, strict=True))


def _refuse(name: str) -> Callable[..., Any]:
    def host_read(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"Tensor.{name} waits for the device")

    return host_read


@every_config
def test_a_step_reads_nothing_back_to_the_host(
    options: dict[str, Any], losses: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fusion(options)
    if model.weighting.host_sync:
        pytest.skip("says that it waits for the device")
    rows = list(losses)
    with monkeypatch.context() as patch:
        patch.setattr(host, "HOST", "no device")
        for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "nonzero"):
            patch.setattr(Tensor, name, _refuse(name))
        for row in rows:
            model(row)
    assert model.step == len(rows)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_config
def test_a_step_on_a_gpu_never_waits_for_it(options: dict[str, Any], losses: Tensor) -> None:
    model = fusion(options).cuda()
    if model.weighting.host_sync:
        pytest.skip("says that it waits for the device")
    rows = list(losses.cuda().float().requires_grad_())
    last = model.weighting.weights
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for row in rows:
            fused = model(row)
            fused.total.backward(retain_graph=True)
            last = fused.weights
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = fusion(options)
    for row in losses.float():
        on_cpu = expected(row).weights
    torch.testing.assert_close(last.cpu(), on_cpu, rtol=1e-9, atol=1e-12)


histories = st.integers(1, 4).flatmap(
    lambda count: st.lists(
        st.lists(
            st.one_of(
                st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1.0, 0.5, float("nan"), float("inf"), -float("inf")])
            ),
            min_size=count,
            max_size=count,
        ),
        min_size=1,
        max_size=25,
    )
)


@pytest.mark.parametrize(
    "options",
    [
        {"weighting": "variance", "floor": 0.0, "smoothing": 0.5},
        {"weighting": "mad", "floor": 0.0, "median": "notebook"},
        {"weighting": "bayesian", "floor": 0.0, "prior": "compound"},
        {"weighting": "cov", "cov_mean": "decay", "cov_decay": 0.5},
        {"weighting": "softadapt", "softadapt_variant": "loss-weighted"},
        {"weighting": "softadapt", "slope": "reference"},
        {"weighting": "dwa", "block_steps": 2, "temperature": 0.01},
    ],
    ids=str,
)
@settings(deadline=None, max_examples=20)  # a busy machine is no failure; defaults meet more in test_properties.py
@given(rows=histories)
def test_any_history_gives_finite_weights_on_the_simplex(options: dict[str, Any], rows: list[list[float]]) -> None:
    losses = torch.tensor(rows, dtype=torch.float64)
    count = losses.shape[1]
    weighting = build({"history_max": 8} | options, count)
    weights = weighting.replay(losses, 8)
    assert torch.isfinite(weights).all()
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(len(rows), dtype=torch.float64))
    model = Fusion(build({"history_max": 8} | options, count), history_max=8)
    stepped = torch.stack([model(row).weights for row in losses])
    torch.testing.assert_close(stepped, weights, rtol=0, atol=1e-9)


def test_every_weighting_names_options_that_the_configuration_has() -> None:
    for name in WEIGHTINGS:
        assert set(WEIGHTINGS[name].options) == set(WEIGHTINGS[name].declares.words().values()), name


def test_options_reach_the_weighting_that_is_built() -> None:
    built = build({"weighting": "bayesian", "rho": 0.25, "eps": 1e-5, "floor": 0.02, "smoothing": 0.1, "minmax": False})
    assert (built.rho, built.eps, built.floor, built.smoothing) == (0.25, 1e-5, 0.02, 0.1)
    assert not built.minmax
    assert built.history_min == 4


def test_an_unknown_weighting_is_refused_with_the_closest_name() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Unknown weighting 'madd'\. Choose one of: fixed, .*Did you mean 'mad'"
    ):
        build({"weighting": "madd"})


def test_a_memory_too_short_to_ever_adapt_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"history_min: 10 is above history_max \(9\), so the weights would never move"
    ):
        config_of({"history_min": 10})
    with pytest.raises(ConfigError, match=r"`history_max` must be at least 9, the weighting's `history_min`, got 8"):
        Fusion(build({"weighting": "mad", "history_min": 9}), history_max=8)
    with pytest.raises(ValueError, match=r"window: 10 is above history_max \(9\), so the weights would never move"):
        config_of({"weighting": "softadapt", "window": 10})
    with pytest.raises(ConfigError, match=r"`history_max` must be at least 9, the weighting's `window`, got 8"):
        build({"weighting": "softadapt", "window": 9}).replay(torch.ones(5, 3), 8)


def test_a_state_of_one_step_is_all_a_weighting_needs() -> None:
    terms = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    window = torch.rand(3, 9, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    logits = torch.zeros(3, requires_grad=True)
    losses = terms + (torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, -1.0], [1.0, 1.0, 1.0]]) * logits).sum(-1)
    state = StepState(0, losses, window, torch.tensor(9), torch.tensor(True), logits)
    for name in WEIGHTINGS:
        combined = build({"weighting": name})(state)
        (slope,) = torch.autograd.grad(combined.total, terms)
        torch.testing.assert_close(slope, combined.weights.float())
