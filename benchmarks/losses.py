"""Five losses of one step, forward and backward, beside segmentation-models-pytorch and beside a sum fused by hand."""

import time
from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import Clock, Pair, Row, alternate, milliseconds, one_thread
from dmf.tasks.segmentation.losses import CrossEntropy, Focal, LossBank, MeanDice, MeanIoU, Tversky

TARGET = 3.0
AS_FUSED = 0.6  # of the time of what one fuses by hand
SMOOTH = 1e-6

Total = Callable[[Tensor, Tensor], Tensor]
Shape = tuple[int, int, int, int]

FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}


def rows(quick: bool) -> list[Row]:
    side, rounds = (32, 3) if quick else (128, 150)
    sizes = [(batch, name) for batch in (8, 16) for name in FORMATS]
    return [
        *(_beside_smp((batch, 2, side, side), name, rounds) for batch, name in sizes),
        *(_beside_fused((batch, classes, side, side), name, rounds) for classes in (2, 4) for batch, name in sizes),
    ]


def ours() -> Total:
    """The sum of our five, from one ``Prediction``."""
    bank = LossBank(
        {"ce": CrossEntropy(), "iou": MeanIoU(), "dice": MeanDice(), "tversky": Tversky(), "focal": Focal()}
    )
    return lambda logits, target: bank(logits, target).terms.sum()


def theirs() -> Total:
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


def fused(logits: Tensor, target: Tensor) -> Tensor:
    """The same sum as one fuses it by hand: one log-softmax, a one-hot by comparison, one set of counts."""
    log_probs = F.log_softmax(logits, dim=1)
    probs = log_probs.exp()
    classes = torch.arange(logits.shape[1])[:, None, None]
    onehot = (target[:, None] == classes).to(logits.dtype)
    log_prob = (log_probs * onehot).sum(1)
    tp, predicted, actual = (counted.sum((0, 2, 3)) for counted in (probs * onehot, probs, onehot))
    iou = 1 - ((tp + SMOOTH) / (predicted + actual - tp + SMOOTH)).mean()
    dice = 1 - ((2 * tp + SMOOTH) / (predicted + actual + SMOOTH)).mean()
    tversky = 1 - ((tp + SMOOTH) / (tp + 0.3 * (predicted - tp) + 0.7 * (actual - tp) + SMOOTH)).mean()
    focal = -0.25 * ((1 - log_prob.exp()) ** 2 * log_prob).mean()
    return -log_prob.mean() + iou + dice + tversky + focal


def _measure(beside: Total, shape: Shape, name: str, rounds: int, clock: Clock = time.perf_counter) -> Pair:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator).contiguous(memory_format=FORMATS[name]).requires_grad_()
    is_foreground = torch.rand(shape[0], *shape[2:], generator=generator) < 0.2
    target = is_foreground * torch.randint(1, shape[1], is_foreground.shape, generator=generator)

    def side(loss: Total) -> Callable[[], None]:
        def step() -> None:
            logits.grad = None
            loss(logits, target).backward()

        return step

    return alternate(side(ours()), side(beside), rounds=rounds, warm_up=1 if rounds < 10 else 10, clock=clock)


def _beside_smp(shape: Shape, name: str, rounds: int) -> Row:
    pair = _measure(theirs(), shape, name, rounds)
    mine, other = pair.seconds
    faster = 1 / pair.ratio
    return Row(
        _what(shape, name),
        milliseconds(mine),
        f"segmentation-models-pytorch {milliseconds(other)}",
        f"{faster:.2f}x faster",
        f">= {TARGET:g}x faster",
        faster >= TARGET,
    )


def _beside_fused(shape: Shape, name: str, rounds: int) -> Row:
    with one_thread():
        pair = _measure(fused, shape, name, rounds, time.thread_time)
    mine, other = pair.seconds
    return Row(
        f"{_what(shape, name)}, processor time of one thread",
        milliseconds(mine),
        f"fused by hand {milliseconds(other)}",
        f"{pair.ratio:.2f}",
        f"<= {AS_FUSED}",
        pair.ratio <= AS_FUSED,
    )


def _what(shape: Shape, name: str) -> str:
    return f"5 losses forward + backward, {'x'.join(map(str, shape))}, {name}"
