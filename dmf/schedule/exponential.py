"""The decay of the DMF paper."""

import math
from typing import ClassVar

from dmf.schedule.base import Falling


class Exponential(Falling):
    r"""By the same factor in every period, never to 0.

    .. math:: e^{-\tau s}

    with :math:`s` periods passed and decay rate :math:`\tau`.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (2).
    """

    title: ClassVar[str] = "Exponential"
    about: ClassVar[str] = "Falls by the same factor in every period, and never reaches 0."
    halved_after: ClassVar[float] = math.log(2)

    def left(self, passed: float) -> float:
        return math.exp(-passed)
