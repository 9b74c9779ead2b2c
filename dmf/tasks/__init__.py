"""Tasks: what the generic loop does not know about images and their truth. Importing this needs no torch.

Adding one is a folder with a subclass of :class:`Task`, and one line in ``TASKS``.
"""

from dmf.registry import Registry
from dmf.tasks.base import Evaluation, SampleCase, Task
from dmf.tasks.segmentation import Segmentation

__all__ = ["TASKS", "Evaluation", "SampleCase", "Segmentation", "Task", "find_task"]

TASKS: Registry[Task] = Registry("task", {"segmentation": Segmentation})


def find_task(name: str) -> type[Task]:
    """The task of this name, as a class.

    Raises:
        UnknownNameError: If there is none; lists the names and the closest one.
    """
    return TASKS[name]  # type: ignore[return-value]  # its members are classes
