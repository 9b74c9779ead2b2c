"""Networks from images to logits.

To add one: a file here, a line in :data:`MODELS`, a test of its odd sizes and options.
"""

from collections.abc import Callable

import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.models.attention import KINDS, attention_maps, share_on
from dmf.models.deeplab import DeepLabV3, DeepLabV3Plus
from dmf.models.diagram import Diagram, diagram_of
from dmf.models.fcn import FCN
from dmf.models.fpn_mask import FPNMask
from dmf.models.normalized import ZScored
from dmf.models.segnet import SegNet
from dmf.models.unet import UNet
from dmf.models.zoo import PREFIX, build_smp
from dmf.options import Options
from dmf.registry import Registry, unknown
from dmf.seeding import derive

__all__ = [
    "FCN",
    "MODELS",
    "DeepLabV3",
    "DeepLabV3Plus",
    "Diagram",
    "FPNMask",
    "SegNet",
    "UNet",
    "ZScored",
    "attention_maps",
    "attentions_of",
    "build_model",
    "build_smp",
    "declared_options",
    "diagram_of",
    "share_on",
]


class _FromScratch:
    """The factory of a network of ours, which has a width, attention, and no weights to be downloaded."""

    attentions = KINDS

    def __init__(self, network: Callable[..., nn.Module]) -> None:
        self._network = network

    def __call__(self, config: ModelConfig, in_channels: int, classes: int, image_size: int) -> nn.Module:
        if config.pretrained:
            raise ConfigError(
                f"There are no pretrained weights for {config.model}; choose an smp: model, or no pretraining.",
                "pretrained",
            )
        return self._network(in_channels, classes, config.filters, image_size, config.attention)


class _OfTheZoo:
    """The factory of every network of segmentation-models-pytorch."""

    attentions = ("none", "scse")

    def __call__(self, config: ModelConfig, in_channels: int, classes: int, image_size: int) -> nn.Module:
        pretrained, attention = config.pretrained, config.attention
        return build_smp(config.model, in_channels, classes, image_size, pretrained=pretrained, attention=attention)


_of_the_zoo = _OfTheZoo()

MODELS: Registry[nn.Module] = Registry(
    "model",
    {
        "unet": _FromScratch(UNet),
        "fcn": _FromScratch(FCN),
        "segnet": _FromScratch(SegNet),
        "deeplabv3": _FromScratch(DeepLabV3),
        "deeplabv3plus": _FromScratch(DeepLabV3Plus),
        "fpn-mask": _FromScratch(FPNMask),
        "smp:<architecture>/<encoder>": _of_the_zoo,
    },
)
"""Name, or form of the name, to a factory of ``(config, in_channels, classes, image_size)``.

Options of its own a factory declares as its attribute ``declares``, a class of :class:`dmf.options.Options`; all of
them are in ``config.model_options``. Which kinds of attention it has (``config.attention``) its attribute
``attentions`` says, ``("none",)`` where there is none.
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
        ConfigError: If the model cannot take the image size, the attention or an option, its weights do not exist or
            cannot be downloaded, or a function of someone's own makes no network.
    """
    factory = _factory(config.model)
    kinds = attentions_of(factory)
    if config.attention not in kinds:
        raise ConfigError(
            f"Model {config.model!r} has no attention {config.attention!r}. It has: {', '.join(kinds)}.", "attention"
        )
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
    options: type[Options] = getattr(factory, "declares", Options)
    return options


def attentions_of(factory: Callable[..., nn.Module]) -> tuple[str, ...]:
    """The kinds of attention that a factory of :data:`MODELS` can build into its network."""
    kinds: tuple[str, ...] = getattr(factory, "attentions", ("none",))
    return kinds


def _factory(name: str) -> Callable[..., nn.Module]:
    if name.startswith(PREFIX):
        return _of_the_zoo
    if name not in MODELS:
        raise UnknownNameError(unknown("model", name, MODELS), field="model")
    return MODELS[name]
