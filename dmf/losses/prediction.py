"""What all losses of one step share: log-probabilities and per-class counts, each computed once."""

from functools import cached_property
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from dmf.errors import ConfigError
from dmf.records import IGNORE

Counts: TypeAlias = Literal["soft", "hard"]


class Prediction:
    r"""Shared statistics of one step, computed when first asked for and then kept.

    .. math:: TP_c = \sum p_c y_c, \quad FP_c = \sum p_c (1 - y_c), \quad FN_c = \sum (1 - p_c) y_c

    summed over the pixels of each image. Everything is float32 at least: logits of less precision are promoted, since
    the counts of a 512 x 512 mask overflow float16. Nothing here copies from the device to the host.

    Args:
        logits: Raw scores of the network.
        target: Class number of every pixel, 0..C-1, or ``ignore``. Another value outside that range is not looked for,
            because that would make the host wait for the device at every step; such a pixel counts for no class.
        counts: ``soft`` counts carry gradient. ``hard`` counts are those of the most likely class, without gradient.
            (!) The authors' notebook uses hard counts in its IoU, Dice, Tversky and class-balanced Dice losses, so that
            only its cross-entropy trains the network.
        ignore: Value of void pixels, of which nobody said what they show. They are in no sum and no mean, whatever the
            network says there, even NaN, and no gradient reaches them. None where there are none, which saves looking;
            on a CPU that look is cheap, and void pixels cost only where there are any.

    Shape:
        - logits: (B, C, H, W) or (B, C, D, H, W), floating, C >= 2.
        - target: (B, H, W) or (B, D, H, W), int64, on the device of ``logits``.

    Attributes:
        void: (B, H, W) or (B, D, H, W) bool, where the target is ``ignore``; None where no pixel is known to be.

    Raises:
        ConfigError: If a shape, type or device is not as above, ``counts`` is neither word, or ``ignore`` is 255 where
            that is a class.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (16)-(25).
    """

    def __init__(self, logits: Tensor, target: Tensor, *, counts: Counts = "soft", ignore: int | None = IGNORE) -> None:
        _validate(logits, target, counts, ignore)
        # One memory layout for all that follows: mixing channels-last logits with other layouts costs more than a copy.
        self.logits = (logits if logits.dtype == torch.float64 else logits.float()).contiguous()
        self.target = target
        self.counts = counts
        self.void = None if ignore is None else _where_void(target, ignore)
        if self.void is not None:
            # Not multiplied by 0, which would leave NaN; and so no gradient passes.
            self.logits = self.logits.masked_fill(self.void[:, None], 0)

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.logits.shape[1]

    @property
    def pixels(self) -> int:
        """Pixels of one image, H * W, void ones among them; voxels D * H * W of a volume."""
        return self.logits[0, 0].numel()

    def mean(self, values: Tensor) -> Tensor:
        """() mean of ``values`` (B, H, W), which are 0 at void pixels, over the pixels that are not; 0 without any."""
        if self.void is None:
            return values.mean()
        return values.sum() / (~self.void).sum().clamp_min(1)

    @cached_property
    def log_probs(self) -> Tensor:
        """(B, C, H, W) log-probabilities."""
        return F.log_softmax(self.logits, dim=1)

    @cached_property
    def probs(self) -> Tensor:
        """(B, C, H, W) probabilities, summing to 1 over the classes; at void pixels alike and without gradient."""
        return self.log_probs.exp()

    @cached_property
    def log_prob_true(self) -> Tensor:
        """(B, H, W) log-probability of each pixel's true class; 0 where it has none."""
        value: Tensor = _Chosen.apply(self.log_probs, self.onehot)
        return value

    @cached_property
    def onehot(self) -> Tensor:
        """(B, C, H, W) the target as 0 and 1, no gradient; 0 for every class at void pixels."""
        onehot = self._onehot(self.target)
        return onehot if self.void is None else onehot.masked_fill_(self.void[:, None], 0)  # it may be a class number

    @cached_property
    def tp(self) -> Tensor:
        """(B, C) true positives, in pixels."""
        return (self._membership * self.onehot).sum(self._space)

    @cached_property
    def predicted(self) -> Tensor:
        """(B, C) predicted positives TP + FP, in pixels."""
        return self._membership.sum(self._space)

    @cached_property
    def actual(self) -> Tensor:
        """(B, C) positives of the target TP + FN, in pixels, no gradient."""
        return self.onehot.sum(self._space)

    @property
    def fp(self) -> Tensor:
        """(B, C) false positives, in pixels."""
        return self.predicted - self.tp

    @property
    def fn(self) -> Tensor:
        """(B, C) false negatives, in pixels."""
        return self.actual - self.tp

    @cached_property
    def batch_tp(self) -> Tensor:
        """(C,) true positives of the whole batch."""
        return self.tp.sum(0)

    @cached_property
    def batch_predicted(self) -> Tensor:
        """(C,) predicted positives of the whole batch."""
        return self.predicted.sum(0)

    @cached_property
    def batch_actual(self) -> Tensor:
        """(C,) positives of the whole batch's target, no gradient."""
        return self.actual.sum(0)

    @cached_property
    def _membership(self) -> Tensor:
        """(B, C, H, W) how much each pixel counts for each class: its probability, or 1 for the most likely class."""
        membership = self.probs if self.counts == "soft" else self._onehot(self.logits.detach().argmax(1))
        return membership if self.void is None else membership.masked_fill(self.void[:, None], 0)

    @property
    def _space(self) -> tuple[int, ...]:
        return tuple(range(2, self.logits.ndim))

    def _onehot(self, labels: Tensor) -> Tensor:
        # A comparison, because F.one_hot checks the values and so makes the host wait for the device. Comparing floats
        # into a float takes half the time of comparing integers into a bool and converting that.
        classes = torch.arange(self.classes, dtype=self.logits.dtype, device=labels.device)
        classes = classes.reshape(-1, *(1 for _ in self._space))
        onehot = torch.empty_like(self.logits, requires_grad=False)
        return torch.eq(labels.to(self.logits.dtype)[:, None], classes, out=onehot)


class _Chosen(torch.autograd.Function):
    """Sum over dimension 1 of values (B, C, ...) times a one-hot (B, C, ...), where infinities that are not chosen
    count nothing: a class that a network masks has the log-probability minus infinity.

    Twice as fast as nll_loss on a CPU, which gathers pixel by pixel, and a third faster than ``torch.where``.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, onehot: Tensor) -> Tensor:
        lowest = torch.finfo(values.dtype).min
        chosen = values.clamp_min(lowest).mul_(onehot).sum(1)  # a NaN stays one
        return torch.threshold_(chosen, lowest, -torch.inf)  # lowest only where minus infinity was chosen

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (onehot,) = ctx.saved_tensors
        return gradient[:, None] * onehot, None


def _where_void(target: Tensor, ignore: int) -> Tensor | None:
    void = target == ignore
    # On another device the look would make the host wait.
    return void if target.device.type != "cpu" or bool(void.any()) else None


def _validate(logits: Tensor, target: Tensor, counts: str, ignore: int | None) -> None:
    if logits.ndim not in (4, 5) or logits.shape[1] < 2 or not logits.is_floating_point():
        raise ConfigError(
            f"`logits` must be floating with shape (B, C, H, W), or (B, C, D, H, W) for volumes, and C >= 2, got "
            f"{logits.dtype} {tuple(logits.shape)}. "
            "A network with one output channel needs a second one: give it two classes."
        )
    expected, shape = (logits.shape[0], *logits.shape[2:]), "(B, H, W)" if logits.ndim == 4 else "(B, D, H, W)"
    if target.shape != expected:
        raise ConfigError(
            f"`target` must have shape {shape} = {expected} to match `logits`, got {tuple(target.shape)}. "
            "Pass class numbers, not one channel per class."
        )
    if target.dtype != torch.int64:
        raise ConfigError(f"`target` must hold class numbers as int64, got {target.dtype}. Convert it with .long().")
    if target.device != logits.device:
        raise ConfigError(f"`target` is on {target.device}, `logits` on {logits.device}. Move both to one device.")
    if target.numel() == 0:
        raise ConfigError(f"`target` has no pixels, got shape {tuple(target.shape)}. Pass at least one image.")
    if counts not in ("soft", "hard"):
        raise ConfigError(f"`counts` must be 'soft' or 'hard', got {counts!r}.", field="loss_counts")
    if ignore == IGNORE < logits.shape[1]:
        raise ConfigError(
            f"`ignore` is {IGNORE}, which is one of the {logits.shape[1]} classes. Pass ignore=None, or the value of "
            "void pixels."
        )
