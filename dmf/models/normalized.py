"""What a network makes of its input before anything else."""

from typing import cast

from torch import Tensor, nn

LEAST = 1e-3  # standard deviation of an image that shows next to nothing, which is not blown up to noise


class ZScored(nn.Module):
    """A network that sees every image with mean 0 and standard deviation 1.

    It is part of the network, so that whatever is predicted with it later, from images of 0 to 1, is of the same kind.

    Args:
        network: From (B, C, H, W) to anything.

    Shape:
        - input: (B, C, H, W); mean and standard deviation are of all channels and pixels of one image.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        mean = image.mean((1, 2, 3), keepdim=True)
        deviation = image.std((1, 2, 3), keepdim=True, unbiased=False).clamp_min(LEAST)
        return cast(Tensor, self.network((image - mean) / deviation))
