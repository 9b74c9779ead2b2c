"""Which sizes of images a network takes."""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from dmf.errors import ConfigError

FURTHEST = 64  # pixels up and down that sizes which work are looked for


def require_sizes(model: nn.Module, sizes: Sequence[int], in_channels: int, name: str) -> None:
    """Refuse sizes that a network does not take.

    Args:
        model: From (B, in_channels, H, W) to (B, O, H, W); it is left as it is.
        sizes: Sides of square images, in pixels.
        in_channels: Channels of the input.
        name: What the network is called.

    Raises:
        ConfigError: Naming the first size that it does not take, and the nearest that it does.
    """
    for size in sizes:
        if takes(model, size, in_channels):
            continue
        directions = range(size - 1, max(size - FURTHEST, 15), -1), range(size + 1, size + FURTHEST)
        nearest = (next((near for near in steps if takes(model, near, in_channels)), None) for steps in directions)
        works = " and ".join(str(near) for near in nearest if near is not None)
        way_out = f"The nearest that work are {works}." if works else "Choose another network."
        raise ConfigError(f"{name} does not take images of {size} pixels, one of the sizes. {way_out}", "sizes")


def takes(model: nn.Module, size: int, in_channels: int) -> bool:
    """Whether a network makes an output of its input's size of square images of this side."""
    wanted = (size, size)
    # Shapes alone first, where nothing is computed. Some networks know no shapes without values: those are run.
    return _run(copy.deepcopy(model).to("meta"), size, in_channels) == wanted or (
        _run(model, size, in_channels) == wanted
    )


@torch.no_grad()
def _run(model: nn.Module, size: int, in_channels: int) -> tuple[int, ...] | None:
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        return tuple(model(torch.zeros(1, in_channels, size, size, device=device)).shape[-2:])
    except Exception:  # each network refuses in its own way
        return None
    finally:
        model.train(was_training)
