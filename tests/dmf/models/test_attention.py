"""Attention: values by hand, where each network has it, and the maps that it shows."""

import math

import pytest
import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.errors import ConfigError
from dmf.models import MODELS, attention_maps, attentions_of, build_model
from dmf.models.attention import (
    KINDS,
    AttentionGate,
    ChannelAttention,
    HybridAttention,
    SpatialAttention,
    build_attention,
    share_on,
)

OWN = [name for name in MODELS if not name.startswith("smp:")]
FEATURES = torch.rand(2, 8, 6, 10, generator=torch.Generator().manual_seed(0))
GATING = torch.rand(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))


def filled(module: nn.Module, **values: float) -> nn.Module:
    """The module with whole parameters set to one number each, by their names with ``_`` for ``.``; others to 0."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.fill_(values.get(name.replace(".", "_"), 0.0))
    return module


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_a_gate_is_as_published_by_hand():
    # One channel x = 3 and g = 2, W_x = 1, W_g = -1, b_g = 0.5, psi = 2, b_psi = -1: relu(3 - 2 + 0.5) = 1.5, then
    # q = 2 * 1.5 - 1 = 2 and alpha = sigmoid(2), of which 3 is passed on.
    parameters = {
        "of_features_weight": 1,
        "of_gating_weight": -1,
        "of_gating_bias": 0.5,
        "psi_weight": 2,
        "psi_bias": -1,
    }
    gate = filled(AttentionGate(1, 1), **parameters)
    x, g = torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 1, 1), 2.0)
    torch.testing.assert_close(gate(x, g), torch.full((1, 1, 2, 2), 3 * sigmoid(2)))
    # Where the sum is negative relu leaves b_psi alone: alpha = sigmoid(-1).
    torch.testing.assert_close(gate(x, g + 10), torch.full((1, 1, 2, 2), 3 * sigmoid(-1)))


def test_a_gate_has_one_weight_per_place_for_all_channels():
    gate = AttentionGate(8, 4)
    alpha = gate.weights(FEATURES, GATING)
    assert alpha.shape == (2, 1, 6, 10)
    torch.testing.assert_close(gate(FEATURES, GATING), alpha * FEATURES)


def test_a_gate_without_a_coarser_level_is_refused():
    with pytest.raises(ConfigError, match=r"needs features of a coarser level: call it as gate\(features, gating\)"):
        AttentionGate(8, 4)(FEATURES)


def test_spatial_attention_by_hand():
    # Weights 1 / 49 of both planes: the mean of the 7 x 7 around a place, of the mean and of the maximum of the
    # channels, which are 2 and 3 everywhere. In the middle all 49 are there: sigmoid(2 + 3 - 4). In the corner 16 of
    # 49 are, the others 0: sigmoid(5 * 16 / 49 - 4).
    spatial = filled(SpatialAttention(), look_weight=1 / 49, look_bias=-4)
    x = torch.stack((torch.full((9, 9), 1.0), torch.full((9, 9), 3.0)))[None]
    weights = spatial.weights(x, None)
    assert weights.shape == (1, 1, 9, 9)
    assert weights[0, 0, 4, 4].item() == pytest.approx(sigmoid(1), abs=1e-6)
    assert weights[0, 0, 0, 0].item() == pytest.approx(sigmoid(5 * 16 / 49 - 4), abs=1e-6)


def test_channel_attention_by_hand():
    # Two channels with means 1 and 2 and maxima 3 and 2; one hidden unit that adds both up: relu(3) = 3 and
    # relu(5) = 5. Each channel gets 0.5 * 3 + 0.5 * 5 - 3 = 1.
    channel = filled(ChannelAttention(2), squeeze_weight=1, excite_weight=0.5, bias=-3)
    x = torch.tensor([[[[-1.0, 3.0]], [[2.0, 2.0]]]])
    weights = channel.weights(x, None)
    assert weights.shape == (1, 2, 1, 1)
    torch.testing.assert_close(weights, torch.full((1, 2, 1, 1), sigmoid(1)))


def test_hybrid_attention_is_both_one_after_the_other():
    hybrid = HybridAttention(8)
    nn.init.normal_(hybrid.channel.excite.weight)
    nn.init.normal_(hybrid.spatial.look.weight)
    after_channels = hybrid.channel(FEATURES)
    torch.testing.assert_close(hybrid(FEATURES), hybrid.spatial(after_channels))


@pytest.mark.parametrize(("kind", "passes"), [("spatial", 1), ("channel", 1), ("hybrid", 2)])
def test_all_begin_open(kind, passes):
    attention = build_attention(kind, 8, 4)
    torch.testing.assert_close(attention(FEATURES, GATING), FEATURES * sigmoid(2) ** passes)


def test_a_gate_begins_nearly_open():
    torch.manual_seed(0)
    assert AttentionGate(8, 4).psi.bias.item() == 2
    assert AttentionGate(8, 4).weights(FEATURES, GATING).min() > 0.7


@pytest.mark.parametrize("kind", KINDS[1:])
def test_weights_lie_between_0_and_1_and_the_map_says_what_passes(kind):
    attention = build_attention(kind, 8, 4)
    for parameter in attention.parameters():
        nn.init.normal_(parameter)
    with attention_maps(attention) as maps:
        output = attention(FEATURES, GATING)
    (shown,) = [shown for name, shown in maps.items() if name == ""]
    assert shown.shape == (2, 1, 6, 10)
    assert (shown >= 0).all()
    assert (shown <= 1).all()
    assert not shown.requires_grad
    torch.testing.assert_close(shown, output.abs().sum(1, keepdim=True) / FEATURES.abs().sum(1, keepdim=True))


def test_where_there_is_nothing_all_of_it_passes():
    attention = ChannelAttention(8)
    with attention_maps(attention) as maps:
        attention(torch.zeros(1, 8, 2, 2))
    assert torch.equal(maps[""], torch.ones(1, 1, 2, 2))


def test_the_share_on_a_mask_by_hand():
    # Of 0.1, 0.2, 0.3 and 0.4 the first and the last lie on the mask: 0.5 of 1. Where all is alike it is the mask's
    # share of the pixels, whatever the grid; of nothing it is 0.
    passes = torch.tensor([[[[0.1, 0.2], [0.3, 0.4]]]])
    mask = torch.tensor([[[True, False], [False, True]]])
    torch.testing.assert_close(share_on(passes, mask), torch.tensor([0.5]))
    quarter = torch.zeros(1, 4, 4, dtype=torch.bool)
    quarter[:, :2, :2] = True
    torch.testing.assert_close(share_on(torch.full((1, 1, 2, 2), 0.7), quarter), torch.tensor([0.25]))
    assert share_on(torch.zeros(1, 1, 2, 2), mask).item() == 0


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="`attention` must be one of: none, gate, spatial, channel, hybrid, got 'sp'"):
        build_attention("sp", 1, 1)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_network_of_ours_has_every_kind_and_shows_it(name, kind):
    config = ModelConfig(model=name, filters=2, attention=kind)
    model = build_model(config, 1, 2, 32, seed=0)
    images = torch.rand(2, 1, 32, 32)
    with attention_maps(model) as maps:
        model(images).square().mean().backward()
    assert maps
    assert all(shown.shape[:2] == (2, 1) and 0 <= shown.min() <= shown.max() <= 1 for shown in maps.values())
    learned = [parameter for key, parameter in model.named_parameters() if key.startswith("attention.")]
    assert learned
    assert all(parameter.grad is not None for parameter in learned)
    before = dict(maps)
    model(images)
    assert all(maps[place] is before[place] for place in before)  # nothing is looked at after the context


@pytest.mark.parametrize("name", OWN)
def test_all_but_the_attention_begins_as_it_would_without(name):
    plain = build_model(ModelConfig(model=name, filters=2), 1, 2, 32, seed=3).state_dict()
    gated = build_model(ModelConfig(model=name, filters=2, attention="gate"), 1, 2, 32, seed=3).state_dict()
    assert not any(key.startswith("attention") for key in plain)
    assert all(torch.equal(gated[key], value) for key, value in plain.items())
    assert all(key.startswith("attention.") for key in gated.keys() - plain.keys())


def test_skips_of_the_u_net_are_weighted_and_nothing_else():
    model = build_model(ModelConfig(filters=2, attention="spatial"), 1, 2, 32, seed=0).eval()
    for attention in model.attention:
        nn.init.zeros_(attention.look.weight)
        nn.init.constant_(attention.look.bias, math.log(1 / 3))  # sigmoid gives 1/4
    seen = {}
    model.encoder[0].register_forward_hook(lambda *hook: seen.update(skip=hook[-1]))
    model.head.register_forward_pre_hook(lambda _, inputs: seen.update(head=inputs[0]))
    model(torch.rand(1, 1, 32, 32))
    torch.testing.assert_close(seen["head"][:, 2:], seen["skip"] / 4)


def test_networks_of_the_zoo_have_scse_where_their_decoder_can_have_it():
    model = build_model(ModelConfig(model="smp:unet/resnet18", attention="scse"), 1, 2, 64, seed=0).eval()
    with attention_maps(model) as maps, torch.no_grad():
        model(torch.rand(1, 1, 64, 64))
    assert len(maps) == 9  # two in each of five blocks, of which the last has no skip
    assert all(shown.shape[:2] == (1, 1) and 0 <= shown.min() <= shown.max() <= 1 for shown in maps.values())


@pytest.mark.parametrize(
    ("name", "attention", "words"),
    [
        ("smp:fpn/resnet18", "scse", r"smp:fpn/resnet18 has no attention 'scse'\. Of the smp: architectures, unet and"),
        ("smp:unet/resnet18", "gate", r"Model 'smp:unet/resnet18' has no attention 'gate'\. It has: none, scse\."),
        ("unet", "scse", r"Model 'unet' has no attention 'scse'\. It has: none, gate, spatial, channel, hybrid\."),
    ],
)
def test_attention_that_a_network_cannot_have_is_refused(name, attention, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(ModelConfig(model=name, attention=attention), 1, 2, 64, 0)
    assert caught.value.field == "attention"


def test_a_function_of_ones_own_has_none_unless_it_says_so():
    assert attentions_of(lambda *_: nn.Identity()) == ("none",)
