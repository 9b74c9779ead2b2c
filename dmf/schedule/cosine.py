"""Half a cosine to 0."""

import math
from typing import ClassVar

from dmf.schedule.base import Falling


class Cosine(Falling):
    r"""Slowly, then faster, then slowly again, to 0 after ``1 / rate`` periods.

    .. math:: \tfrac12 (1 + \cos(\pi \min(1, \tau s)))
    """

    title: ClassVar[str] = "Cosine"
    about: ClassVar[str] = "Falls slowly at both ends, and reaches 0 after 1/decay-rate periods."

    def left(self, passed: float) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, passed)))
