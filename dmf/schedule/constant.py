"""No decay at all."""

import math
from typing import ClassVar

from dmf.schedule.base import Schedule


class Constant(Schedule):
    """Stays as it is."""

    title: ClassVar[str] = "Constant"
    about: ClassVar[str] = "Stays what it is at the start."

    def share(self, step: int) -> float:
        return 1.0

    @property
    def half_life(self) -> float:
        return math.inf
