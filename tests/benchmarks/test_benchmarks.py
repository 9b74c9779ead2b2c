"""Every benchmark runs with tiny settings and prints its rows; the figures themselves need a quiet machine."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {
    "losses": ["8x2x32x32, contiguous", "8x2x32x32, channels-last", "16x2x32x32, contiguous", "16x2x32x32, channels-"],
    "step": ["training step, bayesian", "training step, bayesian"],
    "lockstep": ["4 runs of 2 steps"],
    "keeping": ["keeping a step of K=3"],
    "opening": ["import dmf.runs"],
    "notebook": ["training step, mad"],
    "reopen": ["reopen 20,000 steps", "refresh after 25 more steps", "spikes kept"],
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    done = bench("--quick")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_machine_is_described_on_top(printed: list[str]) -> None:
    assert "cores" in printed[0]
    assert "torch" in printed[0]
    assert "2 threads" in printed[0]


def test_every_benchmark_prints_its_rows_in_order(printed: list[str]) -> None:
    lines = [line for line in printed if line.startswith("| ")][1:]
    expected = [words for rows in ROWS.values() for words in rows]
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert words in line


def test_every_line_of_the_table_has_six_cells(printed: list[str]) -> None:
    assert {line.count("|") for line in printed if line.startswith("|")} == {7}


def test_what_does_not_depend_on_the_machine_is_met(printed: list[str]) -> None:
    for words in ("import dmf.runs", "spikes kept"):
        line = next(line for line in printed if words in line)
        assert line.split("|")[6].strip() == "yes"


def test_only_measures_what_is_named() -> None:
    done = bench("--quick", "--only", "keeping")
    assert done.returncode == 0, done.stderr
    assert "keeping a step" in done.stdout
    assert "import dmf.runs" not in done.stdout


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    done = bench("--only", "speed")
    assert done.returncode == 2
    assert "invalid choice: 'speed'" in done.stderr
    assert "losses" in done.stderr
