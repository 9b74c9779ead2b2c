"""The pixels of one step, read once for several losses, and the slope by the logits written down; for CPUs.

With p the probability of a pixel's true class, m = 1 - p and l = -log p. Operations work in place where they can: on a
CPU a new array of that size costs more than the arithmetic.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor


class Counts(NamedTuple):
    """(B, C) true positives, false positives and positives of the target, in pixels."""

    tp: Tensor
    fp: Tensor
    actual: Tensor


class ByCounts(NamedTuple):
    """(B or 1, C) slopes by true and by false positives, each with the other held."""

    tp: Tensor
    fp: Tensor


class TwoClasses(NamedTuple):
    """With two classes everything follows from one difference: y, how far the other logit is above the true one.

    Attributes:
        labels: (B, N) 0 and 1.
        miss: (B, N) m, the sigmoid of y.
        prob: (B, N) p, that of -y.
        log_loss: (B, N) l.
    """

    labels: Tensor
    miss: Tensor
    prob: Tensor
    log_loss: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> Self:
        """Read logits (B, 2, ...) and class numbers (B, ...) of the same type."""
        labels = labels.flatten(1)
        first, second = logits.flatten(2).unbind(1)
        sign = torch.rsub(labels, 1, alpha=2)
        above = torch.sub(second, first).mul_(sign)
        miss = above.sigmoid()
        prob = torch.neg(above, out=sign).sigmoid_()
        # l = max(y, 0) + log(1 + exp(-|y|)), whose last part is -log(1 - min(m, p)): exact near 0, and finite.
        rest = torch.minimum(miss, prob).neg_().log1p_()
        return cls(labels, miss, prob, above.clamp_min_(0).sub_(rest))

    def counts(self) -> Counts:
        """Of each image and class, each from sums of its own: what is absent counts 0, and what is rare is exact."""
        part = self.prob * self.labels
        second = part.sum(1)
        tp = torch.stack((torch.sub(self.prob, part, out=part).sum(1), second), 1)
        first = torch.mul(self.miss, self.labels, out=part).sum(1)
        fp = torch.stack((first, torch.sub(self.miss, part, out=part).sum(1)), 1)
        second = self.labels.sum(1)
        return Counts(tp, fp, torch.stack((self.labels.shape[1] - second, second), 1))

    def slope(self, logits: Tensor, by_log_loss: Tensor, by_counts: ByCounts | None) -> Tensor:
        """Slope by the logits, of their shape and layout.

        Args:
            logits: As in :meth:`of`.
            by_log_loss: (B, N) slope by l of all but the counts; it may be written over.
            by_counts: Slopes by the counts; None where they do not matter.
        """
        slope = by_log_loss
        if by_counts is not None:  # by l, p falls and m rises by p
            of_first, of_second = (by_counts.fp.flip(1) - by_counts.tp).unsqueeze(2).unbind(1)
            slope.addcmul_(torch.mul(self.labels, of_second - of_first).add_(of_first), self.prob)
        slope.mul_(self.miss)  # by y
        result = torch.empty_like(logits)
        first, second = result.flatten(2).unbind(1)
        torch.addcmul(slope, slope, self.labels, value=-2, out=second)
        torch.neg(second, out=first)
        return result


class ManyClasses(NamedTuple):
    """Any number of classes.

    Attributes:
        onehot: (B, C, N) 0 and 1.
        probs: (B, C, N) probabilities.
        miss: (B, N) m.
        prob: (B, N) p.
        log_loss: (B, N) l.
        hits: (B, C) true positives.
    """

    onehot: Tensor
    probs: Tensor
    miss: Tensor
    prob: Tensor
    log_loss: Tensor
    hits: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> Self:
        """Read logits (B, C, ...) and class numbers (B, ...) of the same type."""
        rows = logits.contiguous().flatten(2)
        probs = rows.softmax(1)
        classes = torch.arange(rows.shape[1], dtype=rows.dtype)[:, None]
        onehot = torch.eq(labels.flatten(1)[:, None], classes, out=torch.empty_like(rows))
        chosen = probs * onehot
        prob = chosen.sum(1)
        log_loss = prob.log().neg_()
        if not math.isfinite(log_loss.sum().item()):  # too unlikely for a probability
            log_loss = rows.log_softmax(1).clamp_min_(torch.finfo(rows.dtype).min).mul_(onehot).sum(1).neg_()
        return cls(onehot, probs, 1 - prob, prob, log_loss, chosen.sum(2))

    def counts(self) -> Counts:
        """Of each image and class."""
        return Counts(self.hits, self.probs.sum(2) - self.hits, self.onehot.sum(2))

    def slope(self, logits: Tensor, by_log_loss: Tensor, by_counts: ByCounts | None) -> Tensor:
        """As :meth:`TwoClasses.slope`."""
        by_true = by_log_loss
        if by_counts is None:
            slope = by_true[:, None] * self.probs
        else:
            tp, fp = (each.expand(len(by_true), -1) for each in by_counts)
            with torch.autocast("cpu", enabled=False):  # which would multiply matrices in less precision
                by_true.addcmul_(torch.bmm((tp - fp)[:, None], self.onehot)[:, 0], self.prob, value=-1)
                mean = torch.bmm(fp[:, None], self.probs)
            slope = torch.add(by_true[:, None] - mean, fp[:, :, None]).mul_(self.probs)
        return slope.addcmul_(by_true[:, None], self.onehot, value=-1).view(logits.shape)


Pixels = TwoClasses | ManyClasses


def read(logits: Tensor, labels: Tensor) -> Pixels:
    """Read logits (B, C, ...), C >= 2, and class numbers (B, ...) from 0 to C - 1, of the same type."""
    return TwoClasses.of(logits, labels) if logits.shape[1] == 2 else ManyClasses.of(logits, labels)


def mean(pixels: Pixels, power: float) -> Tensor:
    """() mean of m^power l."""
    return pixels.log_loss.mean() if power == 0 else pixels.miss.pow(power).mul_(pixels.log_loss).mean()


def slope_of_means(pixels: Pixels, by_mean: Mapping[float, float]) -> Tensor:
    """(B, N) slope by l, given the slope by the mean of each power."""
    constant, total = 0.0, None
    for power, slope in by_mean.items():
        share = slope / pixels.log_loss.numel()
        if power == 0:
            constant += share
            continue
        # m^power + power m^(power - 1) p l, where m rises by p. At m = 0 it is 0, though the slope of a root has no
        # bound there.
        part = torch.addcmul(pixels.miss, pixels.prob, pixels.log_loss, value=power)
        if power == 2:
            part.mul_(pixels.miss)
        elif power != 1:
            least = torch.finfo(part.dtype).tiny if power < 1 else 0
            part.mul_(pixels.miss.clamp_min(least).pow_(power - 1))
        part.mul_(share)
        total = part if total is None else total.add_(part)
    if total is None:
        return torch.full_like(pixels.log_loss, constant)
    return total.add_(constant) if constant else total
