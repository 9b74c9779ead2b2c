"""The contract of every model, and the factory."""

import pytest
import torch

import dmf.models
from dmf.config import ModelConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.models import MODELS, UNet, build_model

NAMES = ["unet", "smp:unet/resnet18"]


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


def test_filters_are_those_of_the_first_level():
    model = build_model(ModelConfig(filters=5), 1, 2, 32, seed=0)
    assert isinstance(model, UNet)
    assert model.encoder[0][0].out_channels == 5


def test_the_paper_s_network_has_no_pretrained_weights():
    with pytest.raises(ConfigError, match=r"no pretrained weights for unet; choose an smp: model") as caught:
        build_model(ModelConfig(pretrained=True), 1, 2, 32, 0)
    assert caught.value.field == "pretrained"


def test_an_unknown_model_is_refused():
    with pytest.raises(
        UnknownNameError, match=r"Unknown model 'unett'. Choose one of: unet, smp:.* Did you mean 'unet'"
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
