"""Optimizers: a step that is skipped on the device's word changes nothing, and options are one text everywhere."""

import pytest
import torch

from dmf.build import build_optimizer, fingerprint, validate
from dmf.config import TrainingConfig
from dmf.config_text import experiment, names_of, parse
from dmf.errors import ConfigError, UnknownNameError
from dmf.optimizers import OPTIMIZERS, SGD, Adam, AdamW
from dmf.optimizers.eager import eager
from dmf.recipes import as_command, as_loop, as_python

CHOICES = ["adam", "adam,weight_decay=0.1", "adamw", "sgd", "sgd,momentum=0", "sgd,momentum=0.5,weight_decay=0.1"]


def made(text, parameters, lr=0.1):
    return build_optimizer(experiment({"optimizer": text}, runs=["mad"])).of(parameters, lr)


def step(optimizer, parameter, gradient, *, bad=False):
    parameter.grad = torch.full_like(parameter, torch.nan) if bad else gradient.clone()
    optimizer.found_inf = torch.tensor(float(bad))
    optimizer.step()


@pytest.mark.parametrize("text", CHOICES)
def test_skipped_steps_change_nothing_not_even_the_first(text):
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(6, 5, 3, generator=generator)
    with_bad, without = (torch.nn.Parameter(torch.ones(5, 3)) for _ in range(2))
    one, other = made(text, [with_bad]), made(text, [without])
    for number, gradient in enumerate(gradients):
        # Memory that others have used: what is made of it without being written holds their numbers.
        used = [torch.full((5, 3), 7e30) for _ in range(50)]
        del used
        if number in (0, 3):
            before = with_bad.detach().clone()
            step(one, with_bad, gradient, bad=True)
            assert torch.equal(with_bad, before)
        step(one, with_bad, gradient)
        step(other, without, gradient)
    assert torch.equal(with_bad, without)
    for name, value in other.state[without].items():
        assert torch.equal(one.state[with_bad][name], value), name


def test_momentum_is_what_is_kept_of_the_last_direction():
    # 1 - 0.1 = 0.9; then the direction is 1 + 0.9 * 1 = 1.9: 0.9 - 0.19 = 0.71.
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = SGD(momentum=0.9).of([weight], 0.1)
    for expected in (0.9, 0.71):
        step(optimizer, weight, torch.ones(1))
        assert weight.item() == pytest.approx(expected)


def test_parameters_that_join_later_begin_without_momentum():
    weight, joining = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(2))
    optimizer = SGD().of([weight], 0.1)
    optimizer.add_param_group({"params": [joining], "weight_decay": 0.0})
    assert optimizer.state[joining]["momentum_buffer"].tolist() == [0, 0]


def test_weight_decay_of_adamw_is_not_rescaled():
    # Without a gradient AdamW takes off lr * decay = 0.1 * 0.5 of the weight; Adam takes a whole step of 0.1.
    for kind, expected in ((AdamW, 1.9), (Adam, 1.9)):
        weight = torch.nn.Parameter(torch.full((1,), 2.0))
        step(kind(weight_decay=0.5).of([weight], 0.1), weight, torch.zeros(1))
        assert weight.item() == pytest.approx(expected, abs=1e-6)
    weight = torch.nn.Parameter(torch.full((1,), 4.0))
    step(AdamW(weight_decay=0.5).of([weight], 0.1), weight, torch.zeros(1))
    assert weight.item() == pytest.approx(3.8)


def test_the_usual_one_is_torchs_adam():
    optimizer = build_optimizer(experiment({}, runs=["mad"])).of([torch.nn.Parameter(torch.ones(1))], 1e-3)
    assert type(optimizer) is eager(torch.optim.Adam)
    plain = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=1e-3, fused=True)
    assert optimizer.defaults == plain.defaults


def test_it_is_one_text_or_words_beside_it():
    one = parse(TrainingConfig, {"optimizer": "sgd,momentum=0.5,weight_decay=0.1"})
    assert parse(TrainingConfig, {"optimizer": "sgd", "momentum": "0.5", "weight_decay": 0.1}) == one
    assert one.model_dump()["optimizer"] == "sgd,weight_decay=0.1,momentum=0.5"
    assert TrainingConfig.model_validate(one.model_dump(mode="json")) == one
    assert parse(TrainingConfig, {"optimizer": "sgd,momentum=0.9"}) == parse(TrainingConfig, {"optimizer": "sgd"})
    assert {"momentum", "weight_decay"} <= {*names_of(TrainingConfig)}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"momentum": "0.5"}, r"momentum: adam has no such option\. It has: weight_decay"),
        ({"optimizer": "sgd,momentum=1"}, "momentum: input should be less than 1, got '1'"),
        ({"optimizer": "sgd", "weight_decay": "-1"}, "weight_decay: input should be greater than or equal to 0"),
        ({"optimizer": "sgd,beta=1"}, "beta: sgd has no such option"),
    ],
)
def test_options_that_cannot_be_are_refused(texts, message):
    with pytest.raises(ConfigError, match=message):
        experiment(texts, runs=["mad"])


def test_an_unknown_one_is_refused_before_anything_trains():
    with pytest.raises(UnknownNameError, match=r"Unknown optimizer 'adma'.* Did you mean 'adam'") as caught:
        validate(experiment({"optimizer": "adma"}, runs=["mad"]))
    assert caught.value.field == "optimizer"


@pytest.mark.parametrize("text", CHOICES[1:])
def test_what_is_copied_trains_the_same(text):
    config = experiment({"optimizer": text, "image_size": "16", "batch_size": "2"}, runs=["mad"])
    assert f"--optimizer {config.training.optimizer.text}" in as_command(config)
    space = {}
    exec(as_python(config).partition("store = ")[0], space)
    assert space["config"] == config
    loop = {}
    exec(as_loop(config, "mad"), loop)
    options = loop["optimizer"].param_groups[0]
    theirs = made(text, [torch.nn.Parameter(torch.ones(1))], config.training.lr).param_groups[0]
    for name in ("lr", "weight_decay", "momentum", "betas"):
        assert options.get(name) == theirs.get(name), name


def test_it_decides_the_result():
    plain, other = (experiment({"optimizer": name}, runs=["mad"]) for name in ("adam", "sgd"))
    assert fingerprint(plain, plain.runs[0]) == fingerprint(experiment({}, runs=["mad"]), plain.runs[0])
    assert fingerprint(plain, plain.runs[0]) != fingerprint(other, other.runs[0])


def test_every_one_says_what_it_is_called_as_torch_does():
    for kind in OPTIMIZERS.values():
        assert hasattr(torch.optim, kind.title)
