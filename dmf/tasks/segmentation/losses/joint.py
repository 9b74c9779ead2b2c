"""Several losses of one step from one look at the pixels; for CPUs.

What costs time there is how often all pixels are read, and how many arrays of their size are made. The same losses one
by one, from what :class:`~dmf.tasks.segmentation.losses.prediction.Prediction` shares, are the same to rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dmf.tasks.segmentation.losses import pixels
from dmf.tasks.segmentation.losses.pixels import ByCounts


@dataclass(frozen=True)
class PixelMean:
    r"""Mean over pixels of :math:`-\alpha (1 - p)^\gamma \log p`, with p the probability of the true class.

    Attributes:
        power: Gamma, at least 0.
        factor: Alpha.
    """

    power: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class OverlapMean:
    r"""One minus the mean over classes of :math:`(h TP + s) / (h TP + a FP + b FN + s)`, counted over the batch.

    Attributes:
        hit: h, of true positives.
        fp: a, of false positives.
        fn: b, of false negatives.
        smooth: s, in pixels.
    """

    hit: float
    fp: float
    fn: float
    smooth: float


Summary = PixelMean | OverlapMean


class Joint(NamedTuple):
    """What was computed together.

    Attributes:
        values: () each loss.
        tp: (B, C) true positives, in pixels.
        predicted: (B, C) predicted positives, in pixels.
        actual: (B, C) positives of the target, in pixels, no gradient.
    """

    values: Mapping[nn.Module, Tensor]
    tp: Tensor
    predicted: Tensor
    actual: Tensor


Plain = Callable[[Tensor], Sequence[Callable[[], Tensor]]]


def compute(logits: Tensor, labels: Tensor, summaries: Mapping[nn.Module, Summary], plain: Plain) -> Joint:
    """Compute several losses, and the counts of each image.

    Args:
        logits: (B, C, ...) float32 or float64 on the CPU, C >= 2.
        labels: (B, ...) class numbers, all from 0 to C - 1, in the type of ``logits``.
        summaries: What each loss is.
        plain: Of logits, what computes each loss, true and predicted positives by operations of torch: where slopes of
            slopes are asked for, they are those of these operations.
    """
    *values, tp, predicted, actual = _Joint.apply(logits, labels, tuple(summaries.values()), plain)
    return Joint(dict(zip(summaries, values, strict=True)), tp, predicted, actual)


class _Joint(torch.autograd.Function):
    """A value for each summary, then true, predicted and actual positives."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, summaries: tuple[Summary, ...], plain: Plain
    ) -> tuple[Tensor, ...]:
        read = pixels.read(logits, labels)
        counts = read.counts()
        overlaps = tuple(summary for summary in summaries if isinstance(summary, OverlapMean))
        ratios, below = _ratios(torch.stack(counts).sum(1), overlaps)
        misses = iter((1 - ratios.mean(1)).unbind())
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(logits, ratios, below, *read)
        ctx.pixels, ctx.summaries, ctx.overlaps, ctx.plain = type(read), summaries, overlaps, plain
        values = [
            next(misses) if isinstance(summary, OverlapMean) else pixels.mean(read, summary.power).mul_(summary.factor)
            for summary in summaries
        ]
        ctx.mark_non_differentiable(counts.actual)
        return (*values, counts.tp, counts.tp + counts.fp, counts.actual)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        logits, ratios, below, *saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _with_graph(logits, ctx.plain, gradients[:-1]), None, None, None
        *of_values, of_tp, of_predicted, _ = gradients
        by_mean: dict[float, float] = {}
        by_overlap = []
        for summary, gradient in zip(ctx.summaries, of_values, strict=True):
            slope = 0.0 if gradient is None else float(gradient)
            if isinstance(summary, OverlapMean):
                by_overlap.append(slope)
            elif slope:
                by_mean[summary.power] = by_mean.get(summary.power, 0.0) + slope * summary.factor
        by_counts = None
        if any(by_overlap) or of_tp is not None or of_predicted is not None:
            by_counts = _added(_by_counts(ratios, below, ctx.overlaps, by_overlap), of_tp, of_predicted)
        read = ctx.pixels(*saved)
        return read.slope(logits, pixels.slope_of_means(read, by_mean), by_counts), None, None, None


def _added(by_counts: ByCounts, of_tp: Tensor | None, of_predicted: Tensor | None) -> ByCounts:
    """With the slopes by the counts themselves; predicted positives are true and false ones."""
    hits, predicted = (0 if slope is None else slope for slope in (of_tp, of_predicted))
    return ByCounts(by_counts.tp + hits + predicted, by_counts.fp + predicted)


def _with_graph(logits: Tensor, plain: Plain, gradients: Sequence[Tensor | None]) -> Tensor:
    """The slope by the logits as a differentiable function of logits and gradients."""
    pairs = [
        (value(), gradient)
        for value, gradient in zip(plain(logits), gradients, strict=True)
        if gradient is not None and (gradient.requires_grad or bool(gradient.any()))
    ]
    if not pairs:
        return torch.zeros_like(logits)
    values, seeds = zip(*pairs, strict=True)
    (slope,) = torch.autograd.grad(values, logits, seeds, create_graph=True)
    return slope


def _ratios(totals: Tensor, overlaps: tuple[OverlapMean, ...]) -> tuple[Tensor, Tensor]:
    """(L, C) ratios, and what is below their lines, from TP, FP and TP + FN (3, C)."""
    hit, fp, fn, smooth = _factors(overlaps, totals.dtype)
    above = hit * totals[0] + smooth
    below = above + fp * totals[1] + fn * (totals[2] - totals[0])
    return above / below, below


def _by_counts(
    ratios: Tensor, below: Tensor, overlaps: tuple[OverlapMean, ...], by_overlap: Sequence[float]
) -> ByCounts:
    """(1, C) slopes, given the slope by each overlap; what is not hit is missed."""
    hit, fp, fn, _ = _factors(overlaps, ratios.dtype)
    share = torch.tensor(by_overlap, dtype=ratios.dtype)[:, None] / (below * ratios.shape[1])
    scaled = share * ratios
    by_tp = (scaled * (hit - fn) - share * hit).sum(0, keepdim=True)
    return ByCounts(by_tp, (scaled * fp).sum(0, keepdim=True))


@lru_cache(maxsize=64)
def _factors(overlaps: tuple[OverlapMean, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """(L, 1) of hits, false positives, false negatives, and what is added."""
    rows = [(each.hit, each.fp, each.fn, each.smooth) for each in overlaps]
    return torch.tensor(rows, dtype=dtype).reshape(-1, 4, 1).unbind(1)
