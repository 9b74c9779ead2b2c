"""What the losses' gradients are measured to be, by hand and in real runs; and methods that look at them, resumed."""

import math

import numpy as np
import pytest
import torch

from dmf import build
from dmf.errors import ConfigError
from dmf.fusion import Fused, Fusion
from dmf.records import SettingChange
from dmf.tasks.segmentation.losses import Parts
from dmf.training.gradients import GradientProbe
from dmf.training.telemetry import TelemetryBuffer
from dmf.weighting import WEIGHTINGS, FixedWeighting

NAMES = ("ce", "iou", "dice")


def named(probe, parts, fused, step=0):
    measured = probe(step, parts, fused)
    assert not measured.requires_grad
    return dict(zip(probe.columns, measured.tolist(), strict=True))


def total_of(parts, weights, gamma=0.0):
    total = (torch.tensor(weights) * parts.terms).sum()
    total = total if parts.auxiliary is None else total + gamma * parts.auxiliary
    return Fused(total, parts.terms.detach(), torch.tensor(weights), parts.auxiliary, gamma, torch.tensor(True))


def test_lengths_angles_and_shares_by_hand():
    # gradients (3, 4) and (-4, 0), auxiliary (0, 2): lengths 5, 4, 2; cosine -12 / 20
    # weights 0.2, 0.5 and gamma 0.5: pulls 1, 2, 1 of 4
    y = torch.ones(2, requires_grad=True)
    pulls = torch.tensor([[3.0, 4.0], [-4.0, 0.0]])
    parts = Parts(pulls @ y, 2 * y[1], y)
    probe = GradientProbe(("a", "b"), auxiliary=True, at="logits", every=1)
    assert named(probe, parts, total_of(parts, [0.2, 0.5], 0.5)) == pytest.approx(
        {
            "grad_norm_a": 5,
            "grad_norm_b": 4,
            "grad_norm_auxiliary": 2,
            "grad_cos_a_b": -0.6,
            # the total's gradient is (0.6, 0.8) + (-2, 0) + (0, 1) = (-1.4, 1.8)
            "grad_step_a": 3 / 5 / math.hypot(1.4, 1.8),
            "grad_step_b": 1.4 / math.hypot(1.4, 1.8),
            "grad_step_auxiliary": 1.8 / math.hypot(1.4, 1.8),
            "grad_share_a": 0.25,
            "grad_share_b": 0.5,
            "grad_share_auxiliary": 0.25,
        }
    )


def test_at_the_parameters_every_tensor_counts():
    # L = 2 w x + b with x = 3: the gradient is (6, 1)
    w, b = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    frozen = torch.ones(1)
    parts = Parts(2 * w * 3 + b * frozen, None, None)
    probe = GradientProbe(("a",), auxiliary=False, at="parameters", every=1, parameters=[w, frozen, b])
    assert named(probe, parts, total_of(parts, [1.0])) == pytest.approx(
        {"grad_norm_a": math.sqrt(37), "grad_step_a": 1, "grad_share_a": 1}
    )


def test_a_loss_that_the_total_climbs_has_a_share_below_zero():
    # as weights left on the tape can bring about: d total / d a = 1 - 3 = -2, d total / d b = 2
    y = torch.ones(2, requires_grad=True)
    parts = Parts(1.0 * y, None, y)
    total = parts.terms.sum() - 3 * parts.terms[0] + parts.terms[1]
    fused = Fused(total, parts.terms.detach(), torch.ones(2), None, 0.0, torch.tensor(True))
    found = named(GradientProbe(("a", "b"), auxiliary=False, at="logits", every=1), parts, fused)
    assert (found["grad_share_a"], found["grad_share_b"]) == (-0.5, 0.5)
    assert found["grad_cos_a_b"] == 0


def test_losses_without_gradient_have_length_and_share_zero_and_no_angle():
    y = torch.ones(2, requires_grad=True)
    parts = Parts(torch.stack((y.sum(), torch.tensor(0.5))), torch.tensor(0.3), y)
    probe = GradientProbe(("a", "b"), auxiliary=True, at="logits", every=1)
    found = named(probe, parts, total_of(parts, [-0.5, -0.5], 1.0))
    assert math.isnan(found.pop("grad_cos_a_b"))
    assert found.pop("grad_step_a") == pytest.approx(-1)
    assert all(math.isnan(found.pop(f"grad_step_{name}")) for name in ("b", "auxiliary"))
    expected = {"norm_a": math.sqrt(2), "norm_b": 0, "norm_auxiliary": 0}
    expected |= {"share_a": -1, "share_b": 0, "share_auxiliary": 0}
    assert found == pytest.approx({f"grad_{name}": value for name, value in expected.items()})
    assert not math.copysign(1, found["grad_share_b"]) < 0  # a person would wonder at -0


@pytest.mark.parametrize("longer", [30.0, 1000.0])
def test_a_loss_that_the_common_step_makes_worse_is_told_for_every_method(longer):
    # gradients (1, 0.5) and r (-1, 1) under equal weights: the sum harms the short one, though no weight is below 0
    y = torch.ones(2, requires_grad=True)
    parts = Parts(torch.tensor([[1.0, 0.5], [-longer, longer]]) @ y, None, y)
    probe = GradientProbe(("a", "b"), auxiliary=False, at="logits", every=1)
    found = named(probe, parts, total_of(parts, [0.5, 0.5]))
    common = np.array([1 - longer, 0.5 + longer])
    assert found["grad_step_a"] == pytest.approx(common @ [1, 0.5] / np.linalg.norm(common) / math.sqrt(1.25), abs=1e-6)
    assert found["grad_step_a"] < -0.25
    assert found["grad_step_b"] > 0.99
    assert min(found["grad_share_a"], found["grad_share_b"]) > 0


def test_where_nothing_pulls_all_shares_are_zero():
    y = torch.zeros(2, requires_grad=True)
    parts = Parts(y**2, None, y)
    found = named(GradientProbe(("a", "b"), auxiliary=False, at="logits", every=1), parts, total_of(parts, [0.5, 0.5]))
    assert [found["grad_share_a"], found["grad_share_b"]] == [0, 0]


def test_the_step_walks_back_as_if_nothing_had_been_measured():
    y = torch.tensor([1.0, 2.0], requires_grad=True)
    parts = Parts(y**2, None, y)
    fused = Fusion(FixedWeighting(2))(parts)
    GradientProbe(("a", "b"), auxiliary=False, at="logits", every=1).measure(parts, fused)
    assert y.grad is None
    fused.total.backward()
    assert y.grad.tolist() == [1.0, 2.0]


def test_it_measures_at_every_nth_step_from_the_first():
    y = torch.ones(1, requires_grad=True)
    parts = Parts(y * 1, None, y)
    probe = GradientProbe(("a",), auxiliary=False, at="logits", every=3)
    fused = total_of(parts, [1.0])
    assert [probe(step, parts, fused) is not None for step in range(7)] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown gradients 'logit'\. .*Did you mean 'logits'"):
        GradientProbe(("a",), auxiliary=False, at="logit", every=1)
    with pytest.raises(ConfigError, match="`every` must be at least 1 step, got 0"):
        GradientProbe(("a",), auxiliary=False, at="logits", every=0)
    frozen = torch.zeros(2)
    with pytest.raises(ConfigError, match=r"no parameters to measure gradients at\. Give `parameters="):
        GradientProbe(("a",), auxiliary=False, at="parameters", every=1, parameters=[frozen])
    y = torch.ones(1, requires_grad=True)
    parts = Parts(y * 1)
    with pytest.raises(ConfigError, match="the losses came without the network's output"):
        GradientProbe(("a",), auxiliary=False, at="logits", every=1)(0, parts, total_of(parts, [1.0]))
    parts = Parts(y * 1, None, torch.ones(1))
    with pytest.raises(ConfigError, match="the network's output carries no gradient"):
        GradientProbe(("a",), auxiliary=False, at="logits", every=1)(0, parts, total_of(parts, [1.0]))


def test_telemetry_has_values_where_something_was_measured_and_nothing_elsewhere():
    rows = TelemetryBuffer("r-1", ("a",), torch.device("cpu"), ("grad_norm_a", "grad_share_a"))
    one = Fused(torch.tensor(1.0), torch.ones(1), torch.ones(1), None, 0.0, torch.tensor(True))
    for _ in range(2):  # what a drain took does not come again
        rows.write(0, one, 0.1, torch.tensor([5.0, 1.0]))
        rows.write(1, one, 0.1)
        block = rows.drain()
        assert block.columns[-3:] == ("grad_norm_a", "grad_share_a", "finite")
        np.testing.assert_array_equal(block.values[:, -3:], np.float32([[5, 1, 1], [np.nan, np.nan, 1]]))
        rows.write(0, one, 0.1)
        assert np.isnan(rows.drain().values[0, -3:-1]).all()


def test_a_measurement_reads_nothing_back_to_the_host(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("waits for the device")

    y = torch.ones(2, requires_grad=True)
    parts = Parts(y**2, y.sum(), y)
    fused = total_of(parts, [0.5, 0.5], 1.0)
    probe = GradientProbe(("a", "b"), auxiliary=True, at="logits", every=1)
    with monkeypatch.context() as patch:
        for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "nonzero"):
            patch.setattr(torch.Tensor, name, refuse)
        measured = probe(0, parts, fused)
    assert torch.isfinite(measured).all()


@pytest.mark.gpu
@pytest.mark.parametrize("at", ["logits", "parameters"])
@pytest.mark.parametrize("method", ["bayesian", "gradnorm", "gradnorm,gradient_of=logits"])
def test_a_measured_step_on_a_gpu_never_makes_the_host_wait(tiny, tmp_path, at, method):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    workbench = build.build_workbench(tiny(method, device="cuda", gradients=at, gradients_every="1"))
    run = workbench.run("gpu", workbench.config.runs[0], tmp_path)
    with workbench.numerics.applied():
        for step in range(4):  # lazy initialisation of kernels may wait
            run.take_step(workbench.feed.training_batch(step))
        torch.cuda.set_sync_debug_mode("error")
        try:
            for step in range(4, 8):
                run.take_step(workbench.feed.training_batch(step))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert np.isfinite(run.drain().values).all()


def columns(race, run):
    """Column to values, in a race whose telemetry is in memory."""
    from dmf.records import TelemetryBlock

    steps, values = race.sink.telemetry(run)
    (names,) = {block.columns for block in race.sink.of(TelemetryBlock, run)}
    return steps, dict(zip(names, values.T, strict=True))


@pytest.mark.parametrize("at", ["logits", "parameters"])
def test_a_run_is_the_same_to_the_bit_whether_it_is_measured_or_not(tiny, race, assert_same_bits, at):
    runs = ("mad", "mad,auxiliary=none,detach_weights=false", "upgrad,gradient_of=logits")
    without = race(tiny(*runs, epochs="1"))
    measured = race(tiny(*runs, epochs="1", gradients=at, gradients_every="3"))
    for run in without.runs:
        assert_same_bits(without.network(run), measured.network(run))
        (_, plain), (steps, found) = columns(without, run), columns(measured, run)
        for name, values in plain.items():
            np.testing.assert_array_equal(values, found.pop(name))
        assert found
        assert all(name.startswith("grad_") for name in found)
        for values in found.values():
            np.testing.assert_array_equal(np.isfinite(values), steps % 3 == 0)
        shares = np.stack([values for name, values in found.items() if "share" in name])[:, ::3]
        np.testing.assert_allclose(np.abs(shares).sum(0), 1, rtol=1e-6)


@pytest.mark.parametrize("detach_weights", ["true", "false"])
def test_hard_counts_leave_all_the_training_to_cross_entropy(tiny, race, detach_weights):
    options = {"loss_counts": "hard", "detach_weights": detach_weights, "gradients": "logits", "gradients_every": "1"}
    _, found = columns(race(tiny("variance", epochs="1", **options)), "variance")
    for name in ("iou", "dice", "auxiliary"):
        assert not found[f"grad_norm_{name}"].any()
        assert not found[f"grad_share_{name}"].any()
    assert (found["grad_norm_ce"] > 0).all()
    assert (np.abs(found["grad_share_ce"]) == 1).all()  # whatever its weight; -1 would be a step that makes it worse
    assert np.isnan(found["grad_cos_ce_iou"]).all()


def test_weights_on_the_tape_can_turn_cross_entropy_round():
    # The notebook's: weights that follow from the losses and are differentiated. A cross-entropy that rises further has
    # a larger variance, which takes weight from an overlap loss that is far larger. So the total falls as cross-entropy
    # rises, though its weight is above 0, and a step downhill makes it worse.
    fusion = build.build_fusion(
        build.FusionConfig(terms=("ce", "iou"), weighting="variance", minmax=False, history_min=2, detach_weights=False)
    )
    probe = GradientProbe(("ce", "iou"), auxiliary=False, at="logits", every=1)
    shares = []
    for value in (0.1, 0.2, 0.1, 0.2, 0.3):
        y = torch.tensor(value, requires_grad=True)
        parts = Parts(torch.stack((y, torch.tensor(5.0 + value))), None, y)
        fused = fusion(parts)
        shares.append(named(probe, parts, fused)["grad_share_ce"])
        assert fused.weights[0] > 0
    assert shares[-1] == -1


def test_a_step_that_is_not_finite_measures_nothing(tiny, tmp_path, spoil):
    workbench = build.build_workbench(tiny("mad", gradients="logits", gradients_every="1"))
    run = workbench.run("r", workbench.config.runs[0], tmp_path)
    spoil(run, "iou", math.nan, {1})
    for step in range(3):
        run.take_step(workbench.feed.training_batch(step))
    block = run.drain()
    norms = block.values[:, block.columns.index("grad_norm_iou")]
    assert np.isfinite(norms).tolist() == [True, False, True]


WATCHING = [name for name in WEIGHTINGS if WEIGHTINGS[name].watches]  # type: ignore[attr-defined]
METHODS = [*(f"{name},gradient_of={at}" for name in WATCHING for at in ("parameters", "logits"))]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_looks_at_gradients_goes_on_bit_for_bit(  # noqa: PLR0917
    tiny, tmp_path, method, snapshot, assert_same_bits, spoil
):
    workbench = build.build_workbench(tiny(method))

    def fresh(name):
        return workbench.run(name, workbench.config.runs[0], tmp_path / name)

    def take(run, first, last):
        for step in range(first, last):
            run.take_step(workbench.feed.training_batch(step))

    whole, first = fresh("whole"), fresh("first")
    for run in (whole, first):
        spoil(run, "dice", math.nan, {2})
    take(whole, 0, 8)
    take(first, 0, 5)
    first.save_last(0)
    second = fresh("first")
    second.restore()
    take(second, 5, 8)
    assert_same_bits(snapshot(whole), snapshot(second))
    weights = whole.fusion.weighting.weights
    assert torch.isfinite(weights).all()
    assert weights.sum().item() == pytest.approx(1)
    assert all(torch.isfinite(tensor).all() for tensor in whole.model.state_dict().values())


def test_a_run_turns_to_a_method_that_looks_at_gradients_and_back(tiny, tmp_path, assert_same_bits, snapshot):
    workbench = build.build_workbench(tiny("mad"))
    runs = [workbench.run(name, workbench.config.runs[0], tmp_path / name) for name in ("whole", "resumed")]
    for run in runs:
        for step in range(10):
            if step in (3, 7):
                run.change(SettingChange(step, "weighting", "gradnorm" if step == 3 else "variance"))
            if step == 5 and run is runs[1]:
                run.save_last(0)
                run = workbench.run("resumed", workbench.config.runs[0], tmp_path / "resumed")  # noqa: PLW2901
                run.restore()
                runs[1] = run
            run.take_step(workbench.feed.training_batch(step))
    assert_same_bits(*map(snapshot, runs))


@pytest.mark.parametrize("terms", ["ce", "ce:iou:dice:focal:tversky:cb-dice"])
@pytest.mark.parametrize("method", ["gradnorm", "upgrad", "imtl-g", "aligned-mtl"])
def test_one_loss_and_six_losses_are_trained(tiny, race, method, terms):
    found = race(tiny(f"{method},gradient_of=logits,sum_to=K", terms=terms, epochs="1", gradients="logits"))
    count = len(terms.split(":"))
    _, values = columns(found, f"{method} gradient_of=logits sum_to=K")
    weights = np.stack([values[f"weight_{term}"] for term in terms.split(":")])
    np.testing.assert_allclose(weights.sum(0), count, rtol=1e-5)
    assert sum("grad_cos" in name for name in values) == count * (count - 1) // 2
