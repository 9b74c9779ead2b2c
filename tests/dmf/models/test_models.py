"""The contract of every model, and the factory."""

import pytest
import torch
from pydantic import Field
from torch import nn

import dmf.models
from dmf.config import ModelConfig
from dmf.config_text import parse
from dmf.errors import ConfigError, UnknownNameError
from dmf.models import MODELS, UNet, build_model
from dmf.options import Options

NAMES = [*(name for name in MODELS if not name.startswith("smp:")), "smp:unet/resnet18"]


def state_of(name, seed):
    return build_model(ModelConfig(model=name, filters=4), 1, 2, 64, seed).state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_first_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(1)
    one = state_of(name, seed=0)
    torch.manual_seed(2)
    assert same(one, state_of(name, seed=0))
    assert not same(one, state_of(name, seed=1))


@pytest.mark.parametrize("name", NAMES)
def test_the_random_state_of_the_process_is_not_moved(name):
    before = torch.get_rng_state()
    state_of(name, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_random_state_is_not_moved_by_a_failure_either():
    before = torch.get_rng_state()
    with pytest.raises(ConfigError, match="nearest sizes"):
        build_model(ModelConfig(), 1, 2, 100, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("in_channels", "classes"), [(1, 2), (3, 4)])
def test_options_reach_the_model(name, in_channels, classes):
    model = build_model(ModelConfig(model=name, filters=4), in_channels, classes, 64, seed=0)
    assert model.training
    assert model.eval()(torch.rand(1, in_channels, 64, 64)).shape == (1, classes, 64, 64)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("in_channels", "classes"), [(1, 2), (3, 4)])
@pytest.mark.parametrize("size", [48, 80])
def test_a_step_at_an_odd_size_reaches_every_parameter_of_one_image_and_of_two(name, in_channels, classes, size):
    for batch in (1, 2):
        model = build_model(ModelConfig(model=name, filters=2), in_channels, classes, size, 0)
        logits = model(torch.rand(batch, in_channels, size, size))
        assert logits.shape == (batch, classes, size, size)
        logits.square().mean().backward()
        assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_network_goes_on_from_its_state_as_the_same(name):
    one, other = (build_model(ModelConfig(model=name, filters=2), 1, 2, 64, seed) for seed in (0, 1))
    images = torch.rand(2, 1, 64, 64)
    one(images)  # moves running statistics
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.eval()(images), other.eval()(images))


def test_filters_are_those_of_the_first_level():
    model = build_model(ModelConfig(filters=5), 1, 2, 32, seed=0)
    assert isinstance(model, UNet)
    assert model.encoder[0][0].out_channels == 5


@pytest.mark.parametrize("name", NAMES[:-1])
def test_networks_of_ours_have_no_pretrained_weights(name):
    with pytest.raises(ConfigError, match=f"no pretrained weights for {name}; choose an smp: model") as caught:
        build_model(ModelConfig(model=name, pretrained=True), 1, 2, 32, 0)
    assert caught.value.field == "pretrained"


def test_an_unknown_model_is_refused():
    with pytest.raises(
        UnknownNameError, match=r"Unknown model 'unett'. Choose one of: unet, fcn, .* Did you mean 'unet'"
    ) as caught:
        build_model(ModelConfig(model="unett"), 1, 2, 64, seed=0)
    assert caught.value.field == "model"


def test_all_names_what_can_be_imported():
    assert all(hasattr(dmf.models, name) for name in dmf.models.__all__)
    assert next(iter(MODELS)) == "unet"


def test_a_function_that_makes_no_network_is_told_what_to_return(monkeypatch):
    monkeypatch.setitem(MODELS._members, "seven", lambda *_: 7)
    with pytest.raises(ConfigError, match=r"Model 'seven': expected a torch\.nn\.Module, got int\. Let its") as caught:
        build_model(ModelConfig(model="seven"), 1, 2, 64, 0)
    assert caught.value.field == "model"


class Depth(Options):
    depth: int = Field(2, ge=1, le=4, description="Layers.")
    rate: float | None = Field(None, description="Share of what is dropped.")


def own_model(config, in_channels, classes, image_size):
    layers = [nn.Conv2d(in_channels, in_channels, 1) for _ in range(config.model_options["depth"] - 1)]
    return nn.Sequential(*layers, nn.Dropout(config.model_options["rate"] or 0), nn.Conv2d(in_channels, classes, 1))


own_model.declares = Depth


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setitem(MODELS._members, "own", own_model)


def layers(text):
    config = parse(ModelConfig, {"model": text})
    return len(build_model(config, 1, 2, 32, 0))


@pytest.mark.usefixtures("own")
def test_a_network_of_one_s_own_has_options_of_its_own():
    assert layers("own") == 3
    assert layers("own,depth=4,rate=0.5") == 5
    assert parse(ModelConfig, {"model": "own,depth=4,filters=8"}).filters == 8
    assert parse(ModelConfig, {"model": "unet,attention=gate"}) == ModelConfig(attention="gate")
    assert parse(ModelConfig, {"model": "unet,filters=8"}) == ModelConfig(filters=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("own,depth=9", r"Option 'depth' of model 'own' takes a number from 1 to 4; got 9\."),
        ("own,rate=x", r"Option 'rate' of model 'own' takes .*number.*; got 'x'\."),
        ("own,width=3", r"Model 'own' has no option 'width'. It has: depth, rate\."),
        ("unet,depth=2", r"Model 'unet' has no option 'depth'. It has none\."),
    ],
)
@pytest.mark.usefixtures("own")
def test_an_option_that_a_network_does_not_take_is_refused(text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        layers(text)
    assert caught.value.field == "model_options"
