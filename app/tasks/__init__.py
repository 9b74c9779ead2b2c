"""Rooms of pages, one for each task that has something of its own to show; pages ask here and know none.

Adding one is a folder with a subclass of :class:`TaskPages`, and one line in ``ROOMS``.
"""

from app.tasks.base import TaskPages
from app.tasks.segmentation import SegmentationPages
from app.tasks.synthesis import SynthesisPages
from dmf.tasks import TASKS, find_task

__all__ = ["ROOMS", "SegmentationPages", "SynthesisPages", "TaskPages", "pages_of"]

ROOMS: dict[str, TaskPages] = {"segmentation": SegmentationPages(), "synthesis": SynthesisPages()}
"""Name of a task to its room."""


def pages_of(task: str) -> TaskPages:
    """The room of a task: its own, else that of the task which it refines, else the one that serves every task.

    Args:
        task: As an experiment names it; that of a plug-in may not be known here.
    """
    refined = find_task(task).__mro__ if task in TASKS else ()
    return next((ROOMS[name] for name in (getattr(one, "name", "") for one in refined) if name in ROOMS), TaskPages())
