"""What all losses of one step share."""

from torch import Tensor, nn


class Prediction:
    """A network's output with its target. Each task has a subclass, with what its losses share computed once a step.

    Attributes:
        output: (B, O, H, W), or (B, O, D, H, W) of volumes; floating, with gradient.
        target: On the device of ``output``; of the shape that the task says.
    """

    def __init__(self, output: Tensor, target: Tensor) -> None:
        self.output = output
        self.target = target

    def known(self, loss: nn.Module) -> Tensor | None:
        """() the loss, where it was computed together with others; None where it has to be called."""
        return None

    def target_for(self, name: str, loss: nn.Module) -> Tensor:
        """The target as a loss of another library knows it.

        Args:
            name: What the loss is called, for messages.
            loss: The loss.

        Raises:
            ConfigError: If this loss would count what it must not.
        """
        return self.target
