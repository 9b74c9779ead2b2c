"""What stands behind a network whose output is an image."""

import torch
from torch import Tensor, nn

from dmf.tasks.synthesis.info import HeadKind

INSIDE = 0.01  # how far from black and white an input is taken to lie where its logit is needed


class ImageHead(nn.Module):
    r"""A network with its output made an image.

    Let f be the network and x the input. ``linear`` gives f(x), ``bounded`` :math:`\sigma(f(x))`, between black (0) and
    white (1). With ``residual`` the input is added back, x + f(x); bounded :math:`\sigma(f(x) + \sigma^{-1}(x))`, so
    that a network that gives 0 copies its input (clamped to 0.01..0.99).

    Args:
        network: From (B, C, H, W) to (B, O, H, W), linear at its end.
        kind: ``linear`` or ``bounded``.
        residual: Add the input back; C and O must be equal.

    Shape:
        - input: (B, C, H, W); returns: (B, O, H, W).
    """

    def __init__(self, network: nn.Module, kind: HeadKind = "linear", *, residual: bool = False) -> None:
        super().__init__()
        self.network = network
        self.kind = kind
        self.residual = residual

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.network(images)
        if self.kind == "linear":
            return output + images if self.residual else output
        if self.residual:
            output = output + torch.logit(images, eps=INSIDE)
        return output.sigmoid()
