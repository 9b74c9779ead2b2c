"""Progress bars of a study in a terminal."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dmf.cli.shared import console
from dmf.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dmf.jobs import Job, OnStep
    from dmf.runs import CellRow, RunStore
    from dmf.training import TrainingRun


class StudyBars:
    """One bar over the cells, and one inside the cell that trains here."""

    def __init__(self, store: "RunStore", study: str, shown: Progress) -> None:
        self._store, self._study, self._shown = store, study, shown
        self._all = shown.add_task("cells", total=None)
        self._inside: Any = None
        self.look()

    def look(self) -> None:
        """Bring the bar over the cells up to date; while the store is away it stays as it is."""
        try:
            cells = self._store.study_cells(self._study)
        except StoreError:
            return
        done = sum(cell.state is not None and cell.state.value == "finished" for cell in cells)
        self._shown.update(self._all, completed=done, total=len(cells))

    def on_cell(self, cell: "CellRow", job: "Job") -> "OnStep":
        """Begin the bar of a cell."""
        self.look()
        if self._inside is not None:
            self._shown.remove_task(self._inside)
        self._inside = self._shown.add_task(cell.key, total=None)

        def on_step(runs: "Sequence[TrainingRun]") -> None:
            taken = sum(run.step for run in runs)
            total = None if job.steps_total is None else job.steps_total * len(runs)
            self._shown.update(self._inside, completed=taken, total=total)

        return on_step


@contextmanager
def study_bars(store: "RunStore", study: str) -> "Iterator[StudyBars]":
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        bars = StudyBars(store, study, shown)
        yield bars
        bars.look()
