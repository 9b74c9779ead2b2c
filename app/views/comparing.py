"""What the page Compare shows."""

from dataclasses import dataclass

import pandas as pd

from dmf.analysis.differences import FlatConfig
from dmf.analysis.live import LiveRun
from dmf.analysis.progress import Snapshot
from dmf.runs import ExperimentRow, RunRow


@dataclass(frozen=True)
class ComparedRun:
    """A chosen run as of now.

    Attributes:
        live: What it recorded, in memory.
        steps_per_epoch: Optimizer steps in one epoch; 1 where nobody recorded it.
        config: All of its settings, as ``section.field`` to value.
    """

    run: RunRow
    experiment: ExperimentRow
    live: LiveRun
    steps_per_epoch: int
    config: FlatConfig

    @property
    def id(self) -> str:
        """Of the run."""
        return self.run.id

    @property
    def origin(self) -> float:
        """Unix time that counts as 0 s: its first step."""
        return self.live.started or self.run.created


@dataclass(frozen=True)
class NamedMetric:
    """A metric and how it is to be read."""

    name: str
    title: str
    sentence: str
    range: tuple[float, float] | None = None


@dataclass(frozen=True)
class PlayedRuns:
    """Compared runs at one moment of their training.

    Attributes:
        metrics: Rows as ``RunStore.epoch_metrics`` gives them.
        snapshots: Each experiment that a run is of, with these runs only.
    """

    runs: list[ComparedRun]
    metrics: pd.DataFrame
    snapshots: list[Snapshot]
