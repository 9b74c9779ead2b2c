"""A refresh of the page of four runs, long ones beside short ones: it must not grow with what is recorded."""

import gc

from benchmarks.harness import Pair, Row, milliseconds, seconds, temporary_store
from benchmarks.reopen import NEW, SERIES, chosen, keep, recorded
from dmf.analysis.progress import LiveExperiment
from dmf.config import FusionConfig
from dmf.jobs import new_owner
from dmf.runs import RunStore

TARGET = 1.3
RUNS = 4
WARM_UP = 2


def rows(quick: bool) -> list[Row]:
    few, many = (1_000, 20_000) if quick else (10_000, 1_000_000)
    rounds = 3 if quick else 30
    with temporary_store() as one, temporary_store() as other:
        long, short = Followed(one, many), Followed(other, few)
        gc.collect()
        taken = [(long.tick(), short.tick()) for _ in range(WARM_UP + rounds)][WARM_UP:]
    pair = Pair(*zip(*taken, strict=True))
    mine, beside = pair.seconds
    return [
        Row(
            f"live refresh, {RUNS} runs of {many:,} steps, {NEW} more in each: store to {len(SERIES) * RUNS} lines",
            milliseconds(mine),
            f"the same at {few:,} steps {milliseconds(beside)}",
            f"{pair.ratio:.2f}",
            f"<= {TARGET}",
            pair.ratio <= TARGET,
        )
    ]


class Followed:
    """Four running runs of ``steps`` steps, and what a page keeps of them."""

    def __init__(self, store: RunStore, steps: int) -> None:
        config = FusionConfig().recorded()
        labels = [f"run {number}" for number in range(RUNS)]
        experiment = store.create_experiment(
            {}, name="bench", labels=labels, run_configs=[config] * RUNS, environment={}
        )
        self._store, self._owner, self._end = store, new_owner("bench"), steps
        self._runs = [run.id for run in experiment.runs]
        store.claim(self._runs, self._owner)
        values, _ = recorded(steps)
        self._more = values[:NEW]
        for run in self._runs:
            keep(store, self._owner, run, values)
        self._live = LiveExperiment(store, experiment.id)

    def tick(self) -> float:
        """Let some steps come, then bring the page up to date; returns the seconds of the latter."""
        for run in self._runs:
            keep(self._store, self._owner, run, self._more, first=self._end)
        self._end += NEW
        return seconds(lambda: [chosen(live) for live in self._live.refresh().live])
