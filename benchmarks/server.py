"""A live page on a PostgreSQL server beside one on a file; needs ``dmf[scale]``, which ``make test-scale`` sets up.

``python -m benchmarks.server`` starts a server of its own; ``python -m benchmarks.server URL`` measures on another one,
whose database must be empty; what is measured stays in it.
"""

import argparse
import gc
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import CannotMeasureError, Pair, Row, machine, milliseconds, temporary_store
from benchmarks.refresh import RUNS, WARM_UP, Followed
from dmf.runs import RunStore

TARGET = 1.5
STEPS = 10_000
PROGRAMS = "/usr/lib/postgresql"  # of Debian
SCALE = Path(__file__).parents[1] / "build" / "scale-venv" / "bin" / "python"


def rows(quick: bool) -> list[Row]:
    python = sys.executable if importlib.util.find_spec("psycopg") else str(SCALE)
    if not Path(python).exists() or not list(Path(PROGRAMS).glob("*/bin/initdb")):
        raise CannotMeasureError("PostgreSQL or its driver is not here; `make test-scale` sets both up.")
    command = [python, "-m", "benchmarks.server", "--json", *(["--quick"] if quick else [])]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    pair = Pair(**json.loads(printed.splitlines()[-1]))
    server, beside = pair.seconds
    return [
        Row(
            f"live refresh, {RUNS} runs of {STEPS:,} steps, on PostgreSQL",
            milliseconds(server),
            f"on SQLite {milliseconds(beside)}",
            f"{pair.ratio:.2f}",
            f"<= {TARGET}",
            pair.ratio <= TARGET,
        )
    ]


def measured(url: str, rounds: int) -> Pair:
    """Refreshes of a page on the server, and on a file, by turns."""
    with temporary_store() as file:
        on_server, on_file = Followed(RunStore(url), STEPS), Followed(file, STEPS)
        gc.collect()
        taken = [(on_server.tick(), on_file.tick()) for _ in range(WARM_UP + rounds)][WARM_UP:]
    return Pair(*zip(*taken, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("url", nargs="?", help="an empty database; default a server of its own")
    parser.add_argument("--json", action="store_true", help="print the seconds of every refresh")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it runs")
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else 100
    if arguments.url is not None:
        pair = measured(arguments.url, rounds)
    else:
        from tests.conftest import PostgreSQL  # as the tests start it

        with tempfile.TemporaryDirectory() as folder:
            own = PostgreSQL(sorted(Path(PROGRAMS).glob("*/bin"))[-1], Path(folder))
            own.start()
            try:
                pair = measured(own.new_store(), rounds)
            finally:
                own.stop("immediate")
    if arguments.json:
        print(json.dumps({"ours": pair.ours, "beside": pair.beside}))
        return
    server, beside = pair.seconds
    print(machine())
    print(
        f"live refresh, {RUNS} runs of {STEPS:,} steps: {milliseconds(server)} on the server, "
        f"{milliseconds(beside)} on a file, {pair.ratio:.2f} times (at most {TARGET})"
    )


if __name__ == "__main__":
    main()
