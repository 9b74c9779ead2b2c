"""Plug-ins on the command line; how documents and stores are handled shows in the tests of the commands."""

import io
import os
import sys
from pathlib import Path

import pytest

from dmf.jobs import Job, create_experiment
from dmf.plugins import load_plugin
from dmf.records import RunState
from dmf.runs import RunStore


def test_every_command_takes_plugins_and_says_so(dmf):
    for command in (
        *(["train"], ["resume"], ["import"], ["replay"], ["runs"], ["runs", "rename"], ["export"], ["app"]),
        *(["examples"], ["data", "list"], ["data", "check"], ["data", "get"], []),
    ):
        assert "--plugin" in dmf(*command, "--help").out, command


class Answers(io.StringIO):
    """A terminal at which somebody answers."""

    def isatty(self):
        return True


@pytest.mark.parametrize("is_before", [True, False])
def test_a_run_is_trained_and_replayed_by_a_plugin(  # noqa: PLR0917
    dmf, plugin, forget_plugins, tiny_options, is_before, monkeypatch
):
    file = plugin()
    train, words = ["train", "--weighting", "height", *tiny_options, "--json"], ["--plugin", file]
    result = dmf(*words, *train) if is_before else dmf(*train, *words)
    assert result.status == 0, result.err
    document = result.json()
    (run,) = document["runs"]
    stored = RunStore().experiment(document["experiment"]).config["plugins"]
    assert [plugin["path"] for plugin in stored] == [str(file.resolve())]

    forget_plugins()
    weights = file.with_name("weights.csv")
    refused = dmf("replay", run["id"], "-o", weights)  # nobody is there to say yes
    assert (refused.status, weights.exists()) == (2, False)
    assert f"if you trust it, give it with `--plugin {file}`." in refused.err
    monkeypatch.setattr("sys.stdin", Answers("n\n"))
    asked = dmf("replay", run["id"], "-o", weights)
    assert (asked.status, weights.exists()) == (130, False)
    assert f"{file}\n  SHA-256 {stored[0]['sha256']}" in asked.err
    monkeypatch.setattr("sys.stdin", Answers("y\n"))
    replayed = dmf("replay", run["id"], "-o", weights)
    assert replayed.status == 0, replayed.err
    assert [float(weight) for weight in weights.read_text().splitlines()[-1].split(",")] == pytest.approx(
        run["weights"], abs=1e-6
    )


def test_a_run_whose_plugin_changed_is_neither_resumed_nor_replayed(dmf, plugin, forget_plugins, tiny, store):
    file = plugin()
    text = file.read_text()
    load_plugin(file)
    experiment = create_experiment(store, tiny("height"))
    job = Job(store, experiment, "a test (here)")
    job.train(lambda runs: job.stop.set())
    run = experiment.runs[0].id
    forget_plugins()
    file.write_text(text + "# changed\n")
    weights = file.with_name("weights.csv")
    for command in (["resume", experiment.id], ["replay", run, "-o", weights]):
        result = dmf(*command)
        assert result.status == 2
        assert "mine.py has changed since this run was made with it: its SHA-256 was" in result.err
        assert len(result.err.strip().splitlines()) == 1
    assert store.run(run).owner is None
    other = dmf("replay", run, "--weighting", "mad", "-o", weights)
    assert other.status == 0, other.err  # what other methods would have done needs no plug-in

    file.write_text(text)
    assert dmf("resume", experiment.id, "--plugin", file).status == 0
    assert store.run(run).state is RunState.FINISHED


def test_the_environment_names_plugins_for_every_command(dmf, plugin, monkeypatch, tmp_path):
    losses = tmp_path / "losses.csv"
    losses.write_text("a,b\n1,2\n")
    monkeypatch.setenv("DMF_PLUGINS", str(plugin()))
    assert dmf("replay", losses, "--weighting", "height", "-o", tmp_path / "weights.csv").status == 0


def test_a_plugin_that_cannot_be_loaded_is_one_line(dmf, plugin):
    result = dmf("train", "--plugin", plugin("import nothing_of_the_kind"))
    assert (result.status, result.out) == (2, "")
    assert "mine.py, line 1: ModuleNotFoundError" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_dataset_of_a_plugin_is_listed(dmf, plugin):
    file = plugin(
        "from dmf.data import Phantom\n\n\nclass Mine(Phantom):\n    name = 'mine'\n    title = 'Mine'\n\n\n"
        "DATASETS = {'mine': Mine}\n"
    )
    listed = dmf("data", "list", "--plugin", file, "--json")
    assert [entry["title"] for entry in listed.json() if entry["name"] == "mine"] == ["Mine"]


def test_the_dashboard_gets_the_plugins(dmf, plugin, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    first, second = plugin(), plugin("MODELS = {'x': print}\n", "other.py")
    monkeypatch.setenv("DMF_PLUGINS", str(first))
    assert dmf("app", "--plugin", second).status == 0
    ((program, _, environment),) = started
    assert program == sys.executable
    files = environment["DMF_PLUGINS"].split(os.pathsep)
    assert files == [str(Path(first).resolve()), str(Path(second).resolve())]


BAD = """
import torch

from dmf.data import Dataset
from dmf.weighting import FixedWeighting, Weighting


class Refusing(FixedWeighting):
    def __init__(self, *arguments, **options):
        raise ValueError("not today")


class Tiring(FixedWeighting):
    def forward(self, state):
        if state.step:
            raise ValueError("enough")
        return super().forward(state)


class Narrow(FixedWeighting):
    def __init__(self, count):
        super().__init__(count)


class Sums(FixedWeighting):
    def forward(self, state):
        return state.terms.sum()


class Cases(Dataset):
    name = title = how_to_get = licence = citation = "cases"
    class_names = ("background", "lesion")
    needs_download = False

    def cases(self):
        raise KeyError("cases")

    def load(self, case):
        pass


def model(*_):
    return torch.nope


WEIGHTINGS = {"refusing": Refusing, "tiring": Tiring, "narrow": Narrow, "sums": Sums}
MODELS = {"bad": model, "seven": lambda *_: 7}
DATASETS = {"cases": Cases}
"""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["replay", "losses.csv", "--weighting", "refusing", "-o", "w.csv"], "line 10: ValueError: not today"),
        (["explain", "losses.csv", "--weighting", "refusing", "--step", "0"], "line 10: ValueError: not today"),
        (["explain", "losses.csv", "--weighting", "tiring", "--step", "1"], "line 16: ValueError: enough"),
        (["explain", "losses.csv", "--weighting", "sums", "--step", "1"], "Sums.forward: expected Combined(total"),
        (["replay", "losses.csv", "--weighting", "narrow", "-o", "w.csv"], "line 21: TypeError: Narrow.__init__() got"),
        (["train", "--weighting", "refusing"], "line 10: ValueError: not today"),
        (["train", "--model", "bad"], "line 43: AttributeError: module 'torch' has no attribute 'nope'"),
        (["train", "--model", "seven"], "Model 'seven': expected a torch.nn.Module, got int."),
        (["train", "--dataset", "cases"], "line 36: KeyError: 'cases'"),
        (["data", "check", "cases"], "line 36: KeyError: 'cases'"),
    ],
)
def test_what_a_plugin_raises_is_one_line_with_its_file_and_line(  # noqa: PLR0917
    dmf, plugin, tmp_path, monkeypatch, command, words
):
    monkeypatch.chdir(tmp_path)
    Path("losses.csv").write_text("a,b\n1,2\n3,4\n")
    file = plugin(BAD)
    result = dmf(*command, "--plugin", file)
    assert (result.status, result.out) == (2, ""), result.err
    assert words in result.err
    if "line" in words:
        assert f"Plug-in {file.resolve()}, line" in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err


@pytest.mark.parametrize(
    ("weighting", "words"),
    [("tiring", "mine.py, line 16: ValueError: enough"), ("sums", "Sums.forward: expected Combined(total, weights)")],
)
def test_a_run_that_fails_by_a_plugin_says_where(plugin, tiny, store, weighting, words):
    load_plugin(plugin(BAD))
    experiment = create_experiment(store, tiny(weighting))
    Job(store, experiment, "a test (here)").train()
    run = store.run(experiment.runs[0].id)
    assert run.state is RunState.FAILED
    assert words in run.reason


def test_a_method_of_the_plugin_of_a_run_is_known_when_it_is_named(dmf, plugin, forget_plugins, tiny, store):
    file = plugin()
    load_plugin(file)
    experiment = create_experiment(store, tiny("height"))
    Job(store, experiment, "a test (here)").train()
    run = experiment.runs[0].id
    for command in (["replay", run, "-o", file.with_name("w.csv")], ["explain", run, "--step", "1"]):
        forget_plugins()
        assert "which is not loaded" in dmf(*command, "--weighting", "height").err
        result = dmf(*command, "--weighting", "height", "--plugin", file)
        assert result.status == 0, result.err
