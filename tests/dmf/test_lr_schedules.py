"""Schedules of the learning rate: values worked by hand, one text everywhere, and what a training makes of them."""

import itertools
import math

import pytest

from dmf.build import validate
from dmf.config import TrainingConfig
from dmf.config_text import experiment, parse
from dmf.errors import ConfigError, UnknownNameError
from dmf.lr_schedules import LR_SCHEDULES, Cosine, Plateau, Polynomial
from dmf.recipes import as_command, as_python


def test_the_cosine_falls_to_its_floor():
    assert [Cosine().factor(passed, 0) for passed in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    # 0.2 + 0.8 * (1 + cos(pi / 4)) / 2
    assert Cosine(floor=0.2).factor(0.25, 0) == pytest.approx(0.2 + 0.4 * (1 + math.sqrt(0.5)))


def test_the_polynomial_is_a_power_of_what_is_left():
    assert [Polynomial(power=2).factor(passed, 0) for passed in (0, 0.5, 0.9, 1)] == pytest.approx([1, 0.25, 0.01, 0])
    assert Polynomial(power=1, floor=0.5).factor(0.5, 0) == pytest.approx(0.75)


def test_the_plateau_falls_as_often_as_the_score_has_stood_still():
    plateau = Plateau(factor=0.5, epochs=3)
    assert plateau.patience == 3
    assert [plateau.factor(0.3, falls) for falls in (0, 1, 3)] == [1, 0.5, 0.125]


@pytest.mark.parametrize("name", LR_SCHEDULES)
def test_every_one_begins_with_the_whole_rate_and_never_rises_above(name):
    schedule = LR_SCHEDULES.build(name)
    assert schedule.factor(0, 0) == 1
    factors = [schedule.factor(step / 100, 0) for step in range(101)]
    assert all(0 <= later <= earlier <= 1 for earlier, later in itertools.pairwise(factors))


def test_it_is_one_text_or_words_beside_it():
    one = parse(TrainingConfig, {"lr_schedule": "polynomial,power=2,floor=0.1"})
    assert parse(TrainingConfig, {"lr_schedule": "polynomial", "lr_power": "2", "lr_floor": "0.1"}) == one
    assert one.model_dump(mode="json", exclude_defaults=True) == {"lr_schedule": "polynomial,floor=0.1,power=2.0"}
    config = experiment({"lr_schedule": "plateau,epochs=3", "patience": "5", "watch": "iou"}, runs=["mad"])
    assert as_command(config) == "dmf train --lr-schedule plateau,epochs=3 --patience 5 --watch iou --weighting mad"
    space = {}
    exec(as_python(config).partition("store = ")[0], space)
    assert space["config"] == config


@pytest.mark.parametrize(
    ("texts", "message", "field"),
    [
        ({"lr_schedule": "cosin"}, r"Unknown learning rate schedule 'cosin'.* Did you mean 'cosine'", "lr_schedule"),
        ({"lr_power": "2"}, r"lr_power: constant has no such option\. It has none", "lr_power"),
        ({"lr_schedule": "plateau,factor=1"}, "lr_factor: input should be less than 1", "lr_factor"),
        ({"patience": "0"}, "patience: input should be greater than or equal to 1", "patience"),
        ({"watch": "diec"}, "Unknown metric 'diec'.* Did you mean 'dice'", "watch"),
    ],
)
def test_what_cannot_be_is_refused(texts, message, field):
    with pytest.raises((ConfigError, UnknownNameError), match=message) as caught:
        validate(experiment(texts, runs=["mad"]))
    assert caught.value.field == field
