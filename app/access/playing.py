"""What pages play again: experiments, and runs that are compared."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from app.access.reading import follow, store
from app.views import ComparedRun, PlayedRuns, Snapshot
from dmf.analysis.playback import Playback


def playback(experiment_id: str) -> Playback:
    """An experiment to be played again.

    Raises:
        RunNotFoundError: If there is none of this id.
        StoreError: If the store cannot be read.
    """
    return Playback(store(), follow(experiment_id))


class ComparedPlayback:
    """Compared runs, from their first steps on: all begin together, whenever and wherever they were trained."""

    def __init__(self, runs: Sequence[ComparedRun]) -> None:
        self._runs = list(runs)
        ids = {run.id for run in runs}
        experiments = dict.fromkeys(run.experiment.id for run in runs)
        self._parts = [Playback(store(), _only(follow(id), ids)) for id in experiments]

    @property
    def seconds(self) -> float:
        """How long the longest run took, waits left out."""
        return max(part.seconds for part in self._parts)

    def at(self, seconds: float) -> PlayedRuns:
        """The runs after so many seconds of training."""
        snapshots = [part.at(seconds) for part in self._parts]
        played = {
            run.id: (run, live)
            for snapshot in snapshots
            for run, live in zip(snapshot.experiment.runs, snapshot.live, strict=True)
        }
        runs = []
        for run in self._runs:
            row, live = played[run.id]
            runs.append(replace(run, run=row, live=live))
        known = [snapshot.metrics for snapshot in snapshots if len(snapshot.metrics)]
        return PlayedRuns(runs, pd.concat(known) if known else pd.DataFrame(), snapshots)


def compared_playback(runs: Sequence[ComparedRun]) -> ComparedPlayback:
    """Compared runs to be played again.

    Raises:
        RunNotFoundError: If one is gone.
        StoreError: If the store cannot be read.
    """
    return ComparedPlayback(runs)


def _only(snapshot: Snapshot, ids: set[str]) -> Snapshot:
    """An experiment with some of its runs."""
    kept = [(run, live) for run, live in zip(snapshot.experiment.runs, snapshot.live, strict=True) if run.id in ids]
    metrics = snapshot.metrics
    return replace(
        snapshot,
        experiment=replace(snapshot.experiment, runs=tuple(run for run, _ in kept)),
        live=tuple(live for _, live in kept),
        events=tuple(event for event in snapshot.events if event.run in ids),
        metrics=metrics[metrics["run"].isin(ids)] if len(metrics) else metrics,
        samples=tuple(row for row in snapshot.samples if row.run is None or row.run in ids),
    )
