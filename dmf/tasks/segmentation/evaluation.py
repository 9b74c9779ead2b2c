"""Scores of a segmenting network, and what it believes of every pixel."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from dmf.data.batches import Batch
from dmf.probabilities import LESION
from dmf.tasks.base import Evaluation, Predict
from dmf.tasks.segmentation.metrics import class_counts, metric_info, summarise

Absent: TypeAlias = Literal["one", "zero", "ignore"]
Over: TypeAlias = Literal["split", "batch"]


def evaluate(
    predict: Predict,
    batches: Iterable[Batch],
    class_names: Sequence[str],
    *,
    absent: Absent,
    ignore: int | None,
    over: Over = "split",
) -> Evaluation:
    """Score ``predict`` (images to logits) over a split; counts stay on the device until the last batch is done.

    With ``over="batch"`` scores are those of each batch, averaged over the batches that have them, as the authors'
    notebook does; means over images and numbers of images stay those of the split.
    """
    counts, index, pixels = [], [], 0
    for batch in batches:
        labels = predict(batch.input).argmax(1)
        counts.append(class_counts(labels, batch.target, len(class_names), ignore))
        index.append(batch.index)
        pixels = batch.target[0].numel()
    table = torch.cat(counts).cpu().numpy()
    metrics = summarise(table, pixels, class_names, absent=absent)
    if over == "batch":
        ends = np.cumsum([len(part) for part in counts])[:-1]
        each = [summarise(part, pixels, class_names, absent=absent) for part in np.split(table, ends)]
        metrics |= {name: _mean([one[name] for one in each]) for name in metrics if _is_pooled(name)}
    return Evaluation(metrics, torch.cat(index).cpu().numpy(), table)


def _is_pooled(name: str) -> bool:
    info = metric_info(name)
    return info.better is not None and info.pooling == "pooled"


def _mean(values: Sequence[float]) -> float:
    """Of what is there; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def judge(
    predict: Predict, batch: Batch, class_names: Sequence[str], *, absent: Absent, ignore: int | None
) -> tuple[NDArray[np.uint8], float | None]:
    """(H, W) predicted class numbers of a batch of one, and the Dice of all classes but the background.

    It is None where all of them were left out.
    """
    labels = predict(batch.input).argmax(1)
    counts = class_counts(labels, batch.target, len(class_names), ignore).cpu().numpy()
    dice = summarise(counts, labels[0].numel(), class_names, absent=absent)["lesion_dice"]
    return labels[0].to(torch.uint8).cpu().numpy(), None if math.isnan(dice) else dice


def probabilities(predict: Predict, batches: Iterable[Batch]) -> Iterator[NDArray[np.uint8]]:
    """What ``predict`` believes of every pixel, for one image after another; one copy to the host per batch.

    Yields:
        (C-1, H, W): 255 times the probability of each class but the background, rounded. With two classes it is 128 or
        more exactly where ``predict`` decides for the second.
    """
    for batch in batches:
        logits = predict(batch.input).float()  # (B, C, H, W)
        levels = (logits.softmax(1)[:, 1:].nan_to_num(0) * 255).round()
        if levels.shape[1] == 1:
            # Near a tie, probabilities of one half can come of logits that differ; the decision is the logits'.
            is_lesion = logits.argmax(1, keepdim=True) == 1
            levels = torch.where(is_lesion, levels.clamp(min=LESION), levels.clamp(max=LESION - 1))
        yield from levels.to(torch.uint8).cpu().numpy()
