"""How sample pictures of a task are drawn."""

from collections.abc import Mapping
from typing import Any


class SampleView:
    """Draws pictures as they were kept; a task whose pictures need more than that overrides what it needs.

    Attributes:
        heads: What stands above the column of images, and above that of truths.
        truth_caption: What stands below a truth.
        parts: What is drawn of each prediction: words that follow the title of its run above each column.
        strength: What :meth:`controls` gives where there are no controls, as in the tour.
    """

    heads: tuple[str, str] = ("Image", "Truth")
    truth_caption: str = "ground truth"
    parts: tuple[str, ...] = ("",)
    strength: float = 1.0

    def controls(self) -> float:
        """Draw what a reader may set, in the row above the pictures; returns a number that the others are given."""
        return self.strength

    def legend(self, facts: Mapping[str, Any], strength: float) -> str:
        """What colours mean, as HTML; empty without any.

        Args:
            facts: What the task said of itself, see :meth:`dmf.tasks.Task.facts`.
            strength: As :meth:`controls` gave it.
        """
        return ""

    def truth(self, image: bytes, truth: bytes, facts: Mapping[str, Any], strength: float) -> bytes:
        """The truth of a case as PNG.

        Args:
            image: PNG as it was kept.
            truth: The same of the truth.
            facts: As in :meth:`legend`.
            strength: As :meth:`controls` gave it.
        """
        return truth

    def prediction(
        self, image: bytes, truth: bytes, prediction: bytes, facts: Mapping[str, Any], strength: float
    ) -> tuple[bytes, ...]:
        """PNGs of one prediction, as many as :attr:`parts`.

        Args:
            image: PNG as it was kept.
            truth: The same of the truth.
            prediction: The same of what a run predicts.
            facts: As in :meth:`legend`.
            strength: As :meth:`controls` gave it.
        """
        return (prediction,)
