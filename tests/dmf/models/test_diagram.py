"""Diagrams of networks: every network of the registry, its parameters, its shapes and its skips."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from dmf.config import ModelConfig
from dmf.models import MODELS, UNet, build_model, diagram_of
from dmf.models.attention import KINDS

OURS = [name for name in MODELS if not name.startswith("smp:")]
OF_THE_ZOO = ["smp:unet/resnet18", "smp:segformer/mit_b0", "smp:unetplusplus/efficientnet-b0", "smp:fpn/tu-resnet18"]
CHOICES = [
    *((name, kind) for name in OURS for kind in KINDS),
    *((name, "none") for name in OF_THE_ZOO),
    ("smp:unet/resnet18", "scse"),
]


@pytest.mark.parametrize("normalize", ["unit", "zscore"])
@pytest.mark.parametrize(("name", "attention"), CHOICES)
def test_parameters_and_shapes_are_those_of_the_network(name, attention, normalize):
    config = ModelConfig(model=name, filters=4, attention=attention, normalize=normalize)
    model = build_model(config, 1, 3, 64, seed=0)
    drawn = diagram_of(model, 1, 64)
    assert drawn.parameters == sum(each.numel() for each in model.parameters())
    assert (drawn.image, drawn.output) == ((1, 64, 64), (3, 64, 64))
    seen = {}
    parts = dict(model.named_modules())
    for layer in drawn.layers:
        parts[layer.name].register_forward_hook(lambda _, __, output, name=layer.name: seen.update({name: output}))
    with torch.no_grad():
        model(torch.rand(1, 1, 64, 64))
    assert {layer.name for layer in drawn.layers if layer.name in seen} == seen.keys()
    for layer in drawn.layers:
        if torch.is_tensor(seen.get(layer.name)):
            assert layer.shape == tuple(seen[layer.name].shape[1:]), layer.name
    for block in drawn.blocks:
        assert block.parameters == sum(each.numel() for each in parts[block.name].parameters())
        assert block.shape is not None
    # Every block is fed, and gives to what follows; no block that is called is left out.
    assert {end for _, end in drawn.edges} == {"output", *(block.name for block in drawn.blocks)}
    assert {start for start, _ in drawn.edges} == {"image", *(block.name for block in drawn.blocks)}
    if not name.startswith("smp:"):
        assert sum(block.parameters for block in drawn.blocks) == drawn.parameters


def test_skips_of_the_unet_join_each_level_to_its_mirror():
    drawn = diagram_of(UNet(1, 2, filters=4, image_size=64), 1, 64)
    assert [block.name for block in drawn.blocks] == [
        *("encoder.0", "encoder.1", "encoder.2", "decoder.0", "decoder.1", "decoder.2", "head")
    ]
    assert set(drawn.skips) == {("encoder.2", "decoder.1"), ("encoder.1", "decoder.2"), ("encoder.0", "head")}
    chain = ["image", *(block.name for block in drawn.blocks), "output"]
    assert set(drawn.edges) - set(drawn.skips) == set(pairwise(chain))
    assert drawn.blocks[1].kind == "Conv2d, BatchNorm2d, ReLU"
    assert drawn.blocks[1].size == "8 × 32 × 32"
    text = drawn.dot()
    assert '"encoder.1" [label="encoder.1\\nConv2d, BatchNorm2d, ReLU\\n8 × 32 × 32  ·  312"]' in text
    assert '"encoder.1" -> "decoder.2" [style=dashed]' in text
    assert '"encoder.1" -> "encoder.2";' in text


def test_a_gate_stands_on_the_skip_and_asks_the_level_below():
    drawn = diagram_of(UNet(1, 2, filters=4, image_size=64, attention="gate"), 1, 64)
    assert {("encoder.1", "attention.1"), ("decoder.0", "attention.1"), ("attention.1", "decoder.2")} <= set(
        drawn.edges
    )


def test_attention_that_asks_nobody_has_no_line_from_the_level_below():
    drawn = diagram_of(UNet(1, 2, filters=4, image_size=64, attention="spatial"), 1, 64)
    assert ("encoder.1", "attention.1") in drawn.edges
    assert ("decoder.0", "attention.1") not in drawn.edges


class _Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 1, 3, padding=1)
        self.second = nn.Conv2d(1, 1, 3, padding=1)
        self.second.weight = self.first.weight
        self.unused = nn.Conv2d(1, 1, 1)
        self.again = nn.ModuleList([self.first])

    def forward(self, image):
        return self.again[0](self.second(self.first(image)))


def test_shared_layers_and_parameters_count_once_and_what_is_never_called_has_no_shape():
    drawn = diagram_of(_Shared(), 1, 8)
    assert drawn.parameters == 9 + 1 + 1 + 2
    assert [(layer.name, layer.size, layer.parameters) for layer in drawn.layers] == [
        *(("first", "1 × 8 × 8", 10), ("second", "1 × 8 × 8", 1), ("unused", "–", 2))
    ]
    assert [block.name for block in drawn.blocks] == ["first", "second"]
    assert set(drawn.edges) == {
        *(("image", "first"), ("first", "second"), ("second", "first"), ("first", "output")),
    }
