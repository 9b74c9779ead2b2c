"""The default losses of image synthesis, forward and backward, beside pytorch-msssim and plain torch."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from pytorch_msssim import ssim
from torch import Tensor

from benchmarks.harness import Row, alternate, milliseconds
from dmf.tasks.synthesis.losses import SSIM, AbsoluteError, FrequencyMagnitude, GradientDifference
from dmf.tasks.synthesis.prediction import SynthesisPrediction

MOST = 0.5  # of the time of the others


def rows(quick: bool) -> list[Row]:
    side, rounds = (32, 3) if quick else (128, 100)
    return [_row((8, 1, side, side), rounds)]


def ours() -> Callable[[Tensor, Tensor], Tensor]:
    """The sum of our four, from one ``SynthesisPrediction``."""
    losses = (AbsoluteError(), SSIM(), GradientDifference(), FrequencyMagnitude())

    def total(output: Tensor, target: Tensor) -> Tensor:
        prediction = SynthesisPrediction(output, target)
        return torch.stack([loss(prediction) for loss in losses]).sum()

    return total


def theirs(output: Tensor, target: Tensor) -> Tensor:
    """The same sum as one would write it."""
    steps = [(output.diff(dim=dim).abs() - target.diff(dim=dim).abs()).abs().mean() for dim in (-2, -1)]
    spectra = (torch.fft.fft2(images, norm="ortho").abs() for images in (output, target))
    frequency = (next(spectra) - next(spectra)).abs().mean()
    similarity = ssim(output, target, data_range=1.0)
    return F.l1_loss(output, target) + (1 - similarity) + sum(steps) / 2 + frequency


def _row(shape: tuple[int, int, int, int], rounds: int) -> Row:
    generator = torch.Generator().manual_seed(0)
    output = torch.rand(shape, generator=generator).requires_grad_()
    target = torch.rand(shape, generator=generator)

    def side(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], None]:
        def step() -> None:
            output.grad = None
            loss(output, target).backward()

        return step

    pair = alternate(side(ours()), side(theirs), rounds=rounds, warm_up=1 if rounds < 10 else 10)
    mine, other = pair.seconds
    return Row(
        f"L1, SSIM, gradient, frequency forward + backward, {'x'.join(map(str, shape))}",
        milliseconds(mine),
        f"pytorch-msssim and plain torch {milliseconds(other)}",
        f"{pair.ratio:.2f}",
        f"<= {MOST:g}",
        pair.ratio <= MOST,
    )
