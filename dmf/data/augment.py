"""Random changes of training images, drawn by step: all runs of a race see the same ones, also resumed ones."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dmf.data.batches import Batch
from dmf.errors import ConfigError
from dmf.records import IGNORE
from dmf.seeding import derive

Augmentation = Literal["flip", "rotate", "crop", "elastic", "intensity"]

ROTATION = 15.0  # degrees either way
CROP = 0.3  # most that a side loses
KNOTS, BEND = 3, 0.04  # of the elastic grid, a side; standard deviation of their shift, in halves of the image
CONTRAST, BRIGHTNESS, GAMMA = 0.2, 0.1, 0.3  # most change: of the factor, of the range, of the exponent's logarithm


def require_once(names: Sequence[str]) -> None:
    """Refuse changes that are named twice: each is made once, however often it is named.

    Raises:
        ConfigError: Naming them.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"`augment` names {' and '.join(twice)} more than once. Name each change once.", "augment")


class Augment:
    """Changes batches at random, images and targets alike.

    - ``flip``: left and right, every other image;
    - ``rotate``: by up to 15 degrees either way;
    - ``crop``: a square of at least 0.7 of the side, brought back to full size; every other one around a pixel that is
      not background, so that what is rare is not cut away;
    - ``elastic``: bends along a grid of 3 x 3 knots, shifted by 4 % of half the side (standard deviation);
    - ``intensity``: contrast, brightness and gamma of the image alone.

    What would come from outside of the image is its mirror image. Classes keep their numbers (nearest pixel), images
    are interpolated linearly; all that moves pixels is one resampling.

    Args:
        names: Which of these.
        strength: Factor of all amounts; 1 are those above.
        seed: With the step, decides all chance. Each kind has its own, so that leaving one out changes no other.

    Reference:
        Elastic: Ronneberger et al., U-Net, arXiv 1505.04597, section 3.1.
    """

    def __init__(self, names: Sequence[Augmentation], strength: float = 1.0, seed: int = 0) -> None:
        self.names = frozenset(names)
        self.strength = strength
        self._seed = seed

    def __call__(self, batch: Batch, step: int) -> Batch:
        """The batch of an optimizer step as the networks see it."""
        images, targets = batch.input, batch.target
        if "flip" in self.names:
            is_flipped = self._uniform(step, "flip", len(images)) < 0.5
            images, targets = (
                torch.where(is_flipped.to(each.device).reshape(-1, *(1 for _ in each.shape[1:])), each.flip(-1), each)
                for each in (images, targets)
            )
        if self.names & {"rotate", "crop", "elastic"}:
            grid = self._grid(targets, step).to(images.device)
            images = _resample(images, grid)
            targets = _resample(targets, grid)
        if "intensity" in self.names:
            images = self._intensity(images, step)
        return Batch(images.contiguous(memory_format=_format(batch.input)), targets, batch.index)

    def _grid(self, targets: Tensor, step: int) -> Tensor:
        """(B, S, S, 2) where each pixel comes from, -1 to 1 from edge to edge, x first; on the CPU."""
        count, size = len(targets), targets.shape[-1]
        at = (2 * torch.arange(size) + 1) / size - 1
        grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).expand(count, size, size, 2)
        if "rotate" in self.names:
            angle = math.radians(ROTATION) * self.strength * (2 * self._uniform(step, "rotate", count) - 1)
            cos, sin = angle.cos(), angle.sin()
            turn = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), -2)
            grid = torch.einsum("bij,bhwj->bhwi", turn, grid)
        if "crop" in self.names:
            scale = 1 - min(0.9, CROP * self.strength) * self._uniform(step, "crop", count)
            centre = self._centres(targets, step)
            room = (1 - scale)[:, None]
            centre = torch.maximum(torch.minimum(centre, room), -room)  # the square stays within the image
            grid = scale[:, None, None, None] * grid + centre[:, None, None]
        if "elastic" in self.names:
            knots = self._normal(step, "elastic", count, 2, KNOTS, KNOTS) * BEND * self.strength
            bend = F.interpolate(knots, (size, size), mode="bicubic", align_corners=True)
            grid = grid + bend.movedim(1, -1)
        return grid

    def _centres(self, targets: Tensor, step: int) -> Tensor:
        """(B, 2) anywhere, or in every other image where anything is not background, a pixel of that.

        Targets that are images themselves, (B, C, S, S), have no background.
        """
        count, size = len(targets), targets.shape[-1]
        centres = 2 * self._uniform(step, "at", count, 2) - 1
        if targets.ndim > 3:
            return centres
        chosen = self._uniform(step, "which", count, 2)
        for place, mask in enumerate(targets.cpu()):
            pixels = ((mask > 0) & (mask != IGNORE)).nonzero()
            if len(pixels) and chosen[place, 0] < 0.5:
                y, x = pixels[int(chosen[place, 1] * len(pixels))].tolist()
                centres[place] = (2 * torch.tensor([x, y]) + 1) / size - 1
        return centres

    def _intensity(self, images: Tensor, step: int) -> Tensor:
        amounts = self.strength * (2 * self._uniform(step, "intensity", len(images), 3) - 1)
        shape = (-1, *(1 for _ in images.shape[1:]))
        contrast, brightness, gamma = (amount.reshape(shape).to(images.device) for amount in amounts.unbind(1))
        bent = images.clamp(0, 1).pow((GAMMA * gamma).exp())
        return ((bent - 0.5) * (1 + CONTRAST * contrast) + 0.5 + BRIGHTNESS * brightness).clamp(0, 1)

    def _generator(self, step: int, name: str) -> torch.Generator:
        return torch.Generator().manual_seed(derive(self._seed, f"augment {name}", step))

    def _uniform(self, step: int, name: str, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator(step, name))

    def _normal(self, step: int, name: str, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator(step, name))


def _resample(pixels: Tensor, grid: Tensor) -> Tensor:
    """Images (B, C, S, S) in between pixels, class numbers (B, S, S) at the nearest; of the same type."""
    are_classes = pixels.ndim == 3
    planes = pixels[:, None].float() if are_classes else pixels
    how = "nearest" if are_classes else "bilinear"
    resampled = F.grid_sample(planes, grid, mode=how, padding_mode="reflection", align_corners=False)
    return resampled[:, 0].to(pixels.dtype) if are_classes else resampled


def _format(images: Tensor) -> torch.memory_format:
    is_last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if is_last else torch.contiguous_format
