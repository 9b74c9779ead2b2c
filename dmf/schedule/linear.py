"""A straight line to 0."""

from typing import ClassVar

from dmf.schedule.base import Falling


class Linear(Falling):
    r"""By the same amount in every period, to 0 after ``1 / rate`` of them.

    .. math:: \max(0, 1 - \tau s)
    """

    title: ClassVar[str] = "Linear"
    about: ClassVar[str] = "Falls by the same amount in every period, and reaches 0 after 1/decay-rate of them."

    def left(self, passed: float) -> float:
        return max(0.0, 1.0 - passed)
