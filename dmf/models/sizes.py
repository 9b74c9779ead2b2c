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


def require_batches(model: nn.Module, sizes: Sequence[int], batch_size: int, in_channels: int, name: str) -> None:
    """Refuse batches of one image that a network can judge, but not be trained on.

    Batch norm has nothing to normalise where one image leaves one value of a channel.

    Args:
        model: From (B, in_channels, H, W); it is left as it is.
        sizes: Sides of square images, in pixels.
        batch_size: Images per step.
        in_channels: Channels of the input.
        name: What the network is called.

    Raises:
        ConfigError: Naming the first size at which that is so.
    """
    if batch_size > 1:
        return
    for size in sizes:
        if _has_one_value(model, size, in_channels):
            raise ConfigError(
                f"{name} cannot train on batches of one image of {size} pixels: its batch norm would have a single "
                "value of each channel. Take 2 or more images per batch, or larger images.",
                "batch_size",
            )


@torch.no_grad()
def _has_one_value(model: nn.Module, size: int, in_channels: int) -> bool:
    copied = copy.deepcopy(model).to("meta").train()  # shapes alone: nothing is computed, and nothing drawn
    try:
        copied(torch.zeros(1, in_channels, size, size, device="meta"))
    except ValueError as error:
        return "more than 1 value per channel" in str(error)  # as torch says it
    except Exception:  # some networks know no shapes without values: training tells
        return False
    return False


def takes(model: nn.Module, size: int, in_channels: int) -> bool:
    """Whether a network makes an output of its input's size of square images of this side.

    One that says what images it needs at ``least``, in pixels a side, takes none below, also where it could be run.
    """
    if size < max((getattr(module, "least", 0) for module in model.modules()), default=0):
        return False
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
