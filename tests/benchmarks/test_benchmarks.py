"""Every benchmark runs with tiny settings and prints its rows; the figures themselves need a quiet machine."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dmf.weighting import WEIGHTINGS

WATCHING = [name for name in WEIGHTINGS if WEIGHTINGS[name].watches]  # type: ignore[attr-defined]

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parents[2]
ROWS = {
    "losses": [
        f"{batch}x{classes}x32x32, {layout}"
        for classes in (2, 2, 4)
        for batch in (8, 16)
        for layout in ("contiguous", "channels-last")
    ],
    "synthesis": ["L1, SSIM, gradient, frequency forward + backward, 8x1x32x32"],
    "weighting": [
        *(
            f"Fusion, {name}, K=3"
            for name in ("dwa", "uncertainty", "imtl-l", "random", "geometric", "tchebycheff", "fixed")
        ),
        *(f"Fusion, {name}, K=3" for name in ("cov", "variance", "mad", "bayesian")),
    ],
    "step": ["training step, bayesian", "training step, bayesian", "training step, synthesis, cov"],
    "gradients": [
        *(f"measured at the {place} every 10 steps" for place in ("logits", "parameters")),
        *(
            f"step, {name}{place}"
            for name in WEIGHTINGS
            if WEIGHTINGS[name].watches
            for place in (" ", ", logit space")
        ),
    ],
    "fusing": ["step, bayesian, a mask", "step of 4 micro-batches", "step of two processes (DDP, gloo"],
    "lockstep": ["4 runs of 2 steps"],
    "growing": ["3 epochs of 16:24:32 px"],
    "study": ["2 configurations of one repeat, 1 epochs"],
    "scenes": [
        "scene “Why weights adapt”",
        "scene “Variance against MAD",
        "scene “A compounding prior",
        "scene “What the auxiliary loss",
        "scene “Class balance",
        "scene “What does a blurred",
        "scene “A loss for what is rare",
    ],
    "keeping": ["keeping a step of K=3"],
    "opening": ["import dmf.runs", "dmf --help", "dmf runs"],
    "notebook": ["training step, mad"],
    "preparing": ["400 images prepared at 64 px", "a volume of 64 x 64 x 40 prepared at 64 px"],
    "replay": [
        *(
            f"replay of 400 steps x 3 losses, {name}"
            for name in ("variance", "MAD", "Bayesian", "CoV", "SoftAdapt", "DWA")
        ),
        "replay of 400 steps x 3 losses, the 6 methods together",
    ],
    "reopen": ["reopen 20,000 steps", "refresh after 25 more steps", "payload of a refresh", "spikes kept"],
    "refresh": ["live refresh, 4 runs of 20,000 steps"],
}
IN_A_BROWSER = {
    "tick": ["browser main thread per live tick", "sent to the browser per live tick"],
    "paint": ["first paint of Home", "first paint of Train"],
    "screen": ["a step taken to its point on screen"],
    "clicks": ["a click on Pause", "a click (another axis) answered"],
    "compare": ["the Compare table of 12 recorded runs", "charts of 4 runs of 1,000 steps redrawn"],
}
BY_SOCKETS = {
    "classroom": [
        *("from one refresh to the next", "training speed of that with one viewer"),
        *("memory of the server", "sent to each", "processor time of the server"),
    ],
}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def bench_here(
    benchmark_module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., None]]:
    """The same in this process, for what needs no fresh one."""
    monkeypatch.setenv("DMF_HOME", str(tmp_path))  # which it sets as well
    main, threads = benchmark_module("__main__").main, torch.get_num_threads()

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
        main()

    yield run
    torch.set_num_threads(threads)


def only(names: Iterable[str]) -> list[str]:
    return [word for name in names for word in ("--only", name)]


def rows_of(printed: list[str]) -> list[str]:
    return [line for line in printed if line.startswith("| ")][1:]


@pytest.fixture(scope="module")
def printed() -> list[str]:
    done = bench("--quick", *only(ROWS))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_machine_is_described_on_top(printed: list[str]) -> None:
    assert "cores" in printed[0]
    assert "torch" in printed[0]
    assert "2 threads" in printed[0]


def test_every_benchmark_prints_its_rows_in_order(printed: list[str]) -> None:
    expected = [words for rows in ROWS.values() for words in rows]
    lines = rows_of(printed)
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert words in line


@pytest.mark.parametrize(
    "rows_by_name",
    [
        pytest.param(IN_A_BROWSER, marks=pytest.mark.browser, id="in a browser"),
        pytest.param(BY_SOCKETS, marks=pytest.mark.processes, id="by sockets"),
    ],
)
def test_benchmarks_of_real_servers_print_their_rows(rows_by_name: dict[str, list[str]]) -> None:
    done = bench("--quick", *only(rows_by_name))
    assert done.returncode == 0, done.stderr
    expected = [words for rows in rows_by_name.values() for words in rows]
    lines = rows_of(done.stdout.splitlines())
    assert len(lines) == len(expected)
    for line, words in zip(lines, expected, strict=True):
        assert words in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_gpu_one_sentence_says_what_was_not_measured(
    bench_here: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    bench_here("--quick", "--only", "device")
    assert capsys.readouterr().out.splitlines()[-1] == "Not measured, device: No CUDA device on this machine."


def test_without_a_database_server_one_sentence_says_so(
    bench_here: Callable[..., None],
    benchmark_module: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(benchmark_module("server"), "PROGRAMS", str(tmp_path))
    bench_here("--quick", "--only", "server")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Not measured, server: PostgreSQL or its driver is not here; `make test-scale`")


def test_every_line_of_the_table_has_six_cells(printed: list[str]) -> None:
    assert {line.count("|") for line in printed if line.startswith("|")} == {7}


def test_what_does_not_depend_on_the_machine_is_met(printed: list[str]) -> None:
    for words in ("import dmf.runs", "spikes kept", "payload of a refresh"):
        line = next(line for line in printed if words in line)
        assert line.split("|")[6].strip() == "yes"


def test_only_measures_what_is_named(bench_here: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    bench_here("--quick", "--only", "keeping")
    printed = capsys.readouterr().out
    assert "keeping a step" in printed
    assert "import dmf.runs" not in printed


def test_an_unknown_name_is_refused_with_the_choices(
    bench_here: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench_here("--only", "speed")
    said = capsys.readouterr().err
    assert "invalid choice: 'speed'" in said
    assert "losses" in said
