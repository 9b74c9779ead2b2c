"""The command line, in this process and in one of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from dmf import cli
from dmf.cli import shared


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def dmf(home, monkeypatch, capsys):
    """Runs ``dmf`` with arguments as the console script does."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dmf", *map(str, arguments)])
        monkeypatch.setattr(shared.console, "_width", 200)
        shared.console.file = None  # whatever standard error is by now
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(exit.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def modules_of(home):
    """Top packages that ``dmf`` with arguments imports from its start to its end, in a process of its own."""

    def imported(*arguments):
        code = (
            f"import sys; sys.argv = ['dmf', *{arguments!r}]\n"
            "from dmf.cli import main\n"
            "try: main()\n"
            "except SystemExit as end: status = end.code or 0\n"
            "print('imported', status, *{name.partition('.')[0] for name in sys.modules})"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        _, status, *modules = done.stdout.splitlines()[-1].split()
        assert status == "0", done.stderr
        return set(modules)

    return imported


@pytest.fixture(scope="session")
def tiny_options(tiny_texts):
    """``tiny_texts`` as options of ``dmf train``."""
    return [word for name, text in tiny_texts.items() for word in (f"--{name.replace('_', '-')}", text)]


@pytest.fixture
def process(home):
    """Starts ``python -m dmf`` with arguments, in a process of its own that ends with the test."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "dmf", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()
