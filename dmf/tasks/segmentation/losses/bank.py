"""Several losses of one step of segmentation, computed together."""

from collections.abc import Mapping

from torch import Tensor, nn

from dmf.records import IGNORE
from dmf.tasks.segmentation.losses.base import Loss, summary_of
from dmf.tasks.segmentation.losses.joint import Summary
from dmf.tasks.segmentation.losses.prediction import Activation, Counts, Prediction
from dmf.terms import LossBank as GeneralBank
from dmf.terms import Parts

__all__ = ["LossBank", "Parts"]


class LossBank(GeneralBank):
    """Computes K loss terms and an auxiliary loss from one shared :class:`Prediction`.

    Any outside module that maps ``(logits, target)`` to a scalar can be a term::

        bank = LossBank({"ce": CrossEntropy(), "lovasz": smp.losses.LovaszLoss("multiclass")})

    It is given the logits as float32 at least, and the target as class numbers (B, H, W). If it has an
    ``ignore_index``, void pixels hold that number.

    Args:
        terms: Name to loss, in the order of L1..LK. At least one.
        auxiliary: The auxiliary loss, if any.
        counts: ``soft`` or ``hard`` counts in our overlap losses; see :class:`Prediction`.
        ignore: Value of void pixels, which count in no loss; None where there are none. See :class:`Prediction`.
        activation: ``softmax``, or ``sigmoid`` for targets of several classes per pixel; see :class:`Prediction`.

    Shape:
        - logits: (B, C, H, W) or (B, C, D, H, W), floating; target: the same without C, int64.
        - returns: ``Parts`` with terms (K,) and auxiliary () or None.

    Raises:
        ConfigError: If there is no term, logits or target are not as above, a loss returns anything but a scalar, or
            an outside loss cannot leave out the void pixels that there are (looked for on the CPU only).
    """

    def __init__(
        self,
        terms: Mapping[str, nn.Module],
        auxiliary: nn.Module | None = None,
        counts: Counts = "soft",
        ignore: int | None = IGNORE,
        activation: Activation = "softmax",
    ) -> None:
        super().__init__(terms, auxiliary)
        self.counts = counts
        self.ignore = ignore
        self.activation: Activation = activation

    def require_classes(self, count: int) -> None:
        """Refuse targets of so many classes, where one of the losses can tell before a step.

        Raises:
            ConfigError: With the way out.
        """
        for loss in (*self.terms, self.auxiliary):
            if isinstance(loss, Loss):
                loss.require_classes(count)

    def prediction(self, output: Tensor, target: Tensor) -> Prediction:
        """Log-probabilities and per-class counts of this step."""
        return Prediction(
            output,
            target,
            counts=self.counts,
            ignore=self.ignore,
            activation=self.activation,
            summaries=self._summaries(),
        )

    def _summaries(self) -> dict[nn.Module, Summary]:
        """The losses that are summaries; none where another one reads the pixels anyway, which they then share."""
        summaries: dict[nn.Module, Summary] = {}
        for loss in (*self.terms, self.auxiliary):
            summary = summary_of(loss) if isinstance(loss, Loss) else None
            if summary is not None:
                summaries[loss] = summary
            elif isinstance(loss, Loss) and not loss.uses_counts:
                return {}
        return summaries
