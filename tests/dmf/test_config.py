from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from dmf.config import (
    NOTEBOOK,
    DataConfig,
    ExperimentConfig,
    FrozenConfig,
    FusionConfig,
    ModelConfig,
    RunConfig,
    TrainingConfig,
)
from dmf.config_text import experiment
from dmf.errors import ConfigError
from dmf.weighting import WEIGHTINGS, build_weighting

EVERY: list[type[FrozenConfig]] = [DataConfig, ModelConfig, TrainingConfig, FusionConfig]


def run(label: str, **fusion: Any) -> RunConfig:
    return RunConfig(label=label, fusion=FusionConfig(**fusion))


def test_defaults_are_the_agreed_ones() -> None:
    training, fusion = TrainingConfig(), FusionConfig()
    assert (DataConfig().dataset, DataConfig().image_size, ModelConfig().filters) == ("phantom", 128, 16)
    assert (training.batch_size, training.epochs, training.lr) == (8, 20, 1e-3)
    assert (fusion.history_min, fusion.history_max, fusion.prior, fusion.rho) == (10, 100, "tempered", 0.9)
    assert (fusion.auxiliary, fusion.gamma, fusion.decay_rate, fusion.decay_every) == ("cb-dice", 1.0, 0.05, "epoch")
    assert (fusion.fp_weight, fusion.fn_weight) == (0.3, 0.7)


def test_the_notebook_preset_is_valid_and_names_every_switch() -> None:
    fusion = FusionConfig(weighting="bayesian", **NOTEBOOK)
    assert {name: getattr(fusion, name) for name in NOTEBOOK} == NOTEBOOK
    assert fusion.spare == {"fp_weight": 0.7, "fn_weight": 0.3, "focal_of": "precision"}  # neither is chosen


@pytest.mark.parametrize("cls", EVERY)
def test_a_configuration_cannot_be_changed(cls: type[FrozenConfig]) -> None:
    name = next(iter(cls.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(cls(), name, "other")


@pytest.mark.parametrize("cls", EVERY)
def test_an_unknown_key_is_refused(cls: type[FrozenConfig]) -> None:
    with pytest.raises(ValidationError, match="no_such_key\n  Extra inputs are not permitted"):
        cls(no_such_key=1)


@pytest.mark.parametrize("cls", EVERY)
def test_every_field_says_what_it_is(cls: type[BaseModel]) -> None:
    for name, field in cls.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_an_experiment_survives_json() -> None:
    experiment = ExperimentConfig(
        name="three priors",
        data=DataConfig(dataset="busi", dataset_options={"normal": True, "level": 3}, split=(0.5, 0.3, 0.2)),
        runs=(
            run("a", weights=(1, 0, 2), decay_every=100, sum_to="K"),
            run("b", weighting="bayesian", prior_weights=(0.1, 0.2, 0.3), eps=1e-7, weight_max=0.9),
            run("c", **NOTEBOOK),
        ),
    )
    again = ExperimentConfig.model_validate_json(experiment.model_dump_json())
    assert again == experiment
    assert hash(again.runs[0]) == hash(experiment.runs[0])


@pytest.mark.parametrize(("given", "kept"), [("epoch", "epoch"), ("1", 1), ("250", 250), (7, 7)])
def test_decay_every_takes_epoch_or_a_number_of_steps(given: Any, kept: Any) -> None:
    assert FusionConfig(decay_every=given).decay_every == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": ("ce", "dice", "ce")}, "terms: each loss may appear once, got ce:dice:ce"),
        ({"weights": (1.0,)}, "weights: expected 3 numbers, one per loss term, got 1"),
        (
            {"weighting": "bayesian", "prior_weights": (1.0, 2.0)},
            "prior_weights: expected 3 numbers, one per loss term, got 2",
        ),
        ({"weights": (0.0, 0.0, 0.0)}, "weights: at least one must be above 0"),
        ({"weights": (1e308, 1e308, 1.0)}, "weights: too large to be added up; only their shares matter"),
        ({"weighting": "bayesian", "prior_weights": (1e308, 1e308, 1.0)}, "prior_weights: too large to be added up"),
        ({"gamma": 1e7}, "gamma\n.*less than or equal to 1000000"),
        ({"decay_every": "\u00b2"}, "expected epoch, or a number of steps"),
        (
            {"history_min": 101},
            r"history_min: 101 is above history_max \(100\), so the weights would never move; lower",
        ),
        ({"weight_min": 0.4}, "weight_min: 3 weights of at least 0.4 cannot sum to 1"),
        ({"weight_min": 1.1, "sum_to": "K"}, "weight_min: 3 weights of at least 1.1 cannot sum to 3"),
        ({"weight_max": 0.3}, "weight_max: 3 weights of at most 0.3 cannot sum to 1"),
        ({"weight_max": 0.9, "sum_to": "K"}, "weight_max: 3 weights of at most 0.9 cannot sum to 3"),
        (
            {"auxiliary": "tversky", "fp_weight": 0.0, "fn_weight": 0.0},
            "fp_weight: fp_weight and fn_weight cannot both be 0",
        ),
        ({"decay_every": "batch"}, "decay_every\n.*expected epoch, or a number of steps of at least 1, got 'batch'"),
        ({"decay_every": 0}, "expected epoch, or a number of steps of at least 1, got 0"),
        ({"decay_every": "0"}, "expected epoch, or a number of steps of at least 1, got 0"),
        ({"terms": ()}, "terms\n.*at least 1 item"),
        ({"terms": tuple("abcdefg")}, "terms\n.*at most 6 items"),
        ({"weights": (1.0, -1.0, 1.0)}, "weights.1\n.*greater than or equal to 0"),
        ({"weights": (1.0, float("inf"), 1.0)}, "weights.1\n.*finite"),
        ({"prior_weights": (1.0, 0.0, 1.0)}, "prior_weights.1\n.*greater than 0"),
        ({"history_min": 1}, "history_min\n.*greater than or equal to 2"),
        ({"eps": 0.0}, "eps\n.*greater than 0"),
        ({"floor": -1.0}, "floor\n.*greater than or equal to 0"),
        ({"median": "mean"}, "median\n.*'true' or 'notebook'"),
        ({"prior": "uniform"}, "prior\n.*'tempered', 'fixed' or 'compound'"),
        ({"rho": 1.0}, "rho\n.*less than 1"),
        ({"smoothing": 1.0}, "smoothing\n.*less than 1"),
        ({"gamma": float("nan")}, "gamma\n.*finite"),
        ({"decay_rate": -0.1}, "decay_rate\n.*greater than or equal to 0"),
        ({"loss_counts": "Hard"}, "loss_counts\n.*'soft' or 'hard'"),
    ],
)
def test_a_fusion_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FusionConfig(**options)


def test_feasible_weight_limits_are_taken() -> None:
    for sum_to, low, high in (("1", 1 / 3, 1 / 3), ("1", 0.0, 0.5), ("K", 0.5, 1.0)):
        FusionConfig(sum_to=sum_to, weight_min=low, weight_max=high)


@pytest.mark.parametrize("name", [name for name in WEIGHTINGS if not WEIGHTINGS[name].simplex and name != "fixed"])
def test_weights_of_any_sum_may_have_any_limits(name: str) -> None:
    low, high = FusionConfig(weighting=name, weight_min=0.4), FusionConfig(weighting=name, weight_max=0.2)
    assert build_weighting(low).count == build_weighting(high).count == 3
    with pytest.raises(ValueError, match=r"weight_min: 0.4 is above weight_max \(0.2\)"):
        FusionConfig(weighting=name, weight_min=0.4, weight_max=0.2)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (DataConfig, {"split": (0.7, 0.2, 0.2)}, r"three shares must sum to 1, got \(0.7, 0.2, 0.2\) which sum to 1.1"),
        (DataConfig, {"split": (0.5, 0.5, 0.0)}, r"every share must be above 0, got \(0.5, 0.5, 0.0\)"),
        (DataConfig, {"split": (1.0, 0.0, 0.0)}, "split.0\n.*less than 1"),
        (DataConfig, {"limit": 3}, "limit\n.*greater than or equal to 4"),
        (DataConfig, {"image_size": 8}, "image_size\n.*greater than or equal to 16"),
        (DataConfig, {"fit": "crop"}, "fit\n.*'stretch' or 'pad'"),
        (DataConfig, {"filter_sigma_space": 0.0}, "filter_sigma_space\n.*greater than 0"),
        (ModelConfig, {"filters": 0}, "filters\n.*greater than or equal to 1"),
        (TrainingConfig, {"lr": 0.0}, "lr\n.*greater than 0"),
        (TrainingConfig, {"epochs": 0}, "epochs\n.*greater than or equal to 1"),
        (TrainingConfig, {"seed": -1}, "seed\n.*greater than or equal to 0"),
        (TrainingConfig, {"precision": "float16"}, "precision\n.*'float32', 'tf32' or 'bfloat16'"),
    ],
)
def test_data_and_training_that_cannot_work_are_refused(
    cls: type[FrozenConfig], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        cls(**options)


def test_runs_of_an_experiment_need_different_labels_and_there_is_at_least_one() -> None:
    with pytest.raises(ValidationError, match="mad appears more than once; make the runs differ"):
        ExperimentConfig(runs=(run("mad"), run("variance"), run("mad")))
    with pytest.raises(ValidationError, match=r"runs\n.*at least 1 item"):
        ExperimentConfig(runs=())


def test_a_folder_is_found_again_from_wherever(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert DataConfig(dataset="folder", root="x").absolute().root == str(tmp_path / "x")
    assert DataConfig().absolute().root is None


def test_seeds_are_an_experiment_each_on_the_split_of_the_first() -> None:
    config = experiment({"seeds": "3, 4"}, weightings=["mad"], name="mine")
    assert config.training.seed == 3
    seeded = config.in_turn()
    assert [(one.name, one.training.seed, one.data.split_seed) for one in seeded] == [
        ("mine, seed 3", 3, 3),
        ("mine, seed 4", 4, 3),
    ]
    assert all(one.training.seeds == () and one.in_turn() == (one,) for one in seeded)
    own = experiment({"seeds": "3,4", "split_seed": "0"}, weightings=["mad"]).in_turn()
    assert [one.data.split_seed for one in own] == [0, 0]
    folds = experiment({"seeds": "3,4", "folds": "3"}, weightings=["mad"], name="x" * 200).in_turn()
    assert [(one.training.seed, one.data.fold) for one in folds] == [(s, f) for s in (3, 4) for f in (1, 2, 3)]
    assert max(len(one.name) for one in folds) <= 200


def test_a_single_one_of_the_seeds_is_the_seed() -> None:
    config = experiment({"seeds": "7"}, weightings=["mad"])
    assert config == experiment({"seed": "7"}, weightings=["mad"])
    assert config.in_turn() == (config,)
    assert config.data.seed_beside(7) == 7


@pytest.mark.parametrize(
    ("texts", "message", "field"),
    [
        ({"seeds": "1,1"}, "1 stands there twice", "seeds"),
        ({"seeds": "1,2", "seed": "3"}, "3 is not the first of the seeds; say either", "seed"),
        ({"seeds": "1,x"}, "valid integer", "seeds"),
        ({"split_seed": "-1"}, "greater than or equal to 0", "split_seed"),
    ],
)
def test_seeds_that_cannot_be_are_refused(texts: dict[str, str], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        experiment(texts, weightings=["mad"])
    assert refused.value.field == field


def test_what_repeats_need_changes_no_fingerprint_of_what_was_there() -> None:
    config = experiment({"seed": "7"}, weightings=["mad"])
    sections = {"data": config.data, "training": config.training}
    written = {name: part.model_dump(mode="json", exclude_defaults=True) for name, part in sections.items()}
    assert written == {"data": {}, "training": {"seed": 7}}
