"""``python -m benchmarks.server URL``: a live page on a PostgreSQL server, beside one on a file; needs ``dmf[scale]``.

The database at ``URL`` must be empty; what is measured stays in it.
"""

import gc
import sys

from benchmarks.harness import Pair, machine, milliseconds, temporary_store
from benchmarks.refresh import RUNS, WARM_UP, Followed
from dmf.runs import RunStore

TARGET = 1.5
STEPS = 10_000
ROUNDS = 100


def main(url: str) -> None:
    print(machine())
    with temporary_store() as file:
        on_server, on_file = Followed(RunStore(url), STEPS), Followed(file, STEPS)
        gc.collect()
        taken = [(on_server.tick(), on_file.tick()) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    pair = Pair(*zip(*taken, strict=True))
    server, beside = pair.seconds
    print(
        f"live refresh, {RUNS} runs of {STEPS:,} steps: {milliseconds(server)} on the server, "
        f"{milliseconds(beside)} on a file, {pair.ratio:.2f} times (at most {TARGET})"
    )


if __name__ == "__main__":
    main(sys.argv[1])
