"""Tasks: what the generic loop does not know about images and their truth. Importing this needs no torch.

Adding one is a folder with a subclass of :class:`Task`, and one line in ``TASKS``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dmf.config import DEFAULT_TASK
from dmf.metric_info import MetricInfo, recorded_metric
from dmf.registry import Registry
from dmf.tasks.base import Attended, Evaluation, SampleCase, Task
from dmf.tasks.segmentation import Segmentation
from dmf.tasks.synthesis import Synthesis

__all__ = [
    "TASKS",
    "Attended",
    "Evaluation",
    "SampleCase",
    "Segmentation",
    "Synthesis",
    "Task",
    "find_task",
    "known_metric",
    "task_named",
]

TASKS: Registry[Task] = Registry("task", {"segmentation": Segmentation, "synthesis": Synthesis})


def find_task(name: str) -> type[Task]:
    """The task of this name, as a class.

    Raises:
        UnknownNameError: If there is none; lists the names and the closest one.
    """
    return TASKS[name]  # type: ignore[return-value]  # its members are classes


def task_named(name: object) -> type[Task]:
    """The task that a store names; the default one where it is of a plug-in that is not loaded."""
    return find_task(name if isinstance(name, str) and name in TASKS else DEFAULT_TASK)


def known_metric(
    name: str, stored: Mapping[str, Any] | None = None, task: str | Sequence[str] | None = None
) -> MetricInfo:
    """How to read a metric, whoever computed it: one of a task, one that its program told of, or what its name says.

    Args:
        name: Of the metric.
        stored: What programs told of theirs, see :func:`dmf.metric_info.told_metrics`.
        task: Whose metric it is, or several in the order in which they are asked. Other tasks have metrics of the same
            names as programs of someone's own, so they are asked only where neither is known.
    """
    own = [task] if task is None or isinstance(task, str) else task
    is_known = task is not None or (stored is not None and name in stored)
    others: list[type[Task]] = [] if is_known else [find_task(other) for other in TASKS]
    for one in dict.fromkeys((*map(task_named, own), *others)):
        try:
            return one.metric_info(name)
        except KeyError:
            pass
    about = recorded_metric(name)
    if stored is None or name not in stored:
        return about
    better, low, high = stored[name]["better"], stored[name]["low"], stored[name]["high"]
    direction = f"{better.capitalize()} is better" if better else "The chosen runs disagree which values are better"
    return replace(
        about,
        better=better,
        sentence=f"A score that the program of this run computed. {direction}.",
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
    )
