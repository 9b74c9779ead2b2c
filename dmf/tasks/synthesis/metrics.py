"""How near an output is to its target: PSNR, SSIM, RMSE, MAE and NMSE of every image, averaged and by subject.

All are computed in float64. The data range R is the difference of the largest and smallest intensity there can be; the
figures of one run have one, and it is said beside them.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmf.errors import ConfigError
from dmf.tasks.synthesis.info import HIGHEST_PSNR, METRICS
from dmf.tasks.synthesis.structure import Window, moments, similarity

SMALL_WINDOWS = (11, 9, 7, 5, 3)


def image_scores(output: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    r"""The metrics of each image, in the order of :data:`METRICS`.

    .. math:: MSE = \frac{1}{N} \sum_n (x_n - y_n)^2, \quad RMSE = \sqrt{MSE}, \quad MAE = \frac{1}{N} \sum |x_n - y_n|,
              \quad PSNR = 10 \log_{10} (R^2 / MSE), \quad NMSE = \sum (x_n - y_n)^2 / \sum y_n^2

    over the N values of one image, its channels among them; x is the output, y the target. SSIM is that of Wang et al.
    with a Gaussian window of 11 pixels (sigma 1.5) that lies wholly in the image, population moments; of an image
    smaller than that the largest odd window that fits, its sigma in proportion.

    Args:
        output: (B, C, H, W), floating, at least 3 x 3 pixels.
        target: The image it should be, of the same shape and scale.
        data_range: R, in the unit of the intensities. Above 0.

    Returns:
        (B, 5) float64 without gradient: PSNR in dB (higher is better, at most :data:`HIGHEST_PSNR`), SSIM (higher, -1
        to 1), RMSE and MAE in the unit of the intensities (lower), NMSE (lower; NaN where the target is 0 all over).

    Raises:
        ConfigError: If the shapes differ, the data range is not above 0, or an image is smaller than 3 x 3 pixels.

    Reference:
        Wang et al., IEEE TIP 13 (2004); NMSE as of fastMRI, arXiv 1811.08839.
    """
    if output.shape != target.shape or output.ndim != 4:
        raise ConfigError(
            f"`output` and `target` must have one shape (B, C, H, W), got {tuple(output.shape)} and "
            f"{tuple(target.shape)}."
        )
    if not 0 < data_range < math.inf:
        raise ConfigError(f"`data_range` must be a number above 0, got {data_range}.", "data_range")
    x, y = output.detach().double().contiguous(), target.detach().double().contiguous()
    error = (x - y).flatten(1)
    squared = error.square().mean(1)
    psnr = (10 * torch.log10(data_range**2 / squared)).clamp_max(HIGHEST_PSNR)
    ssim = similarity(moments(x, y, _window(*x.shape[-2:])), data_range).ssim.flatten(1).mean(1)
    energy = y.flatten(1).square().mean(1)
    nmse = torch.where(energy > 0, squared / energy, torch.nan)
    return torch.stack((psnr, ssim, squared.sqrt(), error.abs().mean(1), nmse), 1)


def summarise(scores: NDArray[np.float64], subjects: Sequence[str] = ()) -> dict[str, float]:
    """Means over images, and over subjects of the means of each.

    Args:
        scores: (images, 5) of :func:`image_scores`. What is NaN is in no mean.
        subjects: Of whom each image is; without, every image is a subject by itself.

    Returns:
        The name of each metric to its mean over images, ``psnr_by_subject`` and so on to that over subjects, each NaN
        where nothing is left; ``images``, how many there are.

    Raises:
        ValueError: If ``subjects`` names another number of images.
    """
    if subjects and len(subjects) != len(scores):
        raise ValueError(f"`subjects` must name one per image, {len(scores)}, got {len(subjects)}.")
    _, places = np.unique(np.array(subjects), return_inverse=True) if subjects else ((), np.arange(len(scores)))
    members = int(places.max()) + 1 if len(scores) else 0
    means: dict[str, float] = {}
    for metric, values in zip(METRICS, scores.T, strict=True):
        there = np.isfinite(values)
        counts = np.bincount(places[there], minlength=members)
        totals = np.bincount(places[there], weights=values[there], minlength=members)
        means[metric] = _mean(values[there])
        means[f"{metric}_by_subject"] = _mean(totals[counts > 0] / counts[counts > 0])
    return {**means, "images": float(len(scores))}


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _window(height: int, width: int) -> Window:
    fitting = [size for size in SMALL_WINDOWS if size <= min(height, width)]
    size = fitting[0] if fitting else SMALL_WINDOWS[-1]  # which then refuses the image
    return Window(size, 1.5 * size / SMALL_WINDOWS[0])
