"""Networks of segmentation-models-pytorch, by the name ``smp:<architecture>/<encoder>``."""

import difflib
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from dmf.errors import ConfigError, UnknownNameError

PREFIX = "smp:"
SCSE = "decoder_attention_type"  # the option of architectures whose decoder can have it


def build_smp(
    name: str, in_channels: int, classes: int, image_size: int, *, pretrained: bool = False, attention: str = "none"
) -> nn.Module:
    """Build a network of segmentation-models-pytorch.

    Args:
        name: ``smp:<architecture>/<encoder>``, e.g. ``smp:unet/resnet18``. Case does not matter for the architecture.
        in_channels: Channels of the input.
        classes: Channels of the output.
        image_size: Side of the square images in pixels.
        pretrained: Start the encoder from downloaded ImageNet weights; nothing is downloaded otherwise.
        attention: ``none``, or ``scse`` (arXiv 1808.08127) in the decoders that can have it.

    Returns:
        A module from (B, in_channels, H, W) to logits (B, classes, H, W).

    Raises:
        UnknownNameError: If the architecture or the encoder is unknown; names the closest.
        ConfigError: If the name has another form, the architecture cannot take the encoder or the image size, or the
            weights cannot be downloaded; or if the zoo is not installed.

    Reference:
        https://github.com/qubvel-org/segmentation_models.pytorch
    """
    with needs_zoo(name):
        import segmentation_models_pytorch as smp

    architecture, slash, encoder = name.removeprefix(PREFIX).partition("/")
    if not (name.startswith(PREFIX) and architecture and slash and encoder):
        raise ConfigError(
            f"Model {name!r} must be written smp:<architecture>/<encoder>, e.g. smp:unet/resnet18.", field="model"
        )
    architectures = smp.MODEL_ARCHITECTURES_MAPPING
    if architecture.lower() not in architectures:
        raise UnknownNameError(_unknown("architecture", architecture.lower(), architectures), field="model")
    if not encoder.startswith("tu-") and encoder not in smp.encoders.get_encoder_names():
        raise UnknownNameError(_unknown("encoder", encoder, smp.encoders.get_encoder_names()), field="model")
    model_class = architectures[architecture.lower()]
    # Encoders of timm carry the tag of their weights in their name, and are told only whether to fetch them.
    weights = (True if encoder.startswith("tu-") else "imagenet") if pretrained else None
    options = {"encoder_name": encoder, "in_channels": in_channels, "classes": classes}
    takes = inspect.signature(model_class).parameters
    if attention != "none":
        if attention != "scse" or SCSE not in takes:
            able = [each for each, its in architectures.items() if SCSE in inspect.signature(its).parameters]
            raise ConfigError(
                f"{name} has no attention {attention!r}. Of the smp: architectures, {' and '.join(able)} take scse.",
                field="attention",
            )
        options[SCSE] = attention
    if "dynamic_img_size" in takes:
        options["dynamic_img_size"] = True  # DPT otherwise takes only the size its encoder was trained at
    try:
        model: nn.Module = model_class(encoder_weights=weights, **options)
    except Exception as error:
        raise ConfigError(
            _why_not_built(name, pretrained, error), field="pretrained" if pretrained else "model"
        ) from error
    _require_divisible(name, image_size, model)
    return model


@contextmanager
def needs_zoo(name: str) -> Iterator[None]:
    """Say what to install where an import of segmentation-models-pytorch, or of the torchvision that it needs, fails.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Model {name!r} needs segmentation-models-pytorch, which is not installed: pip install 'dmf[zoo]'",
            field="model",
        ) from error


def _why_not_built(name: str, pretrained: bool, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if pretrained:
        return (
            f"{name} could not be built with pretrained weights ({reason}). Without network access, or for an encoder "
            "that has no ImageNet weights, train with pretrained=false or choose another encoder."
        )
    return f"{name} could not be built ({reason}). Choose another encoder for this architecture."


def _require_divisible(name: str, image_size: int, model: Any) -> None:
    # Some decoders resize their skips and so take any size; they say so.
    stride = int(model.encoder.output_stride) if model.requires_divisible_input_shape else 1
    if image_size % stride:
        below, above = image_size // stride * stride, (image_size // stride + 1) * stride
        sizes = f"sizes that work are {below} and {above}" if below else f"size that works is {above}"
        raise ConfigError(
            f"{name} needs images whose side divides by {stride}, got {image_size}. The nearest {sizes}.",
            field="image_size",
        )


def _unknown(kind: str, name: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(choices), n=3)
    ask = f"Did you mean {' or '.join(close)}?" if close else f"Some that exist: {', '.join(sorted(choices)[:12])}."
    return f"Unknown smp {kind} {name!r}. {ask}"
