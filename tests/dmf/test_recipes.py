"""What can be copied trains the same: commands are read back by the real command line, scripts are run."""

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.numpy import load_file
from typer.testing import CliRunner

from dmf.cli.app import app
from dmf.config import NOTEBOOK, DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.config_text import experiment
from dmf.errors import ConfigError
from dmf.live_settings import read_events
from dmf.plugins import load_plugin, plugins_of
from dmf.presets import PRESETS
from dmf.recipes import WIDTH, as_command, as_events, as_loop, as_python
from dmf.records import SettingChange
from dmf.weighting import WEIGHTINGS


def read_back(command: str) -> ExperimentConfig:
    """What the real command line makes of a command, as a shell would part it."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["dmf", "train"]
    caught: list[ExperimentConfig] = []

    def catch(*arguments: Any, **options: Any) -> ExperimentConfig:
        caught.append(experiment(*arguments, **options))
        raise typer.Exit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dmf.cli.train.experiment", catch)
        result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, result.output
    return caught[0]


def fusions(config: ExperimentConfig) -> list[FusionConfig]:
    return [run.fusion for run in config.runs]


def test_the_defaults_need_no_option() -> None:
    assert as_command(experiment({})) == "dmf train"


def test_only_what_differs_is_said() -> None:
    config = experiment(
        {"epochs": "5", "filter": True, "split": "0.6:0.2:0.2", "symlog": False}, weightings=["mad"], name="a 'b' $c"
    )
    assert as_command(config).replace(" \\\n   ", "") == (
        "dmf train --filter --split 0.6:0.2:0.2 --epochs 5 --no-symlog --weighting mad --name 'a '\"'\"'b'\"'\"' $c'"
    )


def test_runs_differ_from_what_they_share() -> None:
    config = experiment(
        {"gamma": "2"}, weightings=["variance"], runs=["mad,auxiliary=none", "fixed,weights=1:0:0,gamma=2"]
    )
    command = as_command(config)
    assert command == (
        "dmf train --gamma 2.0 --weighting variance --run mad,auxiliary=none \\\n    --run fixed,weights=1:0:0,gamma=2"
    )
    assert read_back(command) == config


def test_a_run_alone_is_said_with_all_of_its_settings() -> None:
    config = experiment({"gamma": "2", "seed": "7"}, weightings=["variance"], runs=["mad,auxiliary=none"], name="race")
    command = as_command(config, run="mad auxiliary=none")
    assert command == "dmf train --seed 7 --gamma 2.0 --run mad,auxiliary=none"
    assert read_back(command) == config.model_copy(update={"runs": config.runs[1:], "name": ""})


def test_a_file_of_knobs_is_named() -> None:
    assert as_command(experiment({}), events="my changes.json") == "dmf train --events 'my changes.json'"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_from_its_command_labels_and_all(name: str) -> None:
    config = PRESETS[name].config()
    command = as_command(config)
    assert read_back(command) == config
    assert max(map(len, command.splitlines())) <= max(WIDTH, max(map(len, command.split())) + 20)
    for run in config.runs:
        alone = read_back(as_command(config, run=run.label))
        assert alone.runs == (run,)
        assert (alone.data, alone.model, alone.training) == (config.data, config.model, config.training)


def test_runs_whose_common_settings_do_not_fit_together_are_still_said() -> None:
    # Each value of 2 of 3 runs: history_min 20 and history_max 15, which no configuration may hold.
    runs = [{"history_min": 20}, {"history_min": 20, "history_max": 15}, {"history_min": 2, "history_max": 15}]
    runs[1]["history_min"] = 15
    made = tuple(RunConfig(label=f"run {index}", fusion=FusionConfig(**one)) for index, one in enumerate(runs))
    config = ExperimentConfig(runs=made)
    assert fusions(read_back(as_command(config))) == fusions(config)


@pytest.mark.parametrize(
    ("data", "field"),
    [({"root": " folder"}, "root"), ({"root": "none"}, "root"), ({"dataset_options": {"a": "1"}}, "dataset_options")],
)
def test_what_cannot_be_typed_is_refused_with_the_way_out(data: dict[str, Any], field: str) -> None:
    config = ExperimentConfig(data=DataConfig(**data), runs=experiment({}).runs)
    with pytest.raises(ConfigError, match=rf"^{field}: .* cannot be written on a command line.*copy it as Python"):
        as_command(config)


def test_options_of_a_dataset_and_a_network_stand_behind_their_names() -> None:
    config = experiment({"dataset": "phantom", "dataset_options": "images=40", "model": "mine,depth=3", "filters": "4"})
    command = as_command(config)
    assert "--dataset phantom,images=40" in command
    assert "--model mine,depth=3 --filters 4" in command
    assert read_back(command) == config


@pytest.mark.parametrize("recipe", [as_command, as_python, as_loop])
def test_a_run_that_is_not_there_is_refused_with_those_that_are(recipe: Any) -> None:
    with pytest.raises(ConfigError, match=r"no run 'sgd' in this experiment. Choose one of: 'variance', 'mad', 'baye"):
        recipe(experiment({}), run="sgd")


TERMS = ("ce", "iou", "dice", "focal", "tversky", "cb-dice")
NUMBER = st.floats(1e-9, 100, allow_subnormal=False)
SHARE = st.floats(0, 0.99)
FUSION_FIELDS = {
    "weighting": st.sampled_from(("fixed", "variance", "mad", "bayesian")),
    "terms": st.permutations(TERMS).map(lambda terms: tuple(terms[:3])),
    "weights": st.none() | st.tuples(NUMBER, NUMBER, NUMBER),
    "history_min": st.integers(2, 10),
    "history_max": st.integers(10, 500),
    "symlog": st.booleans(),
    "eps": NUMBER,
    "floor": st.none() | NUMBER,
    "median": st.sampled_from(("true", "notebook")),
    "prior": st.sampled_from(("tempered", "fixed", "compound")),
    "prior_weights": st.none() | st.tuples(NUMBER, NUMBER, NUMBER),
    "rho": SHARE,
    "weight_max": st.none() | st.floats(1, 9),
    "smoothing": SHARE,
    "sum_to": st.sampled_from(("1", "K")),
    "detach_weights": st.booleans(),
    "auxiliary": st.sampled_from(("none", *TERMS)),
    "gamma": NUMBER,
    "schedule": st.sampled_from(("exponential", "linear", "cosine", "constant")),
    "decay_rate": NUMBER,
    "decay_every": st.just("epoch") | st.integers(1, 500),
    "loss_counts": st.sampled_from(("soft", "hard")),
    "cb_ratios": st.sampled_from(("image", "batch", "dataset")),
}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cs",)), max_size=20)
WORD = st.text("abcz/-._ '\"$\\", min_size=1, max_size=12).filter(lambda text: text == text.strip() and text != "none")
OPTIONS = st.dictionaries(
    st.sampled_from(("normal", "images")), st.booleans() | st.integers() | st.floats(allow_nan=False), max_size=2
)


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


FUSIONS = some(FUSION_FIELDS).map(lambda values: FusionConfig(**values))
DATA = some(
    {
        "dataset": st.sampled_from(("phantom", "busi")),
        "root": WORD,
        "dataset_options": OPTIONS,
        "limit": st.none() | st.integers(4, 99),
        "image_size": st.integers(16, 512),
        "fit": st.sampled_from(("stretch", "pad")),
        "filter": st.booleans(),
        "filter_sigma_space": NUMBER,
        "split": st.sampled_from(((0.5, 0.25, 0.25), (0.8, 0.1, 0.1))),
    }
)
TRAINING = some(
    {"epochs": st.integers(1, 999), "lr": NUMBER, "seed": st.integers(0, 99), "deterministic": st.booleans()}
)


@st.composite
def experiments(draw: st.DrawFn) -> ExperimentConfig:
    """Races with labels as the command line writes them, or made up, around common settings or none."""
    common = draw(FUSIONS)
    made: list[RunConfig] = []
    for _ in range(draw(st.integers(1, 4))):
        fusion = draw(FUSIONS)
        if draw(st.booleans()):
            changed = {"weighting", *draw(st.sets(st.sampled_from(sorted(FUSION_FIELDS)), max_size=2))}
            with contextlib.suppress(ValidationError):
                values = common.flat(changed=True) | {name: getattr(fusion, name) for name in changed}
                fusion = FusionConfig(**values)
        if all(fusion != run.fusion for run in made):
            word = fusion.weighting.name
            taken = any(run.label == word for run in made)
            made.append(RunConfig(label=draw(TEXT) + f"#{len(made)}" if taken else word, fusion=fusion))
    return ExperimentConfig(
        name=draw(TEXT),
        data=DataConfig(**draw(DATA)),
        model=ModelConfig(filters=draw(st.integers(1, 64))),
        training=TrainingConfig(**draw(TRAINING)),
        runs=tuple(made),
    )


@settings(max_examples=20, deadline=None)
@given(experiments())
def test_a_command_read_back_is_the_same_experiment(config: ExperimentConfig) -> None:
    got = read_back(as_command(config))
    assert (got.name, got.data, got.model, got.training) == (config.name, config.data, config.model, config.training)
    assert fusions(got) == fusions(config)
    alone = read_back(as_command(config, run=config.runs[-1].label))
    assert fusions(alone) == fusions(config)[-1:]
    assert (alone.data, alone.model, alone.training) == (config.data, config.model, config.training)


@settings(max_examples=20, deadline=None)
@given(experiments())
def test_a_script_holds_the_same_experiment(config: ExperimentConfig) -> None:
    script = as_python(config)
    names: dict[str, Any] = {}
    exec(script.partition("store = ")[0], names)
    assert names["config"] == config


def weights(experiment_id: str, store: Any) -> list[dict[str, bytes]]:
    """The last network of each run, byte for byte."""
    found = []
    for run in store.experiment(experiment_id).runs:
        (last,) = (one for one in store.artifacts(run.id) if one.kind == "checkpoint_last")
        path = Path(store.artifact_folder(run.id)) / last.path
        tensors = load_file(path)
        found.append({name: tensor.tobytes() for name, tensor in tensors.items() if name.startswith("model")})
    return found


def run_script(script: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(script, "recipe", "exec"), {})
    return output.getvalue()


def test_a_script_trains_the_same_networks_bit_for_bit(tiny: Any, store: Any) -> None:
    from dmf.jobs import Job, create_experiment

    config = tiny("mad", "bayesian,prior=compound,auxiliary=none")
    original = create_experiment(store, config)
    Job(store, original, "test").train()
    printed = run_script(as_python(config))
    assert "mad finished" in printed
    run_script(as_python(config, "bayesian prior=compound auxiliary=none"))
    alone, race, first = store.experiments()
    assert first.id == original.id
    expected = weights(original.id, store)
    assert all(expected)
    assert weights(race.id, store) == expected
    assert weights(alone.id, store) == expected[1:]


LIVE_SETTINGS = {
    "mad": (SettingChange(2, "gamma", 0.25), SettingChange(5, "weighting", "variance")),
    "mad auxiliary=none": (SettingChange(3, "lr", 1e-4),),
}


def test_changed_settings_are_changed_again_by_script_and_by_file(tiny: Any, store: Any, tmp_path: Path) -> None:
    from dmf.jobs import Job, create_experiment

    config = tiny("mad", "mad,auxiliary=none")
    original = create_experiment(store, config, LIVE_SETTINGS)
    Job(store, original, "test").train()
    expected = weights(original.id, store)
    run_script(as_python(config, changes=LIVE_SETTINGS))
    assert weights(store.experiments()[0].id, store) == expected
    file = tmp_path / "knobs.json"
    file.write_text(as_events(config, LIVE_SETTINGS, "mad"), encoding="utf-8")
    command = as_command(config, run="mad", events=str(file))
    result = CliRunner().invoke(app, shlex.split(command.replace("\\\n", " "))[1:])
    assert result.exit_code == 0, result.output
    assert weights(store.experiments()[0].id, store) == expected[:1]


def test_the_file_of_changes_names_runs_as_the_command_does(tmp_path: Path) -> None:
    (run,) = experiment({}, runs=["mad,auxiliary=none"]).runs
    config = ExperimentConfig(runs=(run.model_copy(update={"label": "made up"}),))
    file = tmp_path / "knobs.json"
    file.write_text(as_events(config, {"made up": [SettingChange(7, "lr", 0.5)]}), encoding="utf-8")
    (label,) = (run.label for run in read_back(as_command(config)).runs)
    assert read_events(file) == {label: (SettingChange(7, "lr", 0.5),)}


def test_without_changes_there_is_no_file() -> None:
    assert as_events(experiment({}), {}) == ""
    assert as_events(experiment({}), {"mad": [SettingChange(1, "lr", 0.5)]}, "variance") == ""
    assert "change" not in as_python(experiment({}), changes={}).lower()


@pytest.mark.parametrize("run", ["mad", "variance,cb_ratios=dataset", "bayesian,prior=compound,auxiliary=none"])
def test_a_loop_of_ones_own_runs_and_has_the_settings(tiny: Any, run: str) -> None:
    config = tiny(run)
    script = as_loop(config, config.runs[0].label)
    assert run_script(script).startswith("tensor([")
    names: dict[str, Any] = {}
    exec(script.partition("# Yours")[0], names)
    assert names["config"] == config.runs[0].fusion


@pytest.mark.parametrize(("rare", "classes"), [("1", 2), ("1:3", 4), ("0:1", 3)])
def test_a_loop_of_ones_own_has_the_classes_that_its_losses_name(rare: str, classes: int) -> None:
    config = experiment({"terms": f"ce;unified-focal,rare={rare}", "cb_ratios": "dataset"}, runs=["mad"])
    script = as_loop(config, config.runs[0].label)
    assert f"torch.nn.Conv2d(1, {classes}, 3" in script
    assert run_script(script).startswith("tensor([")


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_loop_of_ones_own_does_all_that_its_weighting_needs(tiny: Any, name: str) -> None:
    script = as_loop(tiny(name), name)
    assert run_script(script).startswith("tensor([")  # a weighting that misses something says so
    assert ("fusion.join(optimizer)" in script) == (name in ("uncertainty", "imtl-l"))
    assert ("fusion.after_step(" in script) == (name == "famo")


@pytest.mark.parametrize("base", ["FAMOWeighting", "UncertaintyWeighting", "MGDAWeighting"])
def test_a_loop_of_a_weighting_of_ones_own_does_all_that_it_may_need(plugin: Any, base: str) -> None:
    text = f"from dmf.weighting import {base}\n\n\nclass Own({base}):\n    pass\n\n\nWEIGHTINGS = {{'own': Own}}\n"
    script = as_loop(plugins_of_config("own", plugin(text)), "own")
    assert run_script(script).startswith("tensor([")  # a weighting that misses something says so


def test_lines_are_not_longer_than_a_terminal() -> None:
    config = experiment(NOTEBOOK, weightings=["variance", "mad", "bayesian"])
    for recipe in (as_command(config), as_python(config), as_loop(config, "mad")):
        assert max(len(line) for line in recipe.splitlines()) <= 120
    assert re.search(r" \\\n    --", as_command(config))


def test_files_of_someones_own_are_named_and_loaded(plugin: Any, home: Path, tmp_path: Path) -> None:
    file = plugin(name="my own.py")
    stored = plugins_of_config("height", file)
    assert shlex.split(as_command(stored).replace("\\\n", ""))[2:] == ["--weighting", "height", "--plugin", str(file)]
    for script in (as_python(stored), as_loop(stored, "height")):
        assert "from dmf.plugins import load_plugin\n" in script
        assert f"load_plugin({str(file)!r})  # SHA-256 " in script
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(as_loop(stored, "height"), names)
    assert names["fused"].weights.shape == (3,)


def plugins_of_config(weighting: str, file: Path) -> ExperimentConfig:
    load_plugin(file)
    config = experiment({"image_size": "128"}, weightings=[weighting])
    return config.model_copy(update={"plugins": plugins_of(config)})


def test_the_task_and_its_options_are_said() -> None:
    config = PRESETS["synthesis"].config()
    assert "--task synthesis --task-options residual=true" in as_command(config)
    script = as_python(config)
    assert "task='synthesis'" in script
    assert "task_options={'residual': True}" in script


def test_a_loop_of_ones_own_has_the_losses_of_its_task() -> None:
    loop = as_loop(PRESETS["synthesis"].config(), "cov")
    space: dict[str, Any] = {}
    exec(loop, space)
    assert space["config"] == PRESETS["synthesis"].config().runs[3].fusion
    assert space["model"].residual  # the head has the options of the task


@pytest.mark.parametrize("weighting", ["pull,strength=2", "famo"])
def test_a_loop_of_a_task_of_ones_own_builds_it_as_training_does(whole_plugin: Path, weighting: str) -> None:
    load_plugin(whole_plugin)
    texts = {"task": "invert", "dataset": "gradients", "auxiliary": "none", "image_size": "16", "batch_size": "2"}
    config = experiment(texts | {"terms": "absolute;power,exponent=3"}, runs=[weighting])
    config = config.model_copy(update={"plugins": plugins_of(config)})
    space: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(as_loop(config, config.runs[0].label), space)
    assert space["config"] == config.runs[0].fusion
    assert space["bank"].terms[1].exponent == 3
    assert space["fused"].weights.shape == (2,)


def test_a_loop_of_a_task_that_is_not_loaded_is_refused() -> None:
    config = experiment({}, runs=["mad"]).model_copy(update={"task": "gone"})
    with pytest.raises(ConfigError, match="'gone': it is of a plug-in that is not loaded"):
        as_loop(config, "mad")
