"""What the metrics of image synthesis mean; importing this needs no torch."""

import math
from dataclasses import replace
from typing import Literal, TypeAlias

from dmf.metric_info import MetricInfo

Metric: TypeAlias = Literal["psnr", "ssim", "rmse", "mae", "nmse"]
HeadKind: TypeAlias = Literal["linear", "bounded"]  # what the last layer gives: any number, or black to white
METRICS: tuple[Metric, ...] = ("psnr", "ssim", "rmse", "mae", "nmse")

HIGHEST_PSNR = 100.0  # dB: an error of 1e-5 of the range; that of an exact copy is infinite, which no mean survives
DATA_RANGE = 1.0  # of what a task's images are scaled to: black is 0, white is 1

_RANGE = f"Data range {DATA_RANGE:g}, from black to white."
_PER_IMAGE: dict[str, MetricInfo] = {
    "psnr": MetricInfo(
        "PSNR [dB]",
        "per image",
        "whole image",
        f"Peak signal-to-noise ratio: the data range over the root mean squared error, in decibels. {_RANGE}",
        low=-math.inf,
        high=HIGHEST_PSNR,
        counted="images",
    ),
    "ssim": MetricInfo(
        "SSIM",
        "per image",
        "whole image",
        "Structural similarity under a Gaussian window of 11 pixels (sigma 1.5), only where all of it lies in the "
        f"image; 1 is an exact copy. {_RANGE}",
        low=-1,
        counted="images",
    ),
    "rmse": MetricInfo(
        "RMSE",
        "per image",
        "whole image",
        f"Root of the mean squared error, as a share of the data range. {_RANGE}",
        better="lower",
        high=math.inf,
        counted="images",
    ),
    "mae": MetricInfo(
        "MAE",
        "per image",
        "whole image",
        f"Mean absolute error, as a share of the data range. {_RANGE}",
        better="lower",
        high=math.inf,
        counted="images",
    ),
    "nmse": MetricInfo(
        "NMSE",
        "per image",
        "whole image",
        "Squared error over the squared values of the target; images whose target is black all over are left out.",
        better="lower",
        high=math.inf,
        counted="images",
    ),
}

METRIC_INFO: dict[str, MetricInfo] = {
    **_PER_IMAGE,
    **{
        f"{name}_by_subject": replace(
            info,
            title=f"{info.title} (by subject)",
            sentence=f"{info.sentence} Averaged over the images of each subject first, then over subjects.",
        )
        for name, info in _PER_IMAGE.items()
    },
    "images": MetricInfo(
        "Images", "per image", "whole image", "Images behind the mean over images.", better=None, high=math.inf
    ),
}
"""Every metric by name."""
