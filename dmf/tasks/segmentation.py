"""Segmentation: scores of a network on a split, and pictures of what it predicts."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmf.data.batches import Batch
from dmf.metrics import class_counts, summarise
from dmf.probabilities import LESION


@dataclass(frozen=True)
class Evaluation:
    """Scores of one network on one split.

    Attributes:
        metrics: Name to value; see ``dmf.metrics.scores.METRIC_INFO`` for what each is over.
        counts: (cases, classes, 3) int64 true positives, false positives, false negatives in pixels.
        index: (cases,) int64 positions of the cases in the prepared data.
    """

    metrics: dict[str, float]
    counts: NDArray[np.int64]
    index: NDArray[np.int64]


@dataclass(frozen=True)
class SampleCase:
    """A case whose prediction is shown while the network learns: its id and its batch of one."""

    case: str
    batch: Batch


class Segmentation:
    """One class per pixel.

    Args:
        class_names: The first is the background.
        absent: Score of a class found in neither truth nor prediction: ``one``, ``zero`` or ``ignore``.
        ignore: Class number of void pixels in targets, which count nowhere; None where there are none.
    """

    headline: ClassVar[str] = "cb_dice"  # the metric that chooses the best epoch, as in the paper

    def __init__(
        self,
        class_names: Sequence[str],
        absent: Literal["one", "zero", "ignore"] = "ignore",
        ignore: int | None = None,
    ) -> None:
        self.class_names = tuple(class_names)
        self.absent = absent
        self.ignore = ignore

    def evaluate(self, predict: Callable[[Tensor], Tensor], batches: Iterable[Batch]) -> Evaluation:
        """Score ``predict`` (images to logits) over a split; counts stay on the device until the last batch is done."""
        counts, index, pixels = [], [], 0
        for batch in batches:
            labels = predict(batch.input).argmax(1)
            counts.append(class_counts(labels, batch.target, len(self.class_names), self.ignore))
            index.append(batch.index)
            pixels = batch.target[0].numel()
        table = torch.cat(counts).cpu().numpy()
        metrics = summarise(table, pixels, self.class_names, absent=self.absent)
        return Evaluation(metrics, table, torch.cat(index).cpu().numpy())

    def probabilities(
        self, predict: Callable[[Tensor], Tensor], batches: Iterable[Batch]
    ) -> Iterator[NDArray[np.uint8]]:
        """What ``predict`` believes of every pixel, for one image after another; one copy to the host per batch.

        Yields:
            (C-1, H, W): 255 times the probability of each class but the background, rounded. With two classes it is
            128 or more exactly where ``predict`` decides for the second.
        """
        for batch in batches:
            logits = predict(batch.input).float()  # (B, C, H, W)
            levels = (logits.softmax(1)[:, 1:].nan_to_num(0) * 255).round()
            if levels.shape[1] == 1:
                # Near a tie, probabilities of one half can come of logits that differ; the decision is the logits'.
                is_lesion = logits.argmax(1, keepdim=True) == 1
                levels = torch.where(is_lesion, levels.clamp(min=LESION), levels.clamp(max=LESION - 1))
            yield from levels.to(torch.uint8).cpu().numpy()

    def input_png(self, sample: SampleCase) -> bytes:
        """The image as the network sees it."""
        image = (sample.batch.input[0].permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
        return encode_png(image[..., ::-1] if image.shape[-1] == 3 else image[..., 0])

    def truth_png(self, sample: SampleCase) -> bytes:
        """The class number of every pixel of the truth; 255 where it is void."""
        return encode_png(sample.batch.target[0].to(torch.uint8).cpu().numpy())

    def predict_png(self, predict: Callable[[Tensor], Tensor], sample: SampleCase) -> tuple[bytes, float | None]:
        """The predicted class number of every pixel, and the Dice of the classes other than background.

        It is None where all of them were left out.
        """
        labels = predict(sample.batch.input).argmax(1)
        counts = class_counts(labels, sample.batch.target, len(self.class_names), self.ignore).cpu().numpy()
        scores = summarise(counts, labels[0].numel(), self.class_names, absent=self.absent)
        dice = scores["lesion_dice"]
        return encode_png(labels[0].to(torch.uint8).cpu().numpy()), None if math.isnan(dice) else dice


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """An 8-bit image (H, W), or (H, W, 3) in BGR, as PNG."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(image))
    return data.tobytes()
