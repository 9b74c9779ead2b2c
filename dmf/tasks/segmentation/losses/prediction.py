"""What all losses of one step share: log-probabilities and per-class counts, each computed once."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.records import IGNORE
from dmf.tasks.segmentation.losses.joint import Joint, Summary, compute
from dmf.terms import Prediction as GeneralPrediction

Counts: TypeAlias = Literal["soft", "hard"]
Activation: TypeAlias = Literal["softmax", "sigmoid"]


class Prediction(GeneralPrediction):
    r"""Shared statistics of one step, computed when first asked for and then kept.

    .. math:: TP_c = \sum p_c y_c, \quad FP_c = \sum p_c (1 - y_c), \quad FN_c = \sum (1 - p_c) y_c

    summed over the pixels of each image. Everything is float32 at least: logits of less precision are promoted, since
    the counts of a 512 x 512 mask overflow float16. Nothing here copies from the device to the host.

    Args:
        logits: Raw scores of the network.
        target: Class number of every pixel, 0..C-1, or ``ignore``; or, floating, the probability of each class in truth
            (soft labels), where a pixel is void that has ``ignore`` in any channel. Of class numbers, another value
            outside that range is not looked for, because that would make the host wait for the device at every step;
            such a pixel counts for no class.
        counts: ``soft`` counts carry gradient. ``hard`` counts are those of the most likely class, without gradient.
            (!) The authors' notebook uses hard counts in its IoU, Dice, Tversky and class-balanced Dice losses, so that
            only its cross-entropy trains the network.
        ignore: Value of void pixels, of which nobody said what they show. They are in no sum and no mean, whatever the
            network says there, even NaN, and no gradient reaches them. None where there are none, which saves looking;
            on a CPU that look is cheap, and void pixels cost only where there are any.
        activation: ``softmax``: one class per pixel. ``sigmoid``: each channel is a class by itself, so that a pixel
            may belong to several or to none; the target has a channel each, or none for a single one, where 1 is the
            class.
        summaries: Losses that will be asked for, each with the summary of the pixels that it is. On a CPU they are
            computed together where every pixel has a class and counts are soft.

    Shape:
        - logits: (B, C, H, W) or (B, C, D, H, W), floating, C >= 2; with ``sigmoid`` C >= 1.
        - target: (B, H, W) or (B, D, H, W), int64, on the device of ``logits``; or as ``logits``, floating, and with
          ``sigmoid`` of any type.

    Attributes:
        void: (B, H, W) or (B, D, H, W) bool, where the target is ``ignore``; None where no pixel is known to be.
        is_soft: Whether the target has a channel per class.

    Raises:
        ConfigError: If a shape, type or device is not as above, ``counts`` or ``activation`` is neither word, or
            ``ignore`` is 255 where that is a class.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (16)-(25).
    """

    def __init__(
        self,
        logits: Tensor,
        target: Tensor,
        *,
        counts: Counts = "soft",
        ignore: int | None = IGNORE,
        activation: Activation = "softmax",
        summaries: Mapping[nn.Module, Summary] | None = None,
    ) -> None:
        _validate(logits, target, counts, ignore, activation)
        super().__init__(logits if logits.dtype == torch.float64 else logits.float(), target)
        self.counts = counts
        self.activation = activation
        self.is_soft = target.ndim == logits.ndim
        has_all_labels = self._has_all_labels(ignore)
        self.void = None if ignore is None or has_all_labels else _where_void(target, ignore, logits.ndim - 1)
        self._summaries = summaries if summaries and has_all_labels and counts == "soft" else {}
        if not self._summaries:
            # One memory layout for all that follows: mixing channels-last logits with others costs more than a copy.
            self.output = self.output.contiguous()
        if self.void is not None:
            # Not multiplied by 0, which would leave NaN; and so no gradient passes.
            self.output = self.output.masked_fill(self.void[:, None], 0)

    @property
    def logits(self) -> Tensor:
        """(B, C, H, W) raw scores of the network, float32 at least, 0 at void pixels."""
        return self.output

    def target_for(self, name: str, loss: nn.Module) -> Tensor:
        """The target, with void pixels as a loss of another library knows them.

        Raises:
            ConfigError: If it would count them.
        """
        if self.void is None:
            return self.target
        index = getattr(loss, "ignore_index", None)
        if isinstance(index, int) and not self.is_soft:
            return self.target.masked_fill(self.void, index)
        if self.void.device.type == "cpu":  # elsewhere it is not known whether there are any
            raise ConfigError(
                f"Loss {name!r} ({type(loss).__name__}) has no `ignore_index`, so it would count the void pixels of "
                "this target. Give it one, or take a loss that leaves pixels out.",
                field="terms",
            )
        return self.target

    def known(self, loss: nn.Module) -> Tensor | None:
        """() the loss, if it was computed together with others."""
        return self._joint.values[loss] if self._joint is not None and loss in self._summaries else None

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.output.shape[1]

    @property
    def pixels(self) -> int:
        """Pixels of one image, H * W, void ones among them; voxels D * H * W of a volume."""
        return self.logits[0, 0].numel()

    def mean(self, values: Tensor) -> Tensor:
        """() mean of ``values`` of pixels, 0 where void, over the pixels that are not void; 0 without any.

        They are (B, H, W), with ``sigmoid`` (B, C, H, W).
        """
        if self.void is None:
            return values.mean()
        channels = 1 if values.ndim == self.void.ndim else values.shape[1]
        return values.sum() / (channels * (~self.void).sum().clamp_min(1))

    def valid(self, values: Tensor) -> Tensor:
        """``values`` of pixels, with 0 at void ones: (B, H, W) or (B, C, H, W)."""
        if self.void is None:
            return values
        return values.masked_fill(self.void if values.ndim == self.void.ndim else self.void[:, None], 0)

    @cached_property
    def log_probs(self) -> Tensor:
        """(B, C, H, W) log-probabilities."""
        return F.logsigmoid(self.logits) if self.activation == "sigmoid" else F.log_softmax(self.logits, dim=1)

    @cached_property
    def probs(self) -> Tensor:
        """(B, C, H, W) probabilities; with softmax they sum to 1 over the classes. Void pixels have no gradient."""
        return self.log_probs.exp()

    @cached_property
    def log_prob_true(self) -> Tensor:
        """(B, H, W) log-probability of each pixel's true class; 0 where it has none.

        With ``sigmoid`` (B, C, H, W): that of being, or not being, each class.
        """
        if self.activation == "softmax":
            return chosen(self.log_probs, self.onehot)
        of_not = F.logsigmoid(-self.logits)
        both = torch.stack((self.log_probs, of_not), 1), torch.stack((self.onehot, 1 - self.onehot), 1)
        return self.valid(chosen(*both))

    @cached_property
    def prob_true(self) -> Tensor:
        """Probability of the truth, of the shape of :attr:`log_prob_true`; of soft labels their mean."""
        if self.activation == "softmax":
            return (self.probs * self.onehot).sum(1)
        return self.probs * self.onehot + (1 - self.probs) * (1 - self.onehot)

    @cached_property
    def onehot(self) -> Tensor:
        """(B, C, H, W) the target as 0 and 1, no gradient; 0 for every class at void pixels."""
        if self.is_soft:
            return self.valid(self.target.to(self.logits.dtype))
        if self.activation == "sigmoid":  # of a single channel
            return self.valid((self.target == 1).to(self.logits.dtype)[:, None])
        onehot = self._onehot(self._labels)
        return onehot if self.void is None else onehot.masked_fill_(self.void[:, None], 0)  # it may be a class number

    @cached_property
    def tp(self) -> Tensor:
        """(B, C) true positives, in pixels."""
        if self._joint is not None:
            return self._joint.tp
        return (self._membership * self.onehot).sum(self._space)

    @cached_property
    def predicted(self) -> Tensor:
        """(B, C) predicted positives TP + FP, in pixels."""
        if self._joint is not None:
            return self._joint.predicted
        return self._membership.sum(self._space)

    @cached_property
    def actual(self) -> Tensor:
        """(B, C) positives of the target TP + FN, in pixels, no gradient."""
        if self._joint is not None:
            return self._joint.actual
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
        """(B, C, H, W) how much each pixel counts for each class: its probability, or 1 for the most likely class.

        With ``sigmoid`` 1 for each that is more likely than not.
        """
        if self.counts == "soft":
            membership = self.probs
        elif self.activation == "sigmoid":
            membership = (self.logits.detach() > 0).to(self.logits.dtype)
        else:
            membership = self._onehot(self.logits.detach().argmax(1))
        return self.valid(membership)

    @cached_property
    def _joint(self) -> Joint | None:
        if not self._summaries:
            return None
        plain = partial(_plain, self.target, tuple(self._summaries))  # without self, which keeps what this returns
        return compute(self.output, self._labels, self._summaries, plain)

    @cached_property
    def _labels(self) -> Tensor:
        """The target in the type of the logits: comparing floats takes half the time of comparing integers."""
        return self.target.to(self.output.dtype)

    def _has_all_labels(self, ignore: int | None) -> bool:
        """Whether each pixel is known to have a class; False where that cannot be seen without waiting."""
        if self.activation != "softmax" or self.is_soft or not (_can_read(self.output) and _can_read(self.target)):
            return False
        if ignore is not None and 0 <= ignore < self.classes:
            return False
        least, most = self._labels.aminmax()
        return least.item() >= 0 and most.item() < self.classes

    @property
    def _space(self) -> tuple[int, ...]:
        return tuple(range(2, self.output.ndim))

    def _onehot(self, labels: Tensor) -> Tensor:
        # A comparison, because F.one_hot checks the values and so makes the host wait for the device. Comparing floats
        # into a float takes half the time of comparing integers into a bool and converting that.
        classes = torch.arange(self.classes, dtype=self.logits.dtype, device=labels.device)
        classes = classes.reshape(-1, *(1 for _ in self._space))
        labels = labels.to(self.logits.dtype)[:, None]
        if not (_has_storage(labels) and _has_storage(self.logits)):
            return (labels == classes).to(self.logits.dtype)
        return torch.eq(labels, classes, out=torch.empty_like(self.logits, requires_grad=False))


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


def chosen(values: Tensor, shares: Tensor) -> Tensor:
    """(B, ...) sum over dimension 1 of ``values`` times ``shares`` (B, C, ...), which have no gradient.

    A share of 0 takes nothing even of minus infinity.
    """
    total: Tensor = _Chosen.apply(values, shares)
    return total


def _plain(target: Tensor, losses: Sequence[nn.Module], logits: Tensor) -> Sequence[Callable[[], Tensor]]:
    """What computes losses one by one, and the counts."""
    prediction = Prediction(logits, target, ignore=None)
    return (*(partial(loss, prediction) for loss in losses), lambda: prediction.tp, lambda: prediction.predicted)


def _can_read(tensor: Tensor) -> bool:
    """Whether the host can read it at once."""
    return tensor.is_cpu and not torch.compiler.is_compiling() and _has_storage(tensor)


def _has_storage(tensor: Tensor) -> bool:
    """False where a transform of ``torch.func`` stands for it."""
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def _where_void(target: Tensor, ignore: int, dimensions: int) -> Tensor | None:
    void = target == ignore
    if target.ndim > dimensions:
        void = void.any(1)
    # On another device the look would make the host wait.
    return void if target.device.type != "cpu" or bool(void.any()) else None


def _validate(logits: Tensor, target: Tensor, counts: str, ignore: int | None, activation: str) -> None:
    if activation not in ("softmax", "sigmoid"):
        raise ConfigError(f"`activation` must be 'softmax' or 'sigmoid', got {activation!r}.")
    fewest = 2 if activation == "softmax" else 1
    if logits.ndim not in (4, 5) or logits.shape[1] < fewest or not logits.is_floating_point():
        raise ConfigError(
            "`logits` must be floating with shape (B, C, H, W), or (B, C, D, H, W) for volumes, and C >= "
            f"{fewest}, got {logits.dtype} {tuple(logits.shape)}. "
            "A network with one output channel needs a second one, or activation='sigmoid': give it two classes."
        )
    _validate_target(logits, target, activation)
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


def _validate_target(logits: Tensor, target: Tensor, activation: str) -> None:
    """Shape and type: class numbers, or one channel per class."""
    space = "H, W" if logits.ndim == 4 else "D, H, W"
    expected = (logits.shape[0], *logits.shape[2:])
    if activation == "sigmoid":
        if target.shape != logits.shape and not (target.shape == expected and logits.shape[1] == 1):
            raise ConfigError(
                f"`target` must have a channel per class, shape (B, C, {space}) = {tuple(logits.shape)}, got "
                f"{tuple(target.shape)}. With activation='sigmoid' each channel is a class of its own."
            )
        return
    if target.shape == logits.shape and target.is_floating_point():
        return
    if target.shape != expected:
        raise ConfigError(
            f"`target` must have shape (B, {space}) = {expected} to match `logits`, got {tuple(target.shape)}. "
            "Pass class numbers, or as floating point the probability of each class per channel."
        )
    if target.dtype != torch.int64:
        raise ConfigError(f"`target` must hold class numbers as int64, got {target.dtype}. Convert it with .long().")
