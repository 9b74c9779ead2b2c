"""Texts as people type them mean the configuration they look like."""

import json
import re

import pytest
import typer

from dmf import declared
from dmf.cli.app import app
from dmf.config import DataConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.config_text import (
    DEFAULT_WEIGHTINGS,
    SECTIONS,
    experiment,
    field_info,
    from_text,
    is_flag,
    names_of,
    parse,
    parse_run,
    to_text,
)
from dmf.errors import ConfigError
from dmf.options import Choice
from dmf.weighting import WEIGHTINGS, GradientWeighting

FIELDS = [(model, name) for model in SECTIONS.values() for name in model.model_fields if name != "spare"]
FIELDS += [(FusionConfig, word) for word in declared.words()]
OF = {  # methods that have an option, by its word
    word: {about.kind: about.methods[0]} for word, about in declared.words().items()
}


def having(name: str) -> dict[str, str]:
    """What is chosen so that a field or word counts."""
    chosen = OF.get(name, {})
    usual = {"weighting": "mad", "loss": "cb-dice", "schedule": "exponential"}
    return {{"loss": "auxiliary"}.get(kind, kind): chosen.get(kind, method) for kind, method in usual.items()}


CHOICES = ("weighting", "auxiliary", "schedule", "optimizer", "lr_schedule")

# A value other than the default for fields, hand-chosen to be awkward where it can be; of others it is made.
OTHERS = {
    "split_seed": 3,
    "seeds": (2**31 - 1, 2),
    "folds": 5,
    "fold": 1,
    "oversample": "area",
    "augment": ("flip", "elastic"),
    "augment_strength": 0.5,
    "normalize": "zscore",
    "dataset": "busi",
    "root": "../shared data/BUSI",
    "dataset_options": {"normal": True, "images": 12, "scale": 0.1, "kind": "a=b"},
    "limit": 40,
    "image_size": 96,
    "sizes": (32, 64, 96),
    "fit": "pad",
    "duplicates": "group",
    "filter": True,
    "filter_diameter": 5,
    "filter_sigma_space": 12.5,
    "filter_sigma_intensity": 1e-3,
    "split": (0.5, 0.3, 0.2),
    "model": "smp:Unet/resnet18",
    "filters": 8,
    "attention": "gate",
    "pretrained": True,
    "model_options": {"depth": 3},
    "epochs": 3,
    "batch_size": 4,
    "lr": 1.5e-05,
    "optimizer": "sgd",
    "lr_schedule": "cosine",
    "patience": 4,
    "watch": "iou",
    "seed": 2**31 - 1,
    "device": "cuda:1",
    "deterministic": True,
    "precision": "bfloat16",
    "threads": 1,
    "memory_format": "contiguous",
    "test_at": "last",
    "absent": "one",
    "metrics_over": "batch",
    "keep_probabilities": "last",
    "probabilities_mb": 2.5,
    "gradients": "logits",
    "gradients_every": 3,
    "terms": ("ce", "dice"),
    "weighting": "bayesian",
    "weights": (0.1, 0.0, 1e-9),
    "history_min": 5,
    "history_max": 50,
    "symlog": False,
    "minmax": False,
    "eps": 1e-12,
    "floor": 0.0,
    "median": "notebook",
    "prior": "compound",
    "prior_weights": (1.0, 2.0, 1 / 3),
    "rho": 0.1 + 0.2,
    "weight_min": 0.05,
    "weight_max": 0.8,
    "smoothing": 0.25,
    "sum_to": "K",
    "cov_mean": "decay",
    "cov_decay": 0.5,
    "cov_variance": "reference",
    "softadapt_variant": "loss-weighted",
    "beta": -2.5,
    "window": 7,
    "slope": "least-squares",
    "temperature": 0.5,
    "block_steps": 35,
    "weight_seed": 7,
    "mu": 0.01,
    "ideal": (0.25, -1.0, 0.0),
    "max_change": 0.01,
    "base_weights": (1.0, 2.0, 1 / 3),
    "famo_lr": 0.1,
    "famo_decay": 0.0,
    "lower_bounds": (0.0, -1.0, 0.5),
    "weights_lr": 0.01,
    "uncertainty_form": "classification",
    "uncertainty_start": -0.5,
    "gradnorm_alpha": -0.12,
    "gradnorm_lr": 1e-3,
    "focal_of": "precision",
    "gradient_of": "logits",
    "detach_weights": False,
    "auxiliary": "none",
    "gamma": 5.0,
    "schedule": "cosine",
    "decay_rate": 0.0,
    "drop_factor": 0.1,
    "drop_periods": 3,
    "decay_every": 100,
    "loss_counts": "hard",
    "smooth": 1.0,
    "fp_weight": 0.7,
    "fn_weight": 0.3,
    "focal_gamma": 0.5,
    "focal_alpha": 1.0,
    "cb_weights": "inverse",
    "cb_ratios": "dataset",
    "focal_tversky_focus": 0.5,
    "hybrid_mix": 0.25,
    "combo_mix": 0.75,
    "combo_balance": 0.8,
    "rare": "1:3",
    "unified_mix": 0.3,
    "unified_balance": 0.7,
    "unified_focus": 0.2,
}


def test_the_sections_cover_every_configuration():
    assert list(SECTIONS.values()) == [DataConfig, ModelConfig, TrainingConfig, FusionConfig]
    names = [name for _, name in FIELDS]
    assert set(OTHERS) <= {*names}
    assert len(names) == len({*names})  # a name means one thing, wherever it is typed


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_the_default_of_every_field_comes_back_from_its_text(model, name):
    default = getattr(model(), name)
    assert getattr(parse(model, {name: to_text(default)}), name) == default


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_another_value_of_every_field_comes_back_from_its_text(model, name, another_value):
    value, context = (
        OTHERS[name] if name in OTHERS else another_value(model, name),
        {"terms": ("ce", "dice")} if name == "terms" else {},
    )
    assert value != getattr(model(), name)
    back = getattr(parse(model, context | {name: to_text(value)}), name)
    assert back == value
    assert isinstance(back, type(value) if name not in CHOICES else Choice)


@pytest.mark.parametrize("name", [name for model, name in FIELDS if model is FusionConfig and name != "weighting"])
def test_every_fusion_field_can_be_set_for_a_run(name, another_value):
    value = OTHERS[name] if name in OTHERS else another_value(FusionConfig, name)
    base = FusionConfig(**having(name))
    run = parse_run(base, f"{base.weighting},{name}={to_text(value)}")
    assert getattr(run.fusion, name) == value
    with_dashes = parse_run(base, f"{base.weighting},{name.replace('_', '-')}={to_text(value)}")
    assert with_dashes == run


def test_every_field_is_an_option_of_train():
    command = typer.main.get_command(app).commands["train"]
    options = {option.name for option in command.get_params(typer.Context(command))}
    expected = {*(name for _, name in FIELDS), *names_of(TrainingConfig)} | {
        *("run", "preset", "events", "task", "task_options", "name", "store", "json", "plugin", "help"),
    }
    assert options == expected


def test_the_help_of_train_shows_every_option_with_its_default():
    from typer.testing import CliRunner

    from dmf.cli.app import app

    result = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"})
    assert result.exit_code == 0
    words = result.output.split()
    for model, name in FIELDS:
        flag = f"--{name.replace('_', '-')}"
        assert any(word in (flag, f"{flag},") for word in words), flag
        if is_flag(model, name):
            assert f"--no-{flag[2:]}" in result.output


def test_every_field_says_what_it_is():
    for model, name in FIELDS:
        assert (field_info(model, name).description or "").endswith((".", ")")), name


@pytest.mark.parametrize(
    ("model", "name", "text", "value"),
    [
        (DataConfig, "limit", "none", None),
        (DataConfig, "limit", "", None),
        (DataConfig, "root", " None ", None),
        (FusionConfig, "auxiliary", "none", "none"),  # a name here, because this field is never empty
        (FusionConfig, "weights", "1:0:0", ("1", "0", "0")),
        (FusionConfig, "weights", "1, 0,0", ("1", "0", "0")),
        (FusionConfig, "terms", "ce", ("ce",)),
        (FusionConfig, "terms", "", ()),
        (DataConfig, "dataset_options", "", {}),
        (DataConfig, "dataset_options", "normal=TRUE, n=-3,", {"normal": True, "n": -3}),
        (DataConfig, "dataset_options", "a=1.5,b=false,c=x", {"a": 1.5, "b": False, "c": "x"}),
        # Commas before numbers are those of colours.
        (DataConfig, "dataset_options", "a=0,0,0=x;255, 0,0=y,b=2", {"a": "0,0,0=x;255, 0,0=y", "b": 2}),
        (TrainingConfig, "lr", " 1e-3 ", "1e-3"),
    ],
)
def test_a_text_means_what_it_looks_like(model, name, text, value):
    found = from_text(model, name, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (3, "3"),
        ("K", "K"),
        ((1.0, 0.5), "1.0:0.5"),
        ([0.7, 0.3], "0.7:0.3"),
        ({"a": False, "b": 2}, "a=false,b=2"),
        ((), ""),
    ],
)
def test_a_value_is_written_as_people_would_type_it(value, text):
    assert to_text(value) == text


def test_flags_are_plain_yes_or_no_fields():
    flags = {name for model, name in FIELDS if is_flag(model, name)}
    assert flags == {"filter", "pretrained", "deterministic", "symlog", "minmax", "detach_weights"}


@pytest.mark.parametrize(
    ("model", "texts", "field", "message"),
    [
        (TrainingConfig, {"epochs": "0"}, "epochs", "epochs: input should be greater than or equal to 1, got '0'."),
        (TrainingConfig, {"epochs": "x"}, "epochs", "epochs: input should be a valid integer.*, got 'x'"),
        (TrainingConfig, {"epoch": "3"}, "epoch", "There is no setting 'epoch'."),
        (DataConfig, {"split": "0.5:0.5"}, "split", "split: "),
        (DataConfig, {"split": "0.5:0.4:0.2"}, "split", "split: the three shares must sum to 1, got .* sum to 1.1"),
        (
            DataConfig,
            {"dataset_options": "normal"},
            "dataset_options",
            "dataset_options: expected option=value, got 'normal'.",
        ),
        (FusionConfig, {"history_min": "20", "history_max": "10"}, "history_min", "history_min: 20 is above history"),
        (FusionConfig, {"decay_every": "0"}, "decay_every", "decay_every: expected epoch, or a number of steps"),
        (FusionConfig, {"terms": ""}, "terms", "terms: "),
        (FusionConfig, {"weights": "1:0"}, "weights", "weights: expected 3 numbers, one per loss term, got 2"),
        (FusionConfig, {"sum_to": "2"}, "sum_to", "sum_to: input should be '1' or 'K', got '2'"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_its_field(model, texts, field, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse(model, texts)
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_values_that_are_no_texts_are_taken_as_they_are():
    assert parse(FusionConfig, {"weights": (1.0, 0.0, 0.0), "symlog": False}).weights == (1.0, 0.0, 0.0)


def test_a_run_keeps_the_common_settings_and_overrides_its_own():
    base = FusionConfig(gamma=3.0, history_max=40)
    run = parse_run(base, "bayesian, prior=compound , gamma=2")
    assert run.label == "bayesian prior=compound gamma=2"
    assert run.fusion == base.replace(weighting="bayesian", prior="compound", gamma=2.0)


def test_a_run_without_a_weighting_in_front_keeps_the_common_one():
    run = parse_run(FusionConfig(weighting="mad"), "gamma=2")
    assert (run.fusion.weighting, run.label) == ("mad", "mad gamma=2")


def test_a_run_may_name_its_weighting_like_any_field():
    run = parse_run(FusionConfig(), "weighting=mad,gamma=2")
    assert (run.fusion.weighting, run.label) == ("mad", "mad gamma=2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"A run needs a weighting, e\.g\. --run 'bayesian,prior=compound'"),
        (" , ", "A run needs a weighting"),
        ("mad,prior", "Expected key=value, got 'prior'"),
        ("mad,prior=", "Expected key=value, got 'prior='"),
        ("mad,=3", "Expected key=value, got '=3'"),
        ("mad,prio=fixed", "Unknown field of a run 'prio'.*Did you mean 'prior'"),
        ("mad,epochs=3", "Unknown field of a run 'epochs'"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_run(FusionConfig(), text)
    assert caught.value.field == "run"


def test_a_run_with_a_wrong_value_blames_the_field():
    with pytest.raises(ConfigError, match="rho: ") as caught:
        parse_run(FusionConfig(), "bayesian,rho=1")
    assert caught.value.field == "rho"


def test_an_experiment_races_the_three_methods_of_the_paper_unless_told_otherwise():
    assert [run.fusion.weighting for run in experiment({}).runs] == list(DEFAULT_WEIGHTINGS)
    assert [run.label for run in experiment({}, weightings=["fixed"]).runs] == ["fixed"]
    assert [run.label for run in experiment({}, runs=["mad,gamma=2"]).runs] == ["mad gamma=2"]
    both = experiment({}, weightings=["fixed", "mad"], runs=["mad,gamma=2"])
    assert [run.label for run in both.runs] == ["fixed", "mad", "mad gamma=2"]


def test_texts_of_all_sections_reach_their_place(another_value):
    others = {name: another_value(model, name) for model, name in FIELDS if name not in OTHERS} | OTHERS
    config = experiment(
        {
            name: to_text(value)
            for name, value in others.items()
            if name not in ("terms", "weights", "prior_weights", "weight_max", "loss_counts", "sum_to")
        },
        name="mine",
    )
    assert config.name == "mine"
    for section, model in (("data", DataConfig), ("model", ModelConfig), ("training", TrainingConfig)):
        for name in model.model_fields:
            assert getattr(getattr(config, section), name) == others[name]
    assert {run.fusion.gamma for run in config.runs} == {5.0}


def test_two_runs_alike_are_refused():
    with pytest.raises(ConfigError, match="mad appears more than once; make the runs differ") as caught:
        experiment({}, weightings=["mad", "mad"])
    assert caught.value.field == "runs"


def test_an_experiment_survives_json():
    config = experiment({"dataset_options": "images=30"}, runs=["mad", "fixed,weights=1:0:0"])
    assert type(config).model_validate(json.loads(config.model_dump_json())) == config


def test_an_unknown_name_is_left_to_who_knows_the_names():
    # Registries are looked at when the experiment is built, where all of them are known.
    assert experiment({}, runs=["madd"]).runs[0].fusion.weighting == "madd"


def test_a_method_at_the_logits_is_labelled_so():
    shared = experiment({"gradient_of": "logits"}, weightings=["mad", "upgrad"], runs=["pcgrad,sum_to=K"])
    assert [run.label for run in shared.runs] == [
        "mad",
        "upgrad gradient_of=logits",
        "pcgrad sum_to=K gradient_of=logits",
    ]
    own = experiment({}, runs=["upgrad,gradient_of=logits", "upgrad,gradient_of=parameters"])
    assert [run.label for run in own.runs] == ["upgrad gradient_of=logits", "upgrad gradient_of=parameters"]


def test_settings_need_to_work_only_with_the_weightings_that_run():
    limited = experiment({"weight_min": "0.4"}, weightings=["uncertainty"], runs=["geometric,sum_to=K"])
    assert [(run.fusion.weighting, run.fusion.weight_min) for run in limited.runs] == [
        ("uncertainty,weight_min=0.4", 0.4),
        ("geometric,sum_to=K,weight_min=0.4", 0.4),
    ]
    with pytest.raises(ConfigError, match=r"3 weights of at least 0\.4 cannot sum to 1"):
        experiment({"weight_min": "0.4"}, weightings=["uncertainty", "mad"])


def test_methods_that_look_at_gradients_say_so():
    found = {name for name in WEIGHTINGS if issubclass(WEIGHTINGS[name], GradientWeighting)}
    assert {name for name in WEIGHTINGS if WEIGHTINGS[name].watches} == found


def test_a_dataset_may_be_said_with_its_options() -> None:
    said = parse(DataConfig, {"dataset": "folder, colours=0,0,0=background;255,0,0=benign, rgb=true", "limit": "8"})
    options = {"colours": "0,0,0=background;255,0,0=benign", "rgb": True}
    assert said == DataConfig(dataset="folder", dataset_options=options, limit=8)
    assert parse(DataConfig, {"dataset": "phantom,images=4", "dataset_options": "images=4"}).dataset_options == {
        "images": 4
    }


@pytest.mark.parametrize(
    ("model", "texts", "words"),
    [
        (DataConfig, {"dataset": "busi,normal"}, "dataset: expected option=value, got 'normal'."),
        (
            DataConfig,
            {"dataset": "phantom,images=4", "dataset_options": "images=5"},
            "dataset: images is 4 behind the name and 5 elsewhere; say it once.",
        ),
        (
            ModelConfig,
            {"model": "unet,filters=4", "filters": "5"},
            "model: filters is 4 behind the name and '5' elsewhere; say it once.",
        ),
    ],
)
def test_options_behind_a_name_are_read_or_refused(model: type, texts: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}$"):
        parse(model, texts)
