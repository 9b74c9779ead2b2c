"""Cells of a study trained in this process, one after the other, or in several at once, through one store."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from dmf import build
from dmf.config import ExperimentConfig
from dmf.errors import NotOwnerError, RunFinishedError, StoreError
from dmf.jobs import Job, OnStep
from dmf.plugins import require
from dmf.records import RunState
from dmf.runs import CellRow, RunStore, new_owner
from dmf.runs.engine import is_transient
from dmf.studies.plan import Budget, StudyPlan
from dmf.studies.progress import spent

LOOK_SECONDS = 1.0  # how often it is looked whether there is something to do
MOST_DEATHS = 3  # of workers one after the other, without a cell that came to its end

OnCell = Callable[[CellRow, Job], OnStep | None]


class LocalEngine:
    """Trains the cells of a study in this process until none is left that it may train.

    Several at once, here or on machines that reach the same store, share the cells: each is begun by one of them, in
    one transaction, and continued by another only once its owner is silent.

    Args:
        store: Where the study is kept.
        study: Its name.
        stop: Once set, from any thread, what trains stops with a checkpoint, and nothing more is begun.
        on_cell: Called before each cell; what it returns is called after every step.
        kind: Named in the owner of the runs.
    """

    def __init__(
        self,
        store: RunStore,
        study: str,
        *,
        stop: threading.Event | None = None,
        on_cell: OnCell | None = None,
        kind: str = "dmf study",
    ) -> None:
        self.store, self.study = store, study
        self.stop = stop or threading.Event()
        self.owner = new_owner(kind)
        self._on_cell = on_cell
        self._plan = StudyPlan.model_validate(store.study(study).plan)

    def run(self, most: int | None = None) -> None:
        """Train until every cell has ended, the budget is spent, or it is stopped. Waits for what others train.

        Args:
            most: End after so many cells as well.

        Raises:
            ConfigError: If a plug-in that a cell uses is not loaded.
            StoreError: If the store cannot take what happens, or files of a run that is to go on cannot be reached.
        """
        trained = 0
        while not self.stop.is_set() and trained != most:
            try:
                job, cell = self._next()
                if job is not None and cell is not None:
                    trained += 1
                    self._train(job, cell)
                    continue
                if not is_anything_left(self.store, self.study):
                    return
            except (NotOwnerError, RunFinishedError):  # another was first
                pass
            except StoreError as error:
                if not may_pass(error):
                    raise
            self.stop.wait(LOOK_SECONDS)

    def _next(self) -> tuple[Job | None, CellRow | None]:
        """The next cell, claimed: one that was interrupted before one that was never begun."""
        if self.store.study(self.study).paused:
            return None, None
        cells = self.store.study_cells(self.study)
        for cell in cells:
            if cell.experiment is not None and cell.state is RunState.INTERRUPTED:
                with suppress(NotOwnerError, RunFinishedError):  # another was first
                    return Job(self.store, cell.experiment, self.owner), cell
        first = next((cell for cell in cells if cell.experiment is None), None)
        if first is None or is_spent(self._plan.budget, cells):
            return None, None
        config = ExperimentConfig.model_validate(first.config)
        require(config.plugins)
        id = self.store.begin_cell(self.study, self.owner, build.environment(config))
        if id is None:
            return None, None
        begun = next(
            cell
            for cell in self.store.study_cells(self.study)
            if cell.experiment is not None and cell.experiment.id == id
        )
        return Job(self.store, self.store.experiment(id), self.owner), begun

    def _train(self, job: Job, cell: CellRow) -> None:
        on_step = self._on_cell(cell, job) if self._on_cell is not None else None
        ended = threading.Event()

        def pass_on() -> None:
            while not ended.wait(0.1):
                if self.stop.is_set():
                    job.stop.set()
                    return

        watcher = threading.Thread(target=pass_on, name="dmf-study-stop", daemon=True)
        watcher.start()
        try:
            job.train(on_step)
        finally:
            ended.set()
            watcher.join()


def may_pass(error: BaseException | None) -> bool:
    """Whether a server restarts, or a file is locked for long."""
    return error is not None and (is_transient(error) or may_pass(error.__cause__))


def is_anything_left(store: RunStore, study: str) -> bool:
    """Whether a cell trains, can be continued, or may still be begun."""
    row, cells = store.study(study), store.study_cells(study)
    over = is_spent(StudyPlan.model_validate(row.plan).budget, cells)
    return any(
        not over if cell.state is None else cell.state.is_active or cell.state is RunState.INTERRUPTED for cell in cells
    )


def is_spent(budget: Budget, cells: Sequence[CellRow]) -> bool:
    """Whether what was trained is all that may be."""
    hours, steps = spent(cells)
    return (budget.hours is not None and hours >= budget.hours) or (budget.steps is not None and steps >= budget.steps)


def train_in_processes(
    store: RunStore, study: str, workers: int, *, stop: threading.Event, on_look: Callable[[], None] | None = None
) -> None:
    """Train the cells of a study in so many processes at once. One that dies is started anew.

    They stop, with checkpoints, when this process ends, however that happens.

    Args:
        store: Where the study is kept.
        study: Its name.
        workers: How many processes.
        stop: Once set, all of them stop.
        on_look: Called about once a second.

    Raises:
        StoreError: If processes die again and again without a cell that comes to its end.
    """
    url = store.url.render_as_string(hide_password=False)
    running = [_worker(url, study) for _ in range(workers)]
    deaths, ended = 0, finished_cells(store, study)
    try:
        while running and not stop.is_set():
            stop.wait(LOOK_SECONDS)
            if on_look is not None:
                on_look()
            now = finished_cells(store, study)
            deaths, ended = (0, now) if now > ended else (deaths, ended)
            for process in [process for process in running if process.poll() is not None]:
                running.remove(process)
                _let_go(process)
                if process.returncode == 0:
                    continue
                deaths += 1
                if deaths > MOST_DEATHS * workers:
                    raise StoreError(
                        f"Processes that train study {study!r} died {deaths} times without finishing a cell (the last "
                        f"with status {process.returncode}). Train it with `--workers 1` to see why."
                    )
                running.append(_worker(url, study))
    finally:
        for process in running:
            with suppress(OSError):
                process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()
            _let_go(process)


def finished_cells(store: RunStore, study: str) -> int:
    """How many cells have come to their end; 0 while the store cannot be read."""
    try:
        return sum(cell.state is RunState.FINISHED for cell in store.study_cells(study))
    except StoreError:
        return 0


def _worker(url: str, study: str) -> "subprocess.Popen[bytes]":
    # A session of its own, so that Ctrl-C in the terminal reaches us alone; a pipe, so that it notices our end.
    return subprocess.Popen(
        [sys.executable, "-m", "dmf.studies.worker", study],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"DMF_STORE": url},
        start_new_session=True,
    )


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
