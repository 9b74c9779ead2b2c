"""Where a segmenting network looks: what its attention lets pass of a sample, and how much of that is on the lesion."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dmf.models.attention import share_on
from dmf.records import IGNORE
from dmf.tasks.base import Attended
from dmf.tasks.pictures import encode_png

MOST = 64  # pixels a side that are kept: a map is smooth, and there is one for every place, sample and epoch


def attended(maps: Mapping[str, Tensor], target: Tensor) -> list[Attended]:
    """Each map as a picture, with the share of all that passes that lies on the lesion.

    Args:
        maps: Name of each attention to what it lets pass, (1, 1, h, w) within 0..1. Kept are at most ``MOST`` pixels a
            side, means of the finer ones; the share is that of the map as it is.
        target: (1, H, W) class numbers, 0 the background, 255 void.

    Returns:
        One per map, in their order; its score is None where the image shows no lesion, or the map is not finite.
    """
    is_lesion = (target > 0) & (target != IGNORE)
    return [_kept(name, passes.float(), is_lesion) for name, passes in maps.items()]


def _kept(name: str, passes: Tensor, is_lesion: Tensor) -> Attended:
    height, width = passes.shape[-2:]
    coarse = F.adaptive_avg_pool2d(passes, (min(height, MOST), min(width, MOST)))[0, 0]
    levels = (coarse.nan_to_num(0) * 255).round().to(torch.uint8).cpu().numpy()
    share = float(share_on(passes, is_lesion)) if bool(is_lesion.any()) else math.nan
    return Attended(f"{name} ({height} × {width})", encode_png(levels), None if math.isnan(share) else share)
