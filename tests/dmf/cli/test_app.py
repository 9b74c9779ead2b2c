import os
import re
import subprocess
import sys

import numpy as np
import pytest
import typer
from PIL import Image

from dmf import __version__
from dmf.cli.app import Commands, app
from dmf.jobs import create_experiment

COMMANDS = [
    *([], ["train"], ["resume"], ["import"], ["replay"], ["runs"], ["export"], ["app"], ["check-method"]),
    *(["data"], ["data", "list"], ["data", "check"], ["data", "get"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_explains_itself(dmf, command, flag):
    result = dmf(*command, flag)
    assert result.status == 0
    assert result.out.split()[0] == "Usage:"
    assert " ".join(["dmf", *command]) in result.out


def test_every_command_but_help_takes_a_store(dmf):
    for command in COMMANDS:
        if command not in ([], ["data"]):
            assert "--store" in dmf(*command, "--help").out, command


def test_the_version_is_told(dmf):
    result = dmf("--version")
    assert (result.status, result.out) == (0, f"dmf {__version__}\n")


def test_without_a_command_the_help_is_shown(dmf):
    result = dmf()
    assert result.status in (0, 2)
    assert "Usage:" in result.out + result.err


def test_an_unknown_command_exits_with_2_and_one_line(dmf):
    result = dmf("trian")
    assert (result.status, result.out) == (2, "")
    assert "No such command 'trian'" in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_python_m_dmf_is_dmf():
    done = subprocess.run([sys.executable, "-m", "dmf", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"dmf {__version__}\n"


HEAVY = ("torch", "pandas", "streamlit", "scipy", "pyarrow")


def test_help_imports_nothing_that_computes_stores_or_checks(modules_of):
    assert not modules_of("--help") & {*HEAVY, "sqlalchemy", "numpy", "pydantic"}


@pytest.mark.parametrize("command", ["runs", "study", "train"])
def test_help_of_a_command_imports_no_store(modules_of, command):
    # That of train shows the options of all methods, which are declared beside their code.
    assert not modules_of(command, "--help") & {"sqlalchemy", *(() if command == "train" else HEAVY)}


def test_a_list_of_runs_imports_no_torch_and_no_tables(modules_of, store, tiny):
    create_experiment(store, tiny("mad"))
    modules = modules_of("runs", "--store", store.url.database)
    assert "sqlalchemy" in modules
    assert not modules & set(HEAVY)


def test_a_training_loads_neither_the_compiler_of_torch_nor_its_algebra(modules_of, tiny_options):
    modules = modules_of("train", "--weighting", "mad", *tiny_options)
    assert "torch" in modules
    assert not modules & {"sympy", "mpmath"}


@pytest.mark.parametrize("name", Commands.places)
def test_the_help_before_a_command_is_imported_is_its_own(name):
    late = typer.main.get_command(app).commands[name]
    assert " ".join((late.command.help or "").partition("\n\n")[0].split()) == late.help


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_a_port_that_cannot_be_is_refused(dmf, port):
    result = dmf("app", "--port", port)
    assert result.status == 2
    assert len(result.err.strip().splitlines()) == 1


@pytest.mark.parametrize("store", ["runs.sqlite", "postgresql://host/db"])
def test_the_dashboard_gets_the_store_and_the_data_folder(dmf, monkeypatch, tmp_path, store):
    started = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append((*arguments, os.getcwd())))  # noqa: PTH109
    assert dmf("app", "--port", 8600, "--store", store).status == 0
    ((program, command, environment, folder),) = started
    assert program == sys.executable
    assert command[1:4] == ["-m", "app", "run"]
    assert command[4].endswith("main.py")
    assert command[-2:] == ["--server.port=8600", "--server.address=127.0.0.1"]
    assert "DMF_DATA_ROOTS" not in environment
    assert environment["DMF_STORE"] == (store if "://" in store else str(tmp_path / store))
    assert os.path.isabs(environment["DMF_HOME"])  # noqa: PTH117
    assert folder != str(tmp_path)


@pytest.mark.parametrize("roots", [[], ["first", "second"]])
def test_at_another_address_it_is_warned_and_only_named_folders_are_looked_into(dmf, monkeypatch, tmp_path, roots):
    started = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *arguments: started.append(arguments))
    options = [word for root in roots for word in ("--data-root", root)]
    result = dmf("app", "--address", "0.0.0.0", *options)
    assert result.status == 0
    ((_, command, environment),) = started
    assert command[-1] == "--server.address=0.0.0.0"
    folders = [str(tmp_path / root) for root in roots] or [environment["DMF_HOME"]]
    assert environment["DMF_DATA_ROOTS"] == os.pathsep.join(folders)
    assert "Warning Listening at 0.0.0.0: there are no accounts, so everybody who reaches this machine" in result.err
    assert f"in the folders below {', '.join(folders)}." in result.err


def test_ctrl_c_outside_a_training_is_said_in_one_line(dmf, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dmf.replay.read_losses", interrupted)
    result = dmf("replay", tmp_path / "losses.csv", "-o", tmp_path / "weights.csv")
    assert (result.status, result.out) == (130, "")
    assert result.err.strip() == "Error Interrupted."


@pytest.mark.parametrize("module", ["typer", "torch"])  # of the command line itself, of a command
def test_ctrl_c_during_the_imports_is_said_in_one_line_even_where_libraries_swallow_it(module, home):
    code = (
        "import contextlib, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            with contextlib.suppress(KeyboardInterrupt):\n"
        "                signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "sys.argv = ['dmf', 'train', '--epochs', '1']\n"
        "from dmf.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Error Interrupted.\n")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with a file of losses and a small dataset, from which no dashboard starts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("the dashboard must not start"))
    (tmp_path / "losses.csv").write_text("ce,dice\n1,2\n1,1\n1,1\n1,1\n")
    for kind, value in (("images", 90), ("masks", 255)):
        (tmp_path / "set" / kind).mkdir(parents=True)
        pixels = np.zeros((32, 32), np.uint8)
        pixels[8:20, 8:20] = value
        Image.fromarray(pixels).save(tmp_path / "set" / kind / "a.png")


TOO_LONG = ("a" * 5000, "b/" * 2500)


@pytest.mark.parametrize("path", TOO_LONG, ids=["a name", "many folders"])
@pytest.mark.parametrize(
    "command",
    [
        ("train", "--plugin", "PATH"),
        ("train", "--dataset", "folder", "--root", "PATH"),
        ("train", "--events", "PATH"),
        ("train", "--store", "PATH"),
        ("resume", "PATH"),
        ("runs", "--store", "PATH"),
        ("runs", "--store", "sqlite:///PATH"),
        ("import", "PATH"),
        ("replay", "PATH", "-o", "weights.csv"),
        ("replay", "PATH.csv", "-o", "weights.csv"),
        ("replay", "losses.csv", "-o", "PATH"),
        ("explain", "PATH", "--step", "0"),
        ("export", "RUN", "-o", "PATH"),
        ("export", "RUN", "--format", "tensorboard", "-o", "PATH"),
        ("check-method", "PATH"),
        ("examples", "--store", "PATH"),
        ("app", "--data-root", "PATH"),
        ("app", "--store", "PATH"),
        ("data", "check", "folder", "--root", "PATH"),
        ("data", "convert", "PATH", "--to", "folder", "-o", "out"),
        ("data", "convert", "set", "--to", "folder", "-o", "PATH"),
    ],
    ids=" ".join,
)
def test_a_path_that_is_too_long_is_one_sentence_in_every_command(dmf, store, workplace, command, path):
    row = store.create_experiment(
        {}, name="", labels=["a"], run_configs=[{"weighting": "mad", "terms": ["a"]}], environment={}
    )
    words = [word.replace("PATH", path).replace("RUN", row.runs[0].id) for word in command]
    result = dmf(*words)
    assert result.status in (1, 2)
    (said,) = result.err.strip().splitlines()
    assert re.match(
        r"Error .*(is longer than a path can be|File name too long|No (run|experiment) '(a{20}|(b/){10}))", said
    )
    assert len(said) < 600


@pytest.mark.parametrize("path", TOO_LONG, ids=["a name", "many folders"])
@pytest.mark.parametrize("name", ["DMF_HOME", "DMF_STORE", "DMF_PLUGINS"])
def test_a_path_of_the_environment_that_is_too_long_is_one_sentence(dmf, monkeypatch, tmp_path, name, path):
    monkeypatch.delenv("DMF_STORE")
    monkeypatch.setenv(name, str(tmp_path / path))
    result = dmf("runs")
    assert result.status == 2
    (said,) = result.err.strip().splitlines()
    assert len(said) < 600
