"""Networks from images to logits.

To add one: a file here, a line in :data:`MODELS`, a test of its odd sizes and options.
"""

from collections.abc import Callable

import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.models.normalized import ZScored
from dmf.models.unet import UNet
from dmf.models.zoo import PREFIX, build_smp
from dmf.options import Options
from dmf.registry import Registry, unknown
from dmf.seeding import derive

__all__ = ["MODELS", "UNet", "ZScored", "build_model", "build_smp", "declared_options"]


def _build_unet(config: ModelConfig, in_channels: int, classes: int, image_size: int) -> nn.Module:
    if config.pretrained:
        raise ConfigError(
            "There are no pretrained weights for unet; choose an smp: model, or no pretraining.", "pretrained"
        )
    return UNet(in_channels, classes, config.filters, image_size)


def _build_smp(config: ModelConfig, in_channels: int, classes: int, image_size: int) -> nn.Module:
    return build_smp(config.model, in_channels, classes, image_size, config.pretrained)


MODELS: Registry[nn.Module] = Registry("model", {"unet": _build_unet, "smp:<architecture>/<encoder>": _build_smp})
"""Name, or form of the name, to a factory of ``(config, in_channels, classes, image_size)``.

Options of its own a factory declares as its attribute ``declares``, a class of :class:`dmf.options.Options`; all of
them are in ``config.model_options``.
"""


def build_model(config: ModelConfig, in_channels: int, classes: int, image_size: int, seed: int) -> nn.Module:
    """The network that ``config`` names. Its first weights depend on ``config`` and ``seed`` alone.

    The random state of the process is neither read nor moved.

    Args:
        config: Which network.
        in_channels: Channels of the input, 1 or 3.
        classes: Classes of the target, 2 or more.
        image_size: Side of the square images in pixels.
        seed: Of the experiment.

    Returns:
        A module from (B, in_channels, image_size, image_size), 0..1, to logits (B, classes, image_size, image_size), on
        the CPU and in training mode.

    Raises:
        UnknownNameError: If no model has this name.
        ConfigError: If the model cannot take the image size or an option, its weights do not exist or cannot be
            downloaded, or a function of someone's own makes no network.
    """
    factory = _factory(config.model)
    options = declared_options(factory).settled(config.model_options, f"model {config.model!r}", "model_options")
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would also seed the generators of the accelerators.
        torch.default_generator.manual_seed(derive(seed, "model"))
        model = factory(config.model_copy(update={"model_options": options}), in_channels, classes, image_size)
    if not isinstance(model, nn.Module):
        raise ConfigError(
            f"Model {config.model!r}: expected a torch.nn.Module, got {type(model).__name__}. Let its function return "
            "the network.",
            "model",
        )
    return ZScored(model) if config.normalize == "zscore" else model


def declared_options(factory: Callable[..., nn.Module]) -> type[Options]:
    """The options that a factory of :data:`MODELS` has besides the fields of every network."""
    found: type[Options] = getattr(factory, "declares", Options)
    return found


def _factory(name: str) -> Callable[..., nn.Module]:
    if name.startswith(PREFIX):
        return _build_smp
    if name not in MODELS:
        raise UnknownNameError(unknown("model", name, MODELS), field="model")
    return MODELS[name]
