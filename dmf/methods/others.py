"""What tasks, losses, models and datasets of someone's own promise; :mod:`dmf.methods.checks` is for weightings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig
from dmf.data import DATASETS, BrokenDataError, Dataset, build_dataset, target_of
from dmf.errors import UnknownNameError
from dmf.methods.checks import NotForThisMethodError, require
from dmf.models import build_model
from dmf.registry import unknown
from dmf.tasks import TASKS, Task, find_task

CLASSES, SIZE = 2, 64


# Losses


class _Judged:
    """A loss as the bank of its task computes it, and pictures to judge it by."""

    def __init__(self, name: str) -> None:
        self.task = task_of_loss(name)
        data = DataConfig(dataset=self.task.dataset)
        fusion = FusionConfig(terms=(name,), auxiliary="none")
        config = ExperimentConfig(task=self.task.name, data=data, runs=(RunConfig(label=name, fusion=fusion),))
        task = self.task.of(build_dataset(data), config)
        self.channels = task.output_channels
        self._bank: Any = task.bank(config.runs[0].fusion)  # what has terms, and what they share

    def __call__(self, output: Tensor, target: Tensor) -> Any:
        (loss,) = self._bank.terms
        return loss(self._bank.prediction(output, target))

    @property
    def is_of_classes(self) -> bool:
        """Whether a target holds the class of each pixel; else it is an image in 0..1."""
        return self.task.target == "classes"

    @property
    def side(self) -> int:
        """Of the pictures; images are large enough for similarities at several scales."""
        return 8 if self.is_of_classes else 192

    def output(self) -> Tensor:
        """Of an untrained network."""
        shape = (2, self.channels, self.side, self.side)
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def target(self) -> Tensor:
        """A square in each picture."""
        square = torch.zeros(2, self.side, self.side, dtype=torch.int64)
        square[:, self.side // 4 : 3 * self.side // 4, self.side // 4 : 3 * self.side // 4] = 1
        return square if self.is_of_classes else square[:, None].expand(-1, self.channels, -1, -1).float()

    def sure(self, of: Tensor) -> Tensor:
        """The output that is sure of ``of``."""
        if not self.is_of_classes:
            return of
        return (torch.nn.functional.one_hot(of, self.channels).movedim(-1, 1).float() - 0.5) * 16


def task_of_loss(name: str) -> type[Task]:
    """The first task that has a loss of this name.

    Raises:
        UnknownNameError: If none has.
    """
    tasks = [find_task(task) for task in TASKS]
    owner = next((task for task in tasks if name in task.losses()), None)
    if owner is None:
        raise UnknownNameError(unknown("loss", name, dict.fromkeys(loss for task in tasks for loss in task.losses())))
    return owner


def loss_is_one_finite_number(name: str) -> None:
    """The loss of any output is a finite scalar."""
    judged = _Judged(name)
    target = judged.target()
    for about, of in (("", target), (" of images that show nothing", torch.zeros_like(target))):
        value = judged(judged.output(), of)
        require(isinstance(value, Tensor) and value.ndim == 0, f"a loss must be a scalar tensor, got {value!r}")
        require(bool(torch.isfinite(value)), f"the loss{about} is not finite: {value.item()}")


def loss_has_a_gradient(name: str) -> None:
    """The gradient reaches the output of the network, and is finite."""
    judged = _Judged(name)
    output, what = judged.output().requires_grad_(), "logits" if judged.is_of_classes else "output"
    value = judged(output, judged.target())
    require(value.requires_grad, f"no gradient reaches the {what}; do not detach, and take no argmax")
    (slope,) = torch.autograd.grad(value, output)
    require(bool(torch.isfinite(slope).all()), f"the gradient at the {what} is not finite everywhere")
    require(bool(slope.any()), f"the gradient at the {what} is zero everywhere")


def right_is_better_than_wrong(name: str) -> None:
    """Being sure of the truth costs less than being sure of the opposite."""
    judged = _Judged(name)
    target = judged.target()
    best, worst = (judged(judged.sure(of), target).item() for of in (target, 1 - target))
    if judged(judged.sure(target), 1 - target).item() == best:
        raise NotForThisMethodError("looks at no target")
    require(best < worst, f"being right costs {best:.4g} and being wrong {worst:.4g}; a loss is lower when right")


# Models


def model_gives_logits(name: str) -> None:
    """The output is finite logits, one per class and pixel."""
    for channels in (1, 3):
        model = build_model(ModelConfig(model=name), channels, CLASSES, SIZE, 0)
        images = torch.rand(2, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        logits, wanted = model(images), (2, CLASSES, SIZE, SIZE)
        require(isinstance(logits, Tensor), f"the output must be a tensor, got {type(logits).__name__}")
        require(
            logits.shape == wanted,
            f"logits must be {wanted} for images {tuple(images.shape)}, got {tuple(logits.shape)}",
        )
        require(bool(torch.isfinite(logits).all()), "logits are not finite")


def model_learns(name: str) -> None:
    """It has parameters, and a gradient reaches them."""
    model = build_model(ModelConfig(model=name), 1, CLASSES, SIZE, 0)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    require(bool(trained), "the model has no parameter that could be trained")
    model(torch.rand(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))).square().mean().backward()
    require(any(parameter.grad is not None for parameter in trained), "no gradient reaches a parameter")


def model_starts_by_its_seed(name: str) -> None:
    """The same seed gives the same first weights."""
    one, other = (build_model(ModelConfig(model=name), 1, CLASSES, SIZE, 5).state_dict() for _ in range(2))
    differing = [key for key in one if not torch.equal(one[key], other[key])]
    require(not differing, f"with the same seed {', '.join(differing[:3])} begin differently; draw with torch alone")


# Datasets


def _here(name: str) -> Dataset:
    dataset = build_dataset(DataConfig(dataset=name))
    try:
        cases = dataset.cases()
    except BrokenDataError as error:
        raise NotForThisMethodError(f"its files are not here: {error}") from error
    require(bool(cases), "cases() lists nothing")
    return dataset


def dataset_lists_cases(name: str) -> None:
    """Cases have ids of their own, and come in the same order each time."""
    dataset = _here(name)
    ids = [case.id for case in dataset.cases()]
    require(len(set(ids)) == len(ids), "two cases have the same id")
    require(ids == [case.id for case in dataset.cases()], "cases() lists another order each time")
    require(len(ids) >= 4, f"{len(ids)} cases cannot be split into training, validation and test; there must be 4")


def dataset_reads_a_case(name: str) -> None:
    """The first case is an image and a mask of the same size, of class numbers that there are; or two images."""
    dataset = _here(name)
    pair = dataset.load(dataset.cases()[0])
    is_of_classes = dataset.target == "classes"
    parts = (("image", pair.image, (2, 3)), ("mask", pair.mask, (2,) if is_of_classes else (2, 3)))
    for what, pixels, dimensions in parts:
        kind = np.dtype(np.uint8 if what == "mask" and is_of_classes else dataset.pixel_type)
        fits = isinstance(pixels, np.ndarray) and pixels.dtype == kind and pixels.ndim in dimensions
        got = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        shapes = "(H, W)" if dimensions == (2,) else "(H, W) or (H, W, C)"
        require(fits, f"the {what} must be a {kind} array {shapes}, got {got}")
    require(
        pair.image.shape[:2] == pair.mask.shape,
        f"image {pair.image.shape[:2]} and mask {pair.mask.shape} must be of one size",
    )
    channels = 1 if pair.image.ndim == 2 else pair.image.shape[2]
    require(
        channels == dataset.in_channels, f"the image has {channels} channels, in_channels says {dataset.in_channels}"
    )
    if not is_of_classes:
        return
    classes = len(dataset.class_names)
    highest = int(pair.mask.max(initial=0, where=pair.mask != dataset.ignore))
    require(highest < classes, f"the mask names class {highest}, class_names has {classes}, counted from 0")


# Tasks


def task_names_its_metrics(name: str) -> None:
    """What stands first, in tables and below pictures are metrics of it, and which values are better is known."""
    task = find_task(name)
    require(task.headline in task.columns, f"the headline {task.headline!r} is none of the columns")
    for metric in (*task.columns, task.case_score):
        require(metric in task.metrics, f"{metric!r} is none of its metrics: {', '.join(task.metrics)}")
        require(task.metrics[metric].better is not None, f"metric {metric!r} must say which values are better")


def task_names_its_losses(name: str) -> None:
    """The losses that are chosen at first are there."""
    task = find_task(name)
    for loss in (*task.terms, *(() if task.auxiliary == "none" else (task.auxiliary,))):
        require(loss in task.losses(), f"{loss!r} is none of its losses: {', '.join(task.losses())}")


def task_has_a_dataset(name: str) -> None:
    """The dataset that is chosen at first offers what it needs."""
    task = find_task(name)
    require(task.dataset in DATASETS, f"there is no dataset {task.dataset!r}")
    offered = target_of(task.dataset)
    require(offered == task.target, f"dataset {task.dataset!r} offers {offered!r}, the task needs {task.target!r}")


TASK_CHECKS: dict[str, Callable[[str], None]] = {
    "its headline, columns and score of a case are metrics of its": task_names_its_metrics,
    "the losses chosen at first are there": task_names_its_losses,
    "the dataset chosen at first offers what it needs": task_has_a_dataset,
}
LOSS_CHECKS: dict[str, Callable[[str], None]] = {
    "the loss is one finite number": loss_is_one_finite_number,
    "a gradient reaches the logits": loss_has_a_gradient,
    "being right costs less than being wrong": right_is_better_than_wrong,
}
MODEL_CHECKS: dict[str, Callable[[str], None]] = {
    "the output is logits, one per class and pixel": model_gives_logits,
    "a gradient reaches its parameters": model_learns,
    "the same seed gives the same first weights": model_starts_by_its_seed,
}
DATASET_CHECKS: dict[str, Callable[[str], None]] = {
    "cases are listed, each under an id of its own": dataset_lists_cases,
    "a case can be read": dataset_reads_a_case,
}
