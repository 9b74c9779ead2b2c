"""How far a study is. Opens without torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dmf.records import RunState
from dmf.runs import CellRow, RunStore

WAITING = "waiting"


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is.

    Attributes:
        cells: All of them, in their order.
        seconds_left: At the speed so far; None before the first cell has ended, and once nothing is left.
    """

    name: str
    paused: bool
    cells: tuple[CellRow, ...]
    seconds_left: float | None

    @property
    def counts(self) -> dict[str, int]:
        """How many cells are in which state."""
        return dict(Counter(state_of(cell) for cell in self.cells))

    @property
    def finished(self) -> int:
        """How many cells have come to their end."""
        return self.counts.get(RunState.FINISHED.value, 0)


def state_of(cell: CellRow) -> str:
    """The state of a cell in a word; ``waiting`` before it was begun."""
    return WAITING if cell.state is None else cell.state.value


def progress(store: RunStore, study: str) -> StudyProgress:
    """How far a study is.

    Raises:
        RunNotFoundError: If no study is called so.
    """
    row, cells = store.study(study), tuple(store.study_cells(study))
    done = [cell for cell in cells if cell.state is RunState.FINISHED]
    left = sum(cell.state in (None, RunState.INTERRUPTED, RunState.STOPPED) for cell in cells)
    left += sum(cell.state is not None and cell.state.is_active for cell in cells)
    training = sum(cell.state is RunState.RUNNING for cell in cells)
    seconds = spent(done)[0] * 3600
    return StudyProgress(
        row.name, row.paused, cells, seconds / len(done) * left / max(1, training) if done and left else None
    )


def spent(cells: Sequence[CellRow]) -> tuple[float, int]:
    """Hours that cells trained, pauses included, and optimizer steps that their runs took."""
    seconds, steps = 0.0, 0
    for cell in cells:
        runs = cell.experiment.runs if cell.experiment is not None else ()
        begun = [run.started for run in runs if run.started is not None]
        last = [at for run in runs if (at := run.ended or run.heartbeat) is not None]
        seconds += max(0.0, max(last) - min(begun)) if begun and last else 0.0
        steps += sum(run.summary["step"] + 1 for run in runs)
    return seconds / 3600, steps
