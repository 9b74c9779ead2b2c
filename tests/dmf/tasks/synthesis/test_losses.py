"""Each loss by hand, against another library, and numerically differentiated."""

import pytest
import pytorch_msssim
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

from dmf.errors import ConfigError
from dmf.tasks.synthesis.losses import (
    SSIM,
    SYNTHESIS_LOSSES,
    Charbonnier,
    FrequencyMagnitude,
    GradientDifference,
    MultiScaleSSIM,
    TotalVariation,
)
from dmf.tasks.synthesis.prediction import SynthesisPrediction

WINDOWS = 1e-5  # pytorch-msssim makes its window in float32


def pictures(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth random images of 0 to 1, and the same with noise."""
    generator = torch.Generator().manual_seed(seed)
    target = F.avg_pool2d(torch.rand(shape, generator=generator, dtype=torch.float64), 5, 1, 2)
    return (target + 0.05 * torch.randn(shape, generator=generator, dtype=torch.float64)).clamp(0, 1), target


def value(loss: torch.nn.Module, output: torch.Tensor, target: torch.Tensor) -> float:
    return loss(SynthesisPrediction(output, target)).item()


LINE = torch.tensor([[[[0.0, 2.0, 1.0]]]], dtype=torch.float64).expand(1, 1, 2, 3)
TRUTH = torch.tensor([[[[0.0, 1.0, 3.0]]]], dtype=torch.float64).expand(1, 1, 2, 3)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("l1", {}, (0 + 1 + 2) / 3),
        ("l2", {}, (0 + 1 + 4) / 3),
        ("charbonnier", {"epsilon": 0.75}, (0.75 + 1.25 + (4 + 0.5625) ** 0.5) / 3),
        # Along columns |2| - |1| = 1 and |-1| - |2| = -1, mean 1; along rows nothing differs. The mean of both.
        ("gradient", {}, 0.5),
        ("gradient", {"alpha": 2.0}, 0.5),
        ("gradient", {"signed": True}, (1 + 3) / 2 / 2),
        # Column differences 2 and -1; rows are equal.
        ("tv", {}, 1.5),
        ("tv", {"isotropic": True, "epsilon": 1e-9}, 1.5),
    ],
)
def test_value_by_hand(name, options, expected):
    assert value(SYNTHESIS_LOSSES.build(name, **options), LINE, TRUTH) == pytest.approx(expected)


def test_the_magnitude_of_each_frequency_by_hand():
    # Orthonormal spectra of 4 values: of (1, 0, 0, 0) all magnitudes are 1/2, of (1, 1, 1, 1) they are 2, 0, 0, 0.
    output = torch.tensor([1.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    assert value(FrequencyMagnitude(), output, torch.ones(1, 1, 1, 4)) == pytest.approx((1.5 + 3 * 0.5) / 4)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (1, 3, 15, 17), (2, 2, 13, 20)])
def test_half_the_spectrum_counts_as_the_whole(shape):
    output, target = pictures(*shape)
    x, y = (torch.fft.fft2(images, norm="ortho").abs() for images in (output, target))
    assert value(FrequencyMagnitude(), output, target) == pytest.approx((x - y).abs().mean().item())
    logs = (x.log1p() - y.log1p()).abs().mean().item()
    assert value(FrequencyMagnitude(log=True), output, target) == pytest.approx(logs)


def test_frequencies_do_not_see_where_a_picture_lies():
    _, target = pictures(1, 1, 16, 16)
    assert value(FrequencyMagnitude(), target.roll((3, 5), (-2, -1)), target) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("window", "sigma"), [(11, 1.5), (7, 1.0)])
def test_ssim_is_that_of_pytorch_msssim(window, sigma):
    output, target = pictures(3, 2, 40, 50)
    theirs = pytorch_msssim.ssim(output, target, data_range=1.0, win_size=window, win_sigma=sigma)
    assert value(SSIM(window, sigma), output, target) == pytest.approx(1 - theirs.item(), abs=WINDOWS)


def test_ssim_is_that_of_scikit_image():
    output, target = pictures(1, 1, 96, 96)
    theirs = structural_similarity(
        output[0, 0].numpy(),
        target[0, 0].numpy(),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert value(SSIM(), output, target) == pytest.approx(1 - theirs, abs=1e-7)


def test_ssim_of_16_bits_needs_their_range():
    output, target = pictures(2, 1, 40, 40)
    deep, true = (output * 65535).round(), (target * 65535).round()
    theirs = pytorch_msssim.ssim(deep, true, data_range=65535).item()
    assert value(SSIM(data_range=65535), deep, true) == pytest.approx(1 - theirs, abs=WINDOWS)
    assert value(SSIM(data_range=65535), deep.float(), true.float()) == pytest.approx(1 - theirs, abs=1e-5)
    assert value(SSIM(data_range=65535), deep, true) == pytest.approx(value(SSIM(), output, target), abs=1e-3)


@pytest.mark.parametrize("padding", ["valid", "reflect"])
def test_ssim_of_equal_constant_and_inverted_images(padding):
    _, target = pictures(1, 1, 32, 32)
    loss = SSIM(padding=padding)
    assert value(loss, target, target) == pytest.approx(0, abs=1e-12)
    # Constants a and b: only the luminance differs, (2ab + C1) / (a^2 + b^2 + C1).
    low, high = torch.full_like(target, 0.2), torch.full_like(target, 0.7)
    expected = (2 * 0.2 * 0.7 + 1e-4) / (0.2**2 + 0.7**2 + 1e-4)
    assert value(loss, low, high) == pytest.approx(1 - expected)
    # An inverted image correlates by -1 with equal means, so that loss is above 1.
    mean = target.mean()
    assert value(SSIM(), 2 * mean - target, target) > 1


def test_multi_scale_ssim_is_that_of_pytorch_msssim():
    output, target = pictures(2, 2, 192, 176)
    theirs = pytorch_msssim.ms_ssim(output, target, data_range=1.0).item()
    assert value(MultiScaleSSIM(5), output, target) == pytest.approx(1 - theirs, abs=WINDOWS)
    weights = [0.0448, 0.2856, 0.3001]
    fewer = [weight / sum(weights) for weight in weights]
    theirs = pytorch_msssim.ms_ssim(output, target, data_range=1.0, weights=fewer).item()
    assert value(MultiScaleSSIM(3), output, target) == pytest.approx(1 - theirs, abs=WINDOWS)


def test_one_scale_is_ssim_where_nothing_is_negative():
    output, target = pictures(2, 1, 32, 32)
    single = [value(SSIM(), output[n : n + 1], target[n : n + 1]) for n in range(2)]
    assert value(MultiScaleSSIM(1), output, target) == pytest.approx(sum(single) / 2)


def test_gradients_at_several_scales_are_those_of_halved_images():
    output, target = pictures(2, 1, 16, 20)
    half = value(GradientDifference(), F.avg_pool2d(output, 2), F.avg_pool2d(target, 2))
    whole = value(GradientDifference(), output, target)
    assert value(GradientDifference(2), output, target) == pytest.approx((whole + half) / 2)


def test_an_edge_of_the_wrong_direction_counts_only_where_signs_do():
    _, target = pictures(1, 1, 16, 16)
    assert value(GradientDifference(), 1 - target, target) == pytest.approx(0, abs=1e-12)
    assert value(GradientDifference(signed=True), 1 - target, target) > 0.01


@pytest.mark.parametrize("name", SYNTHESIS_LOSSES)
def test_equal_images_have_no_loss(name):
    _, target = pictures(2, 3, 96, 96)
    least = {"charbonnier": 1e-3, "tv": value(TotalVariation(), target, torch.zeros_like(target))}
    assert value(SYNTHESIS_LOSSES.build(name), target, target) == pytest.approx(least.get(name, 0), abs=1e-9)


OTHERS = [
    ("charbonnier", {"epsilon": 0.01}),
    ("ssim", {"window": 5, "padding": "reflect"}),
    ("ssim", {"window": 5, "data_range": 3.0}),
    ("gradient", {"scales": 2, "alpha": 2.0}),
    ("gradient", {"signed": True}),
    ("frequency", {"log": True}),
    ("tv", {"isotropic": True}),
    ("ms-ssim", {"scales": 2, "window": 5}),
]


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in ("l1", "l2", "gradient", "tv")), *OTHERS])
def test_gradient_is_the_numerical_one(name, options):
    output, target = pictures(1, 2, 12, 13)
    loss = SYNTHESIS_LOSSES.build(name, **options)
    assert torch.autograd.gradcheck(lambda x: loss(SynthesisPrediction(x, target)), output.requires_grad_())


@pytest.mark.parametrize("name", SYNTHESIS_LOSSES)
def test_a_gradient_reaches_every_image_and_half_precision_is_promoted(name):
    output, target = pictures(2, 1, 96, 96)
    half = output.bfloat16().requires_grad_()
    found = SYNTHESIS_LOSSES.build(name)(SynthesisPrediction(half, target.float()))
    found.backward()
    assert found.dtype == torch.float32
    assert half.grad.isfinite().all()
    assert (half.grad != 0).flatten(1).any(1).all()


@pytest.mark.parametrize("name", SYNTHESIS_LOSSES)
def test_channels_last_changes_no_value(name):
    output, target = pictures(2, 3, 96, 96)
    loss = SYNTHESIS_LOSSES.build(name)
    other = output.contiguous(memory_format=torch.channels_last)
    assert value(loss, other, target) == value(loss, output, target)


def test_what_losses_share_is_computed_once(monkeypatch):
    output, target = pictures(1, 1, 96, 96)
    prediction = SynthesisPrediction(output, target)
    losses = [SYNTHESIS_LOSSES.build(name) for name in SYNTHESIS_LOSSES]
    first = [loss(prediction).item() for loss in losses]
    for function in ("fft.rfft2", "Tensor.diff", "nn.functional.avg_pool2d", "Tensor.matmul"):
        monkeypatch.setattr(f"torch.{function}", lambda *_, **__: pytest.fail("computed anew"))
    monkeypatch.setattr("dmf.tasks.synthesis.structure.gaussian", lambda *_: pytest.fail("filtered anew"))
    assert [loss(prediction).item() for loss in losses] == first


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("charbonnier", {"epsilon": 0.0}, "`epsilon` must be a number above 0, got 0.0"),
        ("ssim", {"data_range": -1.0}, "`data_range` must be a number above 0"),
        ("ms-ssim", {"scales": 6}, "`scales` must be from 1 to 5, got 6"),
        ("ms-ssim", {"data_range": 0.0}, "`data_range` must be a number above 0"),
        ("gradient", {"scales": 0}, "`scales` must be at least 1, got 0"),
        ("gradient", {"alpha": 0.0}, "`alpha` must be a number above 0"),
        ("tv", {"epsilon": float("inf")}, "`epsilon` must be a number above 0, got inf"),
    ],
)
def test_an_option_that_cannot_be_is_refused(name, options, message):
    with pytest.raises(ConfigError, match=message):
        SYNTHESIS_LOSSES.build(name, **options)


def test_images_too_small_for_the_scales_are_refused():
    small = SynthesisPrediction(*pictures(1, 1, 40, 64))
    with pytest.raises(ConfigError, match="4 scales of an image of 40 x 64 pixels leave less than the window of 11"):
        MultiScaleSSIM()(small)
    with pytest.raises(ConfigError, match="40 x 64 pixels cannot be halved 6 times"):
        GradientDifference(7)(small)


def test_charbonnier_is_flat_where_nothing_differs():
    output = torch.zeros(1, 1, 4, 4, requires_grad=True)
    Charbonnier()(SynthesisPrediction(output, torch.zeros(1, 1, 4, 4))).backward()
    assert (output.grad == 0).all()
