"""Attention: what of some features may pass on, learned with the network.

Every module here maps features x (B, C, H, W) to as many, each value multiplied by a weight in 0..1. All begin nearly
open, with weights of 0.88 (hybrid 0.78, a gate about 0.88), so that a network learns at first much as without.

What each network puts where is said in the network; :func:`attention_maps` shows what they let pass.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmf.errors import ConfigError

AttentionKind: TypeAlias = Literal["none", "gate", "spatial", "channel", "hybrid"]
KINDS: tuple[AttentionKind, ...] = ("none", "gate", "spatial", "channel", "hybrid")

OPEN = 2.0  # bias at the start; its sigmoid is 0.88
REDUCTION = 8  # channels per hidden unit of channel attention
REACH = 7  # pixels a side that spatial attention sees


class Attention(nn.Module, ABC):
    """Weights features by what :meth:`weights` says of them.

    Shape:
        - features: (B, C, H, W).
        - gating: (B, G, h, w), features of a coarser level; only a gate looks at them.
        - returns: (B, C, H, W).
    """

    @abstractmethod
    def weights(self, features: Tensor, gating: Tensor | None) -> Tensor:
        """What of the features passes, in 0..1: (B, 1, H, W), (B, C, 1, 1) or (B, C, H, W)."""

    def forward(self, features: Tensor, gating: Tensor | None = None) -> Tensor:
        return features * self.weights(features, gating)


class AttentionGate(Attention):
    r"""The additive gate of Oktay et al.: where to look, asked of a coarser level that has seen more of the image.

    .. math:: \alpha = \sigma\big(\psi^T \mathrm{relu}(W_x x + W_g g + b_g) + b_\psi\big), \qquad
        \mathrm{out} = \alpha x

    with 1x1 convolutions W and one :math:`\alpha` per place, (B, 1, H, W).

    (!) Published, x is brought to the grid of g by a stride, and alpha back by interpolation; here :math:`W_g g + b_g`
    is interpolated to the grid of x (bilinear), so that alpha is as fine as x. :math:`b_\psi` begins at 2, there at 0.

    Args:
        channels: C, of the features.
        gating_channels: G, of the coarser level.

    Reference:
        Oktay et al., Attention U-Net, arXiv 1804.03999.
    """

    def __init__(self, channels: int, gating_channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.of_features = nn.Conv2d(channels, inner, 1, bias=False)
        self.of_gating = nn.Conv2d(gating_channels, inner, 1)
        self.psi = _opened(nn.Conv2d(inner, 1, 1))

    def weights(self, features: Tensor, gating: Tensor | None) -> Tensor:
        if gating is None:
            raise ConfigError("An attention gate needs features of a coarser level: call it as gate(features, gating).")
        asked = self.of_gating(gating)
        if asked.shape[-2:] != features.shape[-2:]:
            asked = F.interpolate(asked, size=features.shape[-2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.psi(torch.relu(self.of_features(features) + asked)))


class SpatialAttention(Attention):
    r"""One weight per place, from mean and maximum over the channels around it.

    .. math:: \alpha = \sigma\big(f^{7 \times 7}[\mathrm{mean}_c\, x;\ \mathrm{max}_c\, x]\big)

    Reference:
        Woo et al., CBAM, arXiv 1807.06521, eq. (3).
    """

    def __init__(self) -> None:
        super().__init__()
        self.look = _opened(nn.Conv2d(2, 1, REACH, padding=REACH // 2))
        nn.init.zeros_(self.look.weight)

    def weights(self, features: Tensor, gating: Tensor | None) -> Tensor:
        return torch.sigmoid(self.look(torch.cat((features.mean(1, keepdim=True), features.amax(1, keepdim=True)), 1)))


class ChannelAttention(Attention):
    r"""One weight per channel, from its mean and maximum over the image.

    .. math:: w = \sigma\big(\mathrm{MLP}(\mathrm{mean}\, x) + \mathrm{MLP}(\mathrm{max}\, x) + b\big)

    with one hidden layer of C / 8 units, shared by both.

    Args:
        channels: C.

    Reference:
        Woo et al., CBAM, arXiv 1807.06521, eq. (2), where C / 16 units are hidden and there is no b.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // REDUCTION, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1, bias=False)
        nn.init.zeros_(self.excite.weight)
        self.bias = nn.Parameter(torch.full((channels, 1, 1), OPEN))

    def weights(self, features: Tensor, gating: Tensor | None) -> Tensor:
        means, highest = features.mean((-2, -1), keepdim=True), features.amax((-2, -1), keepdim=True)
        return torch.sigmoid(sum(self.excite(torch.relu(self.squeeze(seen))) for seen in (means, highest)) + self.bias)


class HybridAttention(Attention):
    """Channel attention, then spatial attention of what that lets pass.

    Args:
        channels: C.

    Reference:
        Woo et al., CBAM, arXiv 1807.06521, eq. (1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channel, self.spatial = ChannelAttention(channels), SpatialAttention()

    def weights(self, features: Tensor, gating: Tensor | None) -> Tensor:
        of_channels = self.channel.weights(features, gating)
        return of_channels * self.spatial.weights(features * of_channels, gating)


def build_attention(kind: str, channels: int, gating_channels: int) -> Attention | None:
    """The attention of one place of a network; None for ``none``.

    Args:
        kind: One of :data:`KINDS`.
        channels: Of the features.
        gating_channels: Of the coarser level that a gate asks.

    Raises:
        ConfigError: If there is no such kind.
    """
    match kind:
        case "none":
            return None
        case "gate":
            return AttentionGate(channels, gating_channels)
        case "spatial":
            return SpatialAttention()
        case "channel":
            return ChannelAttention(channels)
        case "hybrid":
            return HybridAttention(channels)
    raise ConfigError(f"`attention` must be one of: {', '.join(KINDS)}, got {kind!r}.", "attention")


def attentions(kind: str, places: list[tuple[int, int]]) -> nn.ModuleList:
    """The attention of several places, each (channels, gating channels); empty for ``none``.

    Raises:
        ConfigError: If there is no such kind.
    """
    built = [build_attention(kind, *place) for place in places]
    return nn.ModuleList(each for each in built if each is not None)


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """What each attention of a network lets pass, filled in anew by every forward pass within the context.

    ::

        with attention_maps(model) as maps, torch.no_grad():
            model(images)
        name, passes = next(iter(maps.items()))  # (B, 1, H, W)

    Args:
        model: Any network, also one of segmentation-models-pytorch with ``scse``.

    Yields:
        The name of each attention in the network to (B, 1, H, W) within 0..1, without gradient, on the grid of its
        features: the weight of a place, or, where channels have weights of their own, the share of the features'
        magnitude that passes there (1 where there is none).
    """
    maps: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            with torch.no_grad():
                maps[name] = _map(module, inputs, output)

        return hook

    watched = [(name, module) for name, module in model.named_modules() if _is_attention(module)]
    hooks = [module.register_forward_hook(keep(name)) for name, module in watched]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def share_on(passes: Tensor, mask: Tensor) -> Tensor:
    """How much of all that passes lies on a mask, such as a lesion.

    Args:
        passes: (B, 1, h, w) a map of :func:`attention_maps`; it is interpolated to the grid of the mask (bilinear).
        mask: (B, H, W) bool.

    Returns:
        (B,) shares within 0..1; that of attention which is the same everywhere is the share of the mask's pixels, and 0
        is also that of nothing at all.
    """
    fine = F.interpolate(passes.float(), size=mask.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    total = fine.sum((-2, -1))
    return (fine * mask).sum((-2, -1)) / torch.where(total > 0, total, 1)


def _opened(convolution: nn.Conv2d) -> nn.Conv2d:
    """The same, with a bias that lets nearly everything pass."""
    assert convolution.bias is not None
    nn.init.constant_(convolution.bias, OPEN)
    return convolution


def _is_attention(module: nn.Module) -> bool:
    return isinstance(module, Attention) or type(module).__name__ == "SCSEModule"


def _map(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    features = inputs[0].float()
    if isinstance(module, (AttentionGate, SpatialAttention)):
        return module.weights(inputs[0], inputs[1] if len(inputs) > 1 else None).float()
    # Two weights in 0..1 are added up there.
    most = 1 if isinstance(module, Attention) else 2
    magnitude = features.abs().sum(1, keepdim=True)
    passed = output.float().abs().sum(1, keepdim=True) / most
    return torch.where(magnitude > 0, passed / magnitude.clamp(min=torch.finfo(torch.float32).tiny), 1).clamp(max=1)
