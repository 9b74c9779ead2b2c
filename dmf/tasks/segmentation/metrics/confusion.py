"""Hard confusion counts per case, kept on the device."""

import torch
from torch import Tensor

from dmf.records import IGNORE


def class_counts(prediction: Tensor, target: Tensor, classes: int, ignore: int | None = IGNORE) -> Tensor:
    """Count true positives, false positives and false negatives of each image and class, without a device sync.

    Args:
        prediction: Predicted class number of every pixel.
        target: True class number of every pixel.
        classes: Number of classes C; a number outside 0..C-1 counts for no class.
        ignore: Value of void pixels in ``target``: whatever is predicted there counts nowhere. None where there are
            none.

    Shape:
        - prediction, target: (B, H, W) or (B, D, H, W), an integer type, on one device.
        - returns: (B, C, 3) int64, in pixels.

    Raises:
        ValueError: If the shapes differ or are not as above, a type is not an integer, or ``ignore`` is 255 where that
            is a class.
    """
    if prediction.ndim not in (3, 4) or prediction.shape != target.shape:
        raise ValueError(
            f"`prediction` and `target` must both have shape (B, H, W), or (B, D, H, W) for volumes, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}. Take the argmax of logits first."
        )
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.is_floating_point() or labels.is_complex():
            raise ValueError(f"`{name}` must hold class numbers of an integer type, got {labels.dtype}.")
    if ignore == IGNORE < classes:
        raise ValueError(
            f"`ignore` is {IGNORE}, one of the {classes} classes. Pass ignore=None, or the value of void pixels."
        )
    # Comparisons, because bincount and one_hot look at the values and so make the host wait for the device.
    numbers = torch.arange(classes, device=target.device).reshape(-1, *(1 for _ in target.shape[1:]))
    predicted, actual = prediction[:, None] == numbers, target[:, None] == numbers
    if ignore is not None:
        valid = (target != ignore)[:, None]
        predicted, actual = predicted & valid, actual & valid
    space = tuple(range(2, predicted.ndim))
    tp = (predicted & actual).sum(space)
    return torch.stack([tp, predicted.sum(space) - tp, actual.sum(space) - tp], dim=2)


def multilabel_counts(prediction: Tensor, target: Tensor, ignore: int | None = IGNORE) -> Tensor:
    """Count as :func:`class_counts` where a pixel may belong to several classes, or to none.

    Args:
        prediction: Whether each pixel is found to belong to each class: 0 or 1, or bool.
        target: Whether it does: 0, 1 or ``ignore``.
        ignore: Value of entries that count nowhere; None where there are none.

    Shape:
        - prediction, target: (B, C, H, W) or (B, C, D, H, W), bool or an integer type, on one device.
        - returns: (B, C, 3) int64, in pixels.

    Raises:
        ValueError: If the shapes differ or are not as above, or a type is floating.
    """
    if prediction.ndim not in (4, 5) or prediction.shape != target.shape:
        raise ValueError(
            "`prediction` and `target` must both have shape (B, C, H, W), or (B, C, D, H, W) for volumes, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}. Give each class a channel."
        )
    for name, labels in (("prediction", prediction), ("target", target)):
        if labels.is_floating_point() or labels.is_complex():
            raise ValueError(f"`{name}` must hold 0 and 1 of an integer type, got {labels.dtype}. Take a threshold.")
    predicted, actual = prediction == 1, target == 1
    if ignore is not None:
        predicted = predicted & (target != ignore)
    space = tuple(range(2, target.ndim))
    tp = (predicted & actual).sum(space)
    return torch.stack([tp, predicted.sum(space) - tp, actual.sum(space) - tp], dim=2)


class ConfusionCounts:
    """Confusion counts of a split, collected batch by batch on the device, each case kept.

    Args:
        classes: Number of classes C.
        ignore: Value of void pixels; see :func:`class_counts`.
    """

    def __init__(self, classes: int, ignore: int | None = IGNORE) -> None:
        self.classes = classes
        self.ignore = ignore
        self.pixels = 0
        self._batches: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Add a batch and return its counts (B, C, 3); see :func:`class_counts`.

        Raises:
            ValueError: If its images are not as large as the earlier ones, or as :func:`class_counts` does.
        """
        counts = class_counts(prediction, target, self.classes, self.ignore)
        self._expect(target[0].numel())
        self._batches.append(counts)
        return counts

    def merge(self, other: "ConfusionCounts") -> None:
        """Add the cases of another one after one's own, as of another process.

        Raises:
            ValueError: If it counts other classes, or its images are not as large.
        """
        if (other.classes, other.ignore) != (self.classes, self.ignore):
            raise ValueError(
                f"Counts of {other.classes} classes (ignore={other.ignore}) cannot join those of {self.classes} "
                f"(ignore={self.ignore})."
            )
        if not other._batches:
            return
        self._expect(other.pixels)
        self._batches += [
            counts.to(self._batches[0].device if self._batches else counts.device) for counts in other._batches
        ]

    def reset(self) -> None:
        """Forget all cases."""
        self.pixels = 0
        self._batches.clear()

    def _expect(self, pixels: int) -> None:
        if self._batches and pixels != self.pixels:
            raise ValueError(
                f"Images of {pixels} pixels cannot be pooled with images of {self.pixels}. Collect each size by itself."
            )
        self.pixels = pixels

    @property
    def per_case(self) -> Tensor:
        """(N, C, 3) int64 TP, FP, FN of each case, in the order they came.

        Raises:
            ValueError: If no batch was added.
        """
        if not self._batches:
            raise ValueError("No images were counted. Call update with at least one batch.")
        return torch.cat(self._batches)

    @property
    def pooled(self) -> Tensor:
        """(C, 3) int64 TP, FP, FN summed over all cases."""
        return self.per_case.sum(0)

    @property
    def true_negatives(self) -> Tensor:
        """(N, C) int64: what TP, FP and FN leave of the pixels of an image that have a class in the target."""
        counts = self.per_case
        return counts[:, :, [0, 2]].sum((1, 2))[:, None] - counts.sum(2)
