"""``python -m benchmarks``: measure, and print one table."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable

import torch

from benchmarks import (
    classroom,
    clicks,
    compare,
    device,
    fusing,
    gradients,
    growing,
    keeping,
    lab,
    lockstep,
    losses,
    notebook,
    opening,
    paint,
    preparing,
    refresh,
    reopen,
    replay,
    scenes,
    screen,
    server,
    step,
    study,
    synthesis,
    tick,
    weighting,
)
from benchmarks.harness import THREADS, CannotMeasureError, Row, machine, table

BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {
    "losses": losses.rows,
    "synthesis": synthesis.rows,
    "weighting": weighting.rows,
    "step": step.rows,
    "gradients": gradients.rows,
    "fusing": fusing.rows,
    "lockstep": lockstep.rows,
    "growing": growing.rows,
    "study": study.rows,
    "scenes": scenes.rows,
    "keeping": keeping.rows,
    "opening": opening.rows,
    "notebook": notebook.rows,
    "preparing": preparing.rows,
    "replay": replay.rows,
    "reopen": reopen.rows,
    "refresh": refresh.rows,
    "server": server.rows,
    "tick": tick.rows,
    "paint": paint.rows,
    "screen": screen.rows,
    "clicks": clicks.rows,
    "compare": compare.rows,
    "classroom": classroom.rows,
    "lab": lab.rows,
    "device": device.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure dmf beside what you would otherwise use, in one run."
    )
    parser.add_argument("--only", action="append", choices=tuple(BENCHMARKS), help="measure only this; may repeat")
    parser.add_argument(
        "--quick", action="store_true", help="tiny settings: shows that it runs, the figures mean little"
    )
    arguments = parser.parse_args()
    header = machine()  # before our own work raises the load
    torch.set_num_threads(THREADS)
    rows: list[Row] = []
    without: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DMF_HOME"] = folder  # prepared images; nothing stays in data/
        for name in arguments.only or BENCHMARKS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            try:
                rows += BENCHMARKS[name](arguments.quick)
            except CannotMeasureError as error:
                without.append(f"Not measured, {name}: {error}")
    print(f"{header}{' Quick settings: the figures mean little.' if arguments.quick else ''}\n\n{table(rows)}")
    if without:
        print("", *without, sep="\n")


if __name__ == "__main__":
    main()
