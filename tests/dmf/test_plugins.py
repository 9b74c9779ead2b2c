import hashlib
import re
import sys
from pathlib import Path

import pytest

from dmf import build
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, PluginConfig, RunConfig
from dmf.data import DATASETS, build_dataset
from dmf.errors import ConfigError
from dmf.jobs import Job, create_experiment
from dmf.methods import check_method
from dmf.models import MODELS, build_model
from dmf.plugins import (
    load_plugin,
    load_plugins,
    load_stored,
    loaded,
    not_loaded,
    plugins_of,
    registry_of,
    require,
    short,
)
from dmf.tasks.segmentation.losses import LOSSES, build_bank
from dmf.trained import load_trained
from dmf.weighting import WEIGHTINGS, build_weighting

DATASET = """
import numpy as np

from dmf.data import Case, Dataset, RawPair


class Squares(Dataset):
    name = "squares"
    title = "Grey squares"
    class_names = ("background", "square")
    needs_download = False
    how_to_get = "Nothing to get."
    licence = "none"
    citation = "none"

    def cases(self):
        return [Case(f"square-{number:02}", "square") for number in range(12)]

    def load(self, case):
        mask = np.zeros((40, 40), np.uint8)
        mask[10:30, 10:30] = 1
        return RawPair(mask * 100 + 50, mask)


DATASETS = {"squares": Squares}
"""

FOUR_KINDS = (
    DATASET
    + '''
import torch

from dmf.losses import Loss
from dmf.weighting import FixedWeighting


class Even(FixedWeighting):
    pass


class Brier(Loss):
    """Mean squared distance of the probabilities from the truth."""

    def forward(self, prediction):
        onehot = torch.nn.functional.one_hot(prediction.target, prediction.probs.shape[1]).movedim(-1, 1)
        return ((prediction.probs - onehot) ** 2).sum(1).mean()


WEIGHTINGS = {"even": Even}
LOSSES = {"brier": Brier}
MODELS = {"tiny": lambda config, in_channels, classes, image_size: torch.nn.Conv2d(in_channels, classes, 3, padding=1)}
'''
)


def experiment_with(weighting: str, **fields) -> ExperimentConfig:
    runs = (RunConfig(label="one", fusion=FusionConfig(weighting=weighting)),)
    return ExperimentConfig(runs=runs, **fields)


def test_a_weighting_joins_its_registry(plugin):
    loaded_now = load_plugin(plugin())
    assert loaded_now.names == {"WEIGHTINGS": ("height",)}
    assert list(WEIGHTINGS)[-1] == "height"
    assert build_weighting(FusionConfig(weighting="height")).weights.tolist() == pytest.approx([1 / 3] * 3)
    assert loaded() == (loaded_now,)


def test_a_file_may_hold_all_four_kinds(plugin):
    load_plugin(plugin(FOUR_KINDS))
    assert "even" in WEIGHTINGS
    assert build_bank(FusionConfig(terms=("ce", "brier"), auxiliary="brier")).names == ("ce", "brier")
    assert "brier" in LOSSES
    assert "tiny" in MODELS
    assert build_model(experiment_with("even").model.model_copy(update={"model": "tiny"}), 1, 2, 32, 0) is not None
    assert len(build_dataset(DataConfig(dataset="squares")).cases()) == 12
    assert "squares" in DATASETS


def test_the_file_that_the_docs_show_keeps_what_every_method_promises(plugin):
    page = (Path(__file__).parents[2] / "docs" / "adding-a-method.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0]
    load_plugin(plugin(shown))
    assert {finding.result for finding in check_method("WEIGHTINGS", "newest")} <= {"pass", "skip"}


def test_the_same_file_twice_is_one_also_from_elsewhere(plugin):
    first = load_plugin(plugin())
    assert load_plugin(plugin()) is first
    assert load_plugin(plugin(name="copy.py")) is first


def test_a_relative_path_is_kept_whole(plugin, monkeypatch):
    file = plugin()
    monkeypatch.chdir(file.parent)
    assert load_plugin("mine.py").path == file.resolve()


def test_the_environment_names_plugins_too(plugin, monkeypatch):
    first, second = plugin(), plugin(FOUR_KINDS, "four.py")
    monkeypatch.setenv("DMF_PLUGINS", f"{first}:")
    assert [each.path for each in load_plugins([second])] == [first.resolve(), second.resolve()]


def test_a_dataclass_and_its_own_constants_work_in_a_plugin(plugin):
    load_plugin(
        plugin(FOUR_KINDS + "\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: 'int' = 0\n")
    )
    assert "even" in WEIGHTINGS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (\n", r"mine\.py, line 1: SyntaxError: '\(' was never closed"),
        ("import math\n\nmath.nope()\n", r"mine\.py, line 3: AttributeError: module 'math' has no attribute 'nope'"),
        ("def f():\n    raise ValueError\n\nf()\n", r"mine\.py, line 2: ValueError: no message"),
        ("import sys\nsys.exit('bye')\n", r"mine\.py, line 2: SystemExit: bye"),
        ("import beside_it\n", r"mine\.py, line 1: ModuleNotFoundError: No module named 'beside_it'"),
        (
            "x = 1\n",
            r"mine\.py names nothing\. .* TASKS, WEIGHTINGS, LOSSES, SCHEDULES, OPTIMIZERS, LR_SCHEDULES, "
            r"MODELS and DATASETS\.",
        ),
        ("from dmf.weighting import WEIGHTINGS\n", "names nothing"),
        ("WEIGHTINGS = {}\n", "names nothing"),
        ("WEIGHTINGS = ['x']\n", "WEIGHTINGS must be a dict of names, got list"),
        (
            "WEIGHTINGS = {'x': 3}\n",
            r"weighting 'x' must be a class derived from dmf\.weighting\.Weighting, got something of type int",
        ),
        ("WEIGHTINGS = {'x': dict}\n", r"must be a class derived from dmf\.weighting\.Weighting, got dict"),
        (
            "from dmf.weighting import Weighting\nclass W(Weighting): pass\nWEIGHTINGS = {'x': W}\n",
            "weighting 'x' must say what it does: define forward",
        ),
        (
            "from dmf.weighting import FixedWeighting\n"
            "class W(FixedWeighting): options = ('speed', 'weights')\nWEIGHTINGS = {'x': W}\n",
            r"must be those of another, and 'speed' is none",
        ),
        ("LOSSES = {'x': dict}\n", r"loss 'x' must be a class derived from dmf\.terms\.Loss, got dict"),
        (
            "MODELS = {'x': 3}\n",
            r"model 'x' must be a function \(config, in_channels, classes, image_size\) .* got int",
        ),
        ("import torch\nMODELS = {'x': torch.nn.ReLU()}\n", "model 'x' must be a function .* got ReLU"),
        (
            "MODELS = {'x': lambda channels, classes: None}\n",
            r"model 'x' must be a function .* and cannot be called so: too many positional arguments",
        ),
        ("DATASETS = {'x': dict}\n", r"dataset 'x' must be a class derived from dmf\.data\.Dataset, got dict"),
        (
            DATASET.replace('{"squares"', '{"cubes"'),
            "dataset 'cubes' must say so itself: give the class name = 'cubes'",
        ),
        (
            DATASET.replace("licence =", "license ="),
            "dataset 'squares' must say more about itself: give the class licence",
        ),
        ("MODELS = {'unet': print}\n", "there is a model 'unet' already, which comes with the program. Choose another"),
        ("MODELS = {'a b': print}\n", "'a b' cannot be the name of a model. Begin with a letter"),
        ("LOSSES = {'none': print}\n", "'none' cannot be the name of a loss"),
        ("MODELS = {3: print}\n", "3 cannot be the name of a model"),
    ],
)
def test_what_cannot_be_loaded_is_refused_and_adds_nothing(plugin, text, message):
    names, modules = (
        [list(registry_of(word)) for word in ("WEIGHTINGS", "LOSSES", "MODELS", "DATASETS")],
        {*sys.modules},
    )
    file = plugin(text)
    with pytest.raises(ConfigError, match=f"^Plug-in .*{message}") as caught:
        load_plugin(file)
    assert caught.value.field == "plugin"
    assert [list(registry_of(word)) for word in ("WEIGHTINGS", "LOSSES", "MODELS", "DATASETS")] == names
    assert not [name for name in {*sys.modules} - modules if name.startswith("_dmf_plugin")]
    assert loaded() == ()


def test_all_is_checked_before_anything_is_added(plugin):
    text = "MODELS = {'fine': print}\nWEIGHTINGS = {'fine': 3}\n"
    with pytest.raises(ConfigError, match="weighting 'fine' must be a class"):
        load_plugin(plugin(text))
    assert "fine" not in MODELS


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Cannot read plug-in .*no\.py: No such file or directory\. Give a Python"):
        load_plugin(tmp_path / "no.py")


def test_a_name_of_another_plugin_is_refused(plugin):
    first = plugin("MODELS = {'x': print}\n")
    load_plugin(first)
    with pytest.raises(ConfigError, match=rf"there is a model 'x' already, which is from {first.resolve()}\. Choose"):
        load_plugin(plugin("MODELS = {'x': repr}\n", "other.py"))


def test_a_file_that_changed_since_it_was_loaded_needs_a_restart(plugin):
    file = plugin()
    load_plugin(file)
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(ConfigError, match=r"has changed since it was loaded: its SHA-256 was .*Restart the program"):
        load_plugin(file)


def test_a_registry_is_known_by_its_word():
    with pytest.raises(
        ValueError,
        match=r"`word` must be one of TASKS, WEIGHTINGS, LOSSES, SCHEDULES, OPTIMIZERS, LR_SCHEDULES, MODELS, "
        r"DATASETS, got 'METRICS'\.",
    ):
        registry_of("METRICS")


def test_an_experiment_holds_the_plugins_that_it_names_something_of(plugin):
    mine, four = plugin(), plugin(FOUR_KINDS, "four.py")
    load_plugins([mine, four])
    sha256 = hashlib.sha256(mine.read_bytes()).hexdigest()
    assert plugins_of(experiment_with("height")) == (PluginConfig(path=str(mine.resolve()), sha256=sha256),)
    assert plugins_of(experiment_with("mad")) == ()
    assert [Path(each.path) for each in plugins_of(experiment_with("mad"), ["height"])] == [mine.resolve()]
    for fields in ({"data": {"dataset": "squares"}}, {"model": {"model": "tiny"}}):
        assert [Path(each.path) for each in plugins_of(experiment_with("mad", **fields))] == [four.resolve()]
    for fusion in (FusionConfig(terms=("ce", "brier")), FusionConfig(auxiliary="brier")):
        config = ExperimentConfig(runs=(RunConfig(label="x", fusion=fusion),))
        assert [Path(each.path) for each in plugins_of(config)] == [four.resolve()]


def test_nothing_new_starts_with_a_file_that_is_not_what_was_loaded(plugin):
    file = plugin()
    load_plugin(file)
    file.write_text("")
    with pytest.raises(ConfigError, match="has changed since it was loaded"):
        plugins_of(experiment_with("height"))
    file.unlink()
    with pytest.raises(ConfigError, match=r"cannot be read any more: No such file or directory\. Put the file back"):
        plugins_of(experiment_with("height"))


def test_what_an_experiment_was_made_with_is_loaded_only_after_a_yes(plugin, forget_plugins):
    file = plugin()
    load_plugin(file)
    stored = plugins_of(experiment_with("height"))
    require(stored)
    forget_plugins()
    assert not_loaded([*stored, *stored]) == stored
    said = rf"plug-in {file} \(SHA-256 {stored[0].sha256}\), which is not loaded.*give it with `--plugin {file}`"
    with pytest.raises(ConfigError, match=said):
        require(stored)
    assert "height" not in WEIGHTINGS
    load_stored(stored)
    assert "height" in WEIGHTINGS
    require(stored)


def test_a_stored_plugin_that_changed_or_is_gone_is_refused(plugin, forget_plugins):
    file = plugin()
    load_plugin(file)
    stored = plugins_of(experiment_with("height"))
    forget_plugins()
    text = file.read_text()
    file.write_text(text + "# changed\n")
    now = hashlib.sha256(file.read_bytes()).hexdigest()
    said = (
        rf"has changed since this run was made with it: its SHA-256 was {short(stored[0].sha256)} and is {short(now)}"
    )
    with pytest.raises(ConfigError, match=said):
        load_stored(stored)
    file.unlink()
    with pytest.raises(ConfigError, match=r"cannot be read: No such file or directory\. Put the file back, or name"):
        load_stored(stored)
    load_plugin(plugin(text, "elsewhere.py"))  # the same file in another place is the same plug-in
    load_stored(stored)
    assert "height" in WEIGHTINGS


def test_what_an_older_version_of_a_dataset_made_is_not_taken_from_the_cache(plugin, forget_plugins):
    load_plugin(plugin(DATASET))
    before = build_dataset(DataConfig(dataset="squares")).identity()
    forget_plugins()
    load_plugin(plugin(DATASET.replace("* 100", "* 90")))
    assert build_dataset(DataConfig(dataset="squares")).identity() != before
    own = build_dataset(DataConfig())
    assert own.identity() == own.fingerprint()


def test_looking_at_a_trained_network_and_its_images_runs_no_file_that_only_the_store_names(
    store, tiny, plugin, forget_plugins
):
    load_plugin(plugin(DATASET))
    config = tiny("mad", dataset="squares", dataset_options="", batch_size="2", epochs="1")
    experiment = create_experiment(store, config)
    Job(store, experiment, "a test (here)").train()
    kept = store.experiment(experiment.id).config
    forget_plugins()
    for look in (lambda: load_trained(store, experiment.runs[0].id), lambda: build.original_case(kept, "square-03")):
        with pytest.raises(ConfigError, match="which is not loaded"):
            look()
    assert loaded() == ()
    load_stored(ExperimentConfig.model_validate(kept).plugins)
    assert load_trained(store, experiment.runs[0].id).class_names == ("background", "square")
    for recorded in (kept, ExperimentConfig.model_validate(kept)):
        assert build.original_case(recorded, "square-03").image.shape == (40, 40)


def test_a_loss_of_a_task_that_is_nowhere_is_refused(plugin):
    file = plugin(
        "from dmf.losses import MeanDice\n\nclass Mine(MeanDice):\n    task = 'nowhere'\n\nLOSSES = {'mine': Mine}\n"
    )
    with pytest.raises(ConfigError, match=r"loss 'mine' is of no task that there is\. Unknown task 'nowhere'"):
        load_plugin(file)
