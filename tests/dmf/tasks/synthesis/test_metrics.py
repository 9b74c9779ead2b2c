import math

import numpy as np
import pytest
import pytorch_msssim
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dmf.errors import ConfigError
from dmf.tasks.synthesis.info import HIGHEST_PSNR, METRICS
from dmf.tasks.synthesis.metrics import image_scores, summarise

WINDOWS = 1e-5  # pytorch-msssim makes its window in float32


def pictures(*shape: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    target = torch.nn.functional.avg_pool2d(torch.rand(shape, generator=generator), 3, 1, 1)
    return scale * (target + 0.08 * torch.randn(shape, generator=generator)), scale * target


def scores(output: torch.Tensor, target: torch.Tensor, data_range: float = 1.0) -> dict[str, np.ndarray]:
    return dict(zip(METRICS, image_scores(output, target, data_range).numpy().T, strict=True))


def test_values_by_hand():
    target = torch.ones(1, 1, 4, 4)
    output = target.clone()
    output[0, 0, 0, 0] = 3  # an error of 2 in one of 16 pixels: MSE 4/16, MAE 2/16, energy of the target 1
    found = scores(output, target, data_range=4.0)
    assert found["rmse"] == [pytest.approx(0.5)]
    assert found["mae"] == [pytest.approx(0.125)]
    assert found["nmse"] == [pytest.approx(0.25)]
    assert found["psnr"] == [pytest.approx(10 * math.log10(16 / 0.25))]


@pytest.mark.parametrize(("scale", "data_range"), [(1.0, 1.0), (65535.0, 65535.0), (1000.0, 4095.0)])
def test_psnr_and_ssim_are_those_of_other_libraries(scale, data_range):
    output, target = pictures(3, 1, 96, 80, scale=scale)
    found = scores(output, target, data_range)
    pairs = list(zip(output[:, 0].double().numpy(), target[:, 0].double().numpy(), strict=True))
    psnr = [peak_signal_noise_ratio(y, x, data_range=data_range) for x, y in pairs]
    np.testing.assert_allclose(found["psnr"], psnr, atol=1e-9)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim = [structural_similarity(x, y, data_range=data_range, **gaussian) for x, y in pairs]
    np.testing.assert_allclose(found["ssim"], ssim, atol=1e-9)
    theirs = pytorch_msssim.ssim(output.double(), target.double(), data_range=data_range, size_average=False)
    np.testing.assert_allclose(found["ssim"], theirs.numpy(), atol=WINDOWS)


def test_float32_images_agree_to_five_digits_with_pytorch_msssim_in_float32():
    output, target = pictures(2, 1, 96, 96)
    theirs = pytorch_msssim.ssim(output, target, data_range=1.0, size_average=False)
    np.testing.assert_allclose(scores(output, target)["ssim"], theirs.numpy(), atol=1e-5)


def test_channels_are_part_of_their_image():
    output, target = pictures(2, 3, 32, 32)
    found = scores(output, target)
    theirs = pytorch_msssim.ssim(output.double(), target.double(), data_range=1.0, size_average=False)
    np.testing.assert_allclose(found["ssim"], theirs.numpy(), atol=WINDOWS)
    np.testing.assert_allclose(found["mae"], (output - target).abs().mean((1, 2, 3)).numpy(), rtol=1e-6)


def test_an_exact_copy_is_perfect_and_a_black_target_has_no_nmse():
    _, target = pictures(1, 1, 16, 16)
    perfect = scores(target, target)
    assert perfect["psnr"] == [HIGHEST_PSNR]
    assert perfect["ssim"] == [pytest.approx(1)]
    assert [perfect[name][0] for name in ("rmse", "mae", "nmse")] == [0, 0, 0]
    assert math.isnan(scores(target, torch.zeros_like(target))["nmse"][0])


def test_a_small_image_takes_the_largest_window_that_fits():
    output, target = pictures(1, 1, 8, 20)
    theirs = pytorch_msssim.ssim(output.double(), target.double(), data_range=1.0, win_size=7, win_sigma=1.5 * 7 / 11)
    assert scores(output, target)["ssim"] == [pytest.approx(theirs.item(), abs=WINDOWS)]


def test_means_are_over_images_and_over_subjects():
    table = np.array([[10, 0.5, 1, 1, 0.1], [20, 0.7, 3, 1, math.nan], [40, 0.9, 5, 1, math.nan]])
    found = summarise(table, ["a", "a", "b"])
    assert found["psnr"] == pytest.approx(70 / 3)
    assert found["psnr_by_subject"] == pytest.approx((15 + 40) / 2)
    assert found["ssim_by_subject"] == pytest.approx((0.6 + 0.9) / 2)
    assert found["nmse"] == found["nmse_by_subject"] == pytest.approx(0.1)  # where there is one
    assert found["images"] == 3
    alone = summarise(table)
    assert alone["rmse"] == alone["rmse_by_subject"] == pytest.approx(3)


def test_nothing_has_no_mean():
    found = summarise(np.empty((0, 5)))
    assert math.isnan(found["psnr"])
    assert found["images"] == 0


def test_wrong_arguments_are_refused():
    output, target = pictures(2, 1, 16, 16)
    with pytest.raises(ConfigError, match=r"one shape \(B, C, H, W\)"):
        image_scores(output, target[:1])
    with pytest.raises(ConfigError, match="`data_range` must be a number above 0, got 0"):
        image_scores(output, target, 0)
    with pytest.raises(ConfigError, match="smaller than the window of 3 pixels"):
        image_scores(output[..., :2], target[..., :2])
    with pytest.raises(ValueError, match="one per image, 2, got 1"):
        summarise(np.zeros((2, 5)), ["a"])
