"""Several losses of one step, computed together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.terms.base import Loss
from dmf.terms.prediction import Prediction


@dataclass(frozen=True, init=False)
class Parts:
    """The losses of one step, with gradient.

    Attributes:
        terms: (K,) the losses L1..LK.
        auxiliary: () the auxiliary loss before its weight, or None without one.
        output: The network's output the losses were computed from, for weightings that ask for it. ``logits`` is
            another word for it.
    """

    terms: Tensor
    auxiliary: Tensor | None = None
    output: Tensor | None = None

    def __init__(
        self,
        terms: Tensor,
        auxiliary: Tensor | None = None,
        output: Tensor | None = None,
        *,
        logits: Tensor | None = None,
    ) -> None:
        for name, value in {
            "terms": terms,
            "auxiliary": auxiliary,
            "output": logits if output is None else output,
        }.items():
            object.__setattr__(self, name, value)

    @property
    def logits(self) -> Tensor | None:
        """The same as ``output``."""
        return self.output


class LossBank(nn.Module):
    """Computes K loss terms and an auxiliary loss from one shared :class:`Prediction`.

    Any outside module that maps ``(output, target)`` to a scalar can be a term too.

    Args:
        terms: Name to loss, in the order of L1..LK. At least one.
        auxiliary: The auxiliary loss, if any.
        shared: Makes what the losses of a step share from the network's output and the target.

    Shape:
        - output, target: as ``shared`` takes them.
        - returns: ``Parts`` with terms (K,) and auxiliary () or None.

    Raises:
        ConfigError: If there is no term, output or target are not as the task says, a loss returns anything but a
            scalar, or an outside loss cannot be computed as the task needs it.
    """

    def __init__(
        self,
        terms: Mapping[str, nn.Module],
        auxiliary: nn.Module | None = None,
        shared: Callable[[Tensor, Tensor], Prediction] = Prediction,
    ) -> None:
        super().__init__()
        if not terms:
            raise ConfigError("A LossBank needs at least one loss term.", field="terms")
        self.names = tuple(terms)
        self.terms = nn.ModuleList(terms.values())
        self.auxiliary = auxiliary
        self._shared = shared

    def prediction(self, output: Tensor, target: Tensor) -> Prediction:
        """What the losses of this step share."""
        return self._shared(output, target)

    def require_size(self, height: int, width: int) -> None:
        """Refuse images that are too small for one of the losses.

        Raises:
            ConfigError: With the way out.
        """
        for loss in (*self.terms, self.auxiliary):
            if isinstance(loss, Loss):
                loss.require_size(height, width)

    def forward(self, output: Tensor, target: Tensor) -> Parts:
        prediction = self.prediction(output, target)
        terms = [_value(name, loss, prediction) for name, loss in zip(self.names, self.terms, strict=True)]
        auxiliary = None if self.auxiliary is None else _value("auxiliary", self.auxiliary, prediction)
        return Parts(torch.stack(terms), auxiliary, output)


def _value(name: str, loss: nn.Module, prediction: Prediction) -> Tensor:
    value = prediction.known(loss)
    if value is not None:
        return value
    value = loss(prediction) if isinstance(loss, Loss) else loss(prediction.output, prediction.target_for(name, loss))
    if not isinstance(value, Tensor) or value.ndim != 0:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ConfigError(
            f"Loss {name!r} ({type(loss).__name__}) must return a scalar tensor of shape (), got {got}. "
            "Let it average over batch and pixels, for many losses with reduction='mean'.",
            field="terms",
        )
    return value
