"""``import dmf.runs`` beside ``import torch``, which no page may wait for; and commands that only look, as processes.

Commands are measured in processor time, beside what ``import numpy, pandas, sqlalchemy`` takes, by turns. Before their
imports waited (commit fe7725b) they took so many times that, which stands beside as recorded: docs/performance.md.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from benchmarks.compare import METHODS, record
from benchmarks.harness import Row, alternate, milliseconds, temporary_store
from dmf.runs import RunStore

TARGET = 0.5  # of what a command took before
RUNS = 2_000
PEER = "import numpy, pandas, sqlalchemy"
BEFORE = {"dmf --help": 0.78, "dmf runs": 3.06}  # times what that takes


def rows(quick: bool) -> list[Row]:
    imports_torch = _python("import sys, dmf.runs; print('torch' in sys.modules)") == "True"
    rounds, warm_up = (1, 0) if quick else (7, 1)
    pair = alternate(
        lambda: _python("import dmf.runs"), lambda: _python("import torch"), rounds=rounds, warm_up=warm_up
    )
    empty = alternate(lambda: _python("pass"), lambda: _python("pass"), rounds=rounds, warm_up=warm_up).seconds[0]
    mine, other = (taken - empty for taken in pair.seconds)
    opening = Row(
        "import dmf.runs",
        f"{milliseconds(mine)}, {'imports torch' if imports_torch else 'no torch'}",
        f"import torch {milliseconds(other)}",
        f"{mine / other:.2f}",
        "no torch imported",
        not imports_torch,
    )
    count = 8 if quick else RUNS
    with temporary_store(RunStore) as store:
        for turn in range(count // len(METHODS)):
            record(store, f"Race {turn}", turn, 20)
        listing = ("runs", "--limit", str(count), "--store", str(store.url.database))
        return [
            opening,
            _row("dmf --help", "dmf --help", ("--help",), rounds),
            _row("dmf runs", f"dmf runs, {count:,} of {count:,}", listing, rounds),
        ]


def _row(command: str, what: str, arguments: Sequence[str], rounds: int) -> Row:
    turns = [(_processor("-m", "dmf", *arguments), _processor("-c", PEER)) for _ in range(rounds)]
    taken, other = (median(side) for side in zip(*turns, strict=True))
    times = median(mine / beside for mine, beside in turns)
    return Row(
        f"{what}, processor time of the whole process",
        milliseconds(taken),
        f"{PEER} {milliseconds(other)}; before {BEFORE[command]:g} times that (recorded)",
        f"{times / BEFORE[command]:.2f} of before",
        f"<= {TARGET:g}",
        times <= TARGET * BEFORE[command],
    )


def _processor(*arguments: str) -> float:
    """Seconds that Python with these arguments, and its threads, take of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()
