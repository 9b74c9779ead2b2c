"""Five losses of one step, forward and backward, beside the same five of segmentation-models-pytorch."""

from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from benchmarks.harness import Row, alternate, milliseconds
from dmf.tasks.segmentation.losses import CrossEntropy, Focal, LossBank, MeanDice, MeanIoU, Tversky

TARGET = 3.0


def rows(quick: bool) -> list[Row]:
    side, rounds = (32, 3) if quick else (128, 150)
    formats = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
    return [_row((batch, 2, side, side), name, formats[name], rounds) for batch in (8, 16) for name in formats]


def ours() -> Callable[[Tensor, Tensor], Tensor]:
    """The sum of our five, from one ``Prediction``."""
    bank = LossBank(
        {"ce": CrossEntropy(), "iou": MeanIoU(), "dice": MeanDice(), "tversky": Tversky(), "focal": Focal()}
    )
    return lambda logits, target: bank(logits, target).terms.sum()


def theirs() -> Callable[[Tensor, Tensor], Tensor]:
    """The sum of their five, with the same options."""
    losses: tuple[nn.Module, ...] = (
        smp.losses.SoftCrossEntropyLoss(smooth_factor=0.0),
        smp.losses.JaccardLoss("multiclass"),
        smp.losses.DiceLoss("multiclass"),
        smp.losses.TverskyLoss("multiclass", alpha=0.3, beta=0.7),
        smp.losses.FocalLoss("multiclass", alpha=0.25, gamma=2.0),
    )

    def total(logits: Tensor, target: Tensor) -> Tensor:
        return torch.stack([loss(logits, target) for loss in losses]).sum()

    return total


def _row(shape: tuple[int, int, int, int], name: str, memory_format: torch.memory_format, rounds: int) -> Row:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator).contiguous(memory_format=memory_format).requires_grad_()
    target = (torch.rand(shape[0], *shape[2:], generator=generator) < 0.2).long()

    def side(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], None]:
        def step() -> None:
            logits.grad = None
            loss(logits, target).backward()

        return step

    pair = alternate(side(ours()), side(theirs()), rounds=rounds, warm_up=1 if rounds < 10 else 10)
    mine, other = pair.seconds
    faster = 1 / pair.ratio
    return Row(
        f"5 losses forward + backward, {'x'.join(map(str, shape))}, {name}",
        milliseconds(mine),
        f"segmentation-models-pytorch {milliseconds(other)}",
        f"{faster:.2f}x faster",
        f">= {TARGET:g}x faster",
        faster >= TARGET,
    )
