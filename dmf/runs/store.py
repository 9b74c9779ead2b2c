"""``RunStore``: experiments, runs and all that training records of them, in one database.

Safe for many threads and several processes at once. What is asked of it in the middle of a training is cheap; who
writes must own the run.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from sqlalchemy import Connection, update

from dmf.errors import RunNotFoundError, StoreError
from dmf.probabilities import Probabilities
from dmf.records import Artifact, CaseScores, Control, Record
from dmf.runs import (
    adopting,
    controls,
    listing,
    lookup,
    managing,
    ownership,
    predictions,
    queueing,
    reading,
    schema,
    telemetry,
)
from dmf.runs.engine import BUSY_SECONDS, explained, is_transient, open_engine, store_file, store_url
from dmf.runs.migrations import is_current, migrate
from dmf.runs.recording import owned_runs, trim_run, write_records
from dmf.runs.rows import EventRow, ExperimentRow, RunRow, SampleRow, Telemetry

GRACE_SECONDS = 2.5  # more than an owner needs for a heartbeat once the store is free


class RunStore:
    """Opens a store, creating it where there is none, and brings an older one up to date.

    Args:
        url: A file or a SQLAlchemy URL; default the environment's ``DMF_STORE``, else ``data/runs.sqlite``.
        busy_seconds: How long a write waits for another process that writes.
        clock: Gives the Unix time in seconds; tests pass their own.

    Attributes:
        url, file: Where it lies; ``file`` is None for a database server.
        where: The same for messages, without a password.

    Raises:
        StoreError: Here and from every method, when the database is locked, read-only, full, gone, of a newer version
            or not a run store; the message says where it lies and the way out.
    """

    def __init__(
        self,
        url: str | Path | None = None,
        *,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = store_url(url)
        self.file = store_file(self.url)
        self.where = str(self.file) if self.file else self.url.render_as_string(hide_password=True)
        self._clock = clock
        self._engine = open_engine(self.url, busy_seconds)
        self._locked_at = -GRACE_SECONDS  # when a sweep last found the store locked
        self._identity: tuple[int, int] | None = None
        with self._reading() as connection:
            current = is_current(connection, self.where)
        if not current:
            with self._writing() as connection:
                migrate(connection, self.where)
        if self.file is not None:
            self._identity = _identity(self.file)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    # Experiments and runs

    def create_experiment(
        self,
        config: dict[str, Any],
        *,
        name: str,
        labels: Sequence[str],
        run_configs: Sequence[dict[str, Any]],
        environment: dict[str, Any],
        task: str = "segmentation",
    ) -> ExperimentRow:
        """Store an experiment and its queued runs; claim them within ``LEASE_SECONDS``, or they count as interrupted.

        It takes the last place of the queue.

        Raises:
            ValueError: If there is no run, or not one label per run.
        """
        if not run_configs or len(labels) != len(run_configs):
            raise ValueError(f"Pass one label per run and at least one, got {len(labels)} and {len(run_configs)} runs.")
        with self._writing() as connection:
            id = managing.new_experiment(
                connection,
                config,
                name=name,
                labels=labels,
                run_configs=run_configs,
                environment=environment,
                task=task,
                now=self._clock(),
            )
        return self.experiment(id)

    def add_run(self, experiment_id: str, *, label: str, config: dict[str, Any]) -> RunRow:
        """Store another queued run of an experiment, after those it has; claim it within ``LEASE_SECONDS``.

        Raises:
            RunNotFoundError: If there is no such experiment.
            ConfigError: If a run of it is called ``label`` already.
        """
        with self._writing() as connection:
            now = self._clock()
            id = managing.new_run(connection, experiment_id, label=label, config=config, now=now, where=self.where)
        return self.run(id)

    def experiment(self, id: str) -> ExperimentRow:
        """One experiment with its runs.

        Raises:
            RunNotFoundError: If no experiment has this id.
        """
        with self._reading() as connection:
            return lookup.one_experiment(connection, id, self._clock(), self.where)

    def experiments(self, limit: int = 50, offset: int = 0, *, archived: bool = False) -> list[ExperimentRow]:
        """Experiments with their runs, newest first.

        Args:
            limit: At most so many.
            offset: How many to leave out before.
            archived: Also runs that are archived; without them, an experiment that has no others is left out.
        """
        self.sweep_interrupted()
        with self._reading() as connection:
            return lookup.newest_experiments(connection, limit, offset, self._clock(), archived=archived)

    def is_untouched(self) -> bool:
        """Whether there is no experiment, and none was ever taken over from another store."""
        with self._reading() as connection:
            return adopting.is_untouched(connection)

    def adopt(self, other: "RunStore") -> list[str]:
        """Copy the experiments of another store, without their files, under the ids that they have there.

        Left out are those that are here already, and those with a run that may still change.

        Returns:
            Ids of the experiments that were copied.
        """
        with other._reading() as source, self._writing() as target:
            return adopting.adopt(source, target)

    def run(self, id: str) -> RunRow:
        """One run.

        Raises:
            RunNotFoundError: If no run has this id.
        """
        with self._reading() as connection:
            return lookup.one_run(connection, id, self._clock())

    def runs(self, limit: int = 50, offset: int = 0, *, archived: bool = False) -> list[RunRow]:
        """Runs, newest first, those of one launch in their order; those that are archived only on demand."""
        self.sweep_interrupted()
        with self._reading() as connection:
            return lookup.newest_runs(connection, limit, offset, self._clock(), archived=archived)

    def update_run(
        self,
        run_id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
        archived: bool | None = None,
    ) -> RunRow:
        """Change what people say of a run, whether it trains or not; None leaves as it is.

        Nothing that decides its result changes: it is resumed under the configuration that it was launched with, in
        which it keeps its first name.

        Args:
            run_id: Which run.
            name: Its new label, unlike those of the other runs of its experiment.
            tags: All of its tags.
            notes: All of its notes.
            archived: Whether lists leave it out.

        Raises:
            RunNotFoundError: If there is no such run.
            ConfigError: If a name or a tag is empty, or the name is another run's.
        """
        with self._writing() as connection:
            now = self._clock()
            managing.describe_run(connection, run_id, name=name, tags=tags, notes=notes, archived=archived, now=now)
        return self.run(run_id)

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Delete runs with everything that belongs to them, also their files; all of them, or none.

        An experiment whose last run is deleted goes with it. The file of the store does not shrink: new runs take the
        room.

        Raises:
            RunNotFoundError: If there is no such run.
            RunFinishedError: If one is active, or its owner has not let go of it yet.
            StoreError: If its files cannot be deleted; the runs are gone from the store by then.
        """
        with self._writing() as connection:
            managing.remove_runs(connection, run_ids, self._clock())
        for folder in map(self.artifact_folder, run_ids):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise StoreError(
                    f"Cannot delete {folder}: {error.strerror or error}. Its run is gone from the store; delete the "
                    "folder by hand."
                ) from error

    # Who owns a run

    def claim(self, run_ids: Sequence[str], owner: str) -> list[str]:
        """Own all of these runs, or none; a run to be resumed is queued again, its experiment after all others.

        Wishes left over from before a resume (a Stop that came too late) are dropped. A resumed run then needs
        ``begin_attempt``.

        Returns:
            Ids of those that are resumed. An earlier look cannot tell: a run that was queued then may have had an
            owner that died since.

        Raises:
            RunNotFoundError: If there is no such run.
            NotOwnerError: If another owns a run and its lease holds; says who.
            RunFinishedError: If a run is finished.
        """
        with self._writing() as connection:
            return ownership.claim(connection, run_ids, owner, self._clock())

    def begin_attempt(self, run_id: str, step: int, owner: str) -> int:
        """Trim all that the run stored from ``step`` on and raise its attempt by one; returns the new attempt.

        ``step`` is the next step to be taken. Metrics, scores and samples at exactly ``step`` describe the model
        of that checkpoint and stay; written again, they are replaced. Events of kind "state" stay.

        Raises:
            RunNotFoundError: If there is no such run.
            NotOwnerError: If ``owner`` does not own the run.
        """
        with self._writing() as connection:
            attempt = int(owned_runs(connection, [run_id], owner)[run_id].attempt) + 1
            trim_run(connection, run_id, step)
            connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(attempt=attempt))
        return attempt

    def heartbeat(self, run_ids: Sequence[str], owner: str) -> None:
        """Renew the lease of all runs that ``owner`` still owns.

        Raises:
            NotOwnerError: If some of them are owned no more; the others are renewed all the same.
        """
        with self._writing() as connection:
            missing = ownership.renew(connection, run_ids, owner, self._clock())
        if missing:
            raise ownership.lost(missing, owner)

    def release(self, run_ids: Sequence[str], owner: str) -> None:
        """Give up the runs that ``owner`` owns; one that is still active then counts as interrupted."""
        with self._writing() as connection:
            ownership.release(connection, run_ids, owner, self._clock())

    def sweep_interrupted(self) -> list[str]:
        """Mark active runs without a living owner as interrupted; returns their ids. Only reads if there is none.

        Never waits and never fails for want of writing: what cannot be marked now is left to a later look, and
        readers see it as interrupted all the same. After the store was locked, owners get time to beat first.
        """
        with self._reading() as connection:
            if not ownership.any_dead(connection, self._clock()):
                return []
        if time.monotonic() - self._locked_at < GRACE_SECONDS:
            return []
        try:
            with self._transaction(write=True, wait=False) as connection:
                return ownership.sweep(connection, self._clock())
        except StoreError as error:
            if is_transient(error):
                self._locked_at = time.monotonic()
            return []

    # The queue

    def queue(self) -> list[ExperimentRow]:
        """Experiments that train or wait, whoever owns them: those that train first, then in the order of the queue."""
        self.sweep_interrupted()
        with self._reading() as connection:
            return queueing.queue(connection, self._clock())

    def move(self, experiment_id: str, places: int) -> None:
        """Move an experiment that waits by so many places among those that wait for the same owner.

        -1 is one earlier, +1 one later; beyond either end it stays there.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If it does not wait in a queue (any more).
        """
        with self._writing() as connection:
            queueing.move(connection, experiment_id, places, self._clock(), self.where)

    def cancel(self, experiment_id: str, reason: str = queueing.CANCELLED) -> list[str]:
        """Stop the runs of an experiment that still wait in a queue, and no others; returns their ids.

        They belong to nobody then and can be resumed.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If none of its runs waits in a queue (any more).
        """
        with self._writing() as connection:
            return queueing.cancel(connection, experiment_id, reason, self._clock(), self.where)

    # Writing and reading what training records

    def write(self, records: Sequence[Record], owner: str | None) -> None:
        """Store all records in one transaction, or none. ``owner`` None writes to runs that nobody owns.

        Metrics, scores, samples and artifacts replace an earlier record with the same key.

        Raises:
            RunNotFoundError: If a run or experiment does not exist.
            NotOwnerError: If ``owner`` does not own a run.
            StoreError: If telemetry is of another attempt, or of steps that are stored already.
            ValueError: If an array has the wrong shape.
        """
        if records:
            with self._writing() as connection:
                write_records(connection, records, owner, self._clock())

    def telemetry(self, run_id: str, *, after: int = -1, columns: Sequence[str] | None = None) -> Telemetry:
        """Steps of a run later than ``after``; ``columns`` chooses some, in that order.

        Raises:
            RunNotFoundError: If there is no such run.
            StoreError: If the run has no such column.
        """
        with self._reading() as connection:
            attempt = lookup.one_run(connection, run_id, self._clock()).attempt
            return telemetry.read(connection, run_id, attempt, after, columns)

    def latest_step(self, run_id: str) -> int:
        """The last step stored, -1 without any."""
        with self._reading() as connection:
            return telemetry.latest_step(connection, run_id)

    def attempt(self, run_id: str) -> int:
        """The attempt that the run is at, from 1.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        return self.run(run_id).attempt

    def epoch_metrics(
        self, run_ids: Sequence[str], *, metrics: Sequence[str] | None = None, split: str | None = None
    ) -> pd.DataFrame:
        """One row per run, epoch, split and metric: run, epoch, step, split, images, metric, value.

        ``metrics`` and ``split`` choose; None means all.
        """
        with self._reading() as connection:
            return reading.epoch_metrics(connection, run_ids, metrics, split)

    def best_metrics(self, metrics: Sequence[str]) -> pd.DataFrame:
        """Validation metrics of every run at the epoch of its best network: run, epoch, metric, value.

        A run that kept no best network has no row.
        """
        with self._reading() as connection:
            return listing.best_metrics(connection, metrics)

    def events(self, run_ids: Sequence[str], after_id: int = 0) -> list[EventRow]:
        """Events in the order of writing, later than event ``after_id``."""
        with self._reading() as connection:
            return reading.events_after(connection, run_ids, after_id)

    def samples(self, experiment_id: str) -> list[SampleRow]:
        """Pictures of an experiment, without their bytes, by epoch, case, kind and run."""
        with self._reading() as connection:
            return reading.samples_of(connection, experiment_id)

    def sample_png(self, id: int) -> bytes:
        """One picture as PNG.

        Raises:
            RunNotFoundError: If there is no such picture (any more).
        """
        return self.sample_pngs([id])[id]

    def sample_pngs(self, ids: Sequence[int]) -> dict[int, bytes]:
        """Pictures as PNG by their id.

        Raises:
            RunNotFoundError: If one of them is not there (any more).
        """
        with self._reading() as connection:
            found = reading.pngs(connection, ids)
        for id in ids:
            if id not in found:
                raise RunNotFoundError(f"No sample {id} in {self.where}; it was replaced. Read the list again.")
        return found

    def case_scores(self, run_id: str, split: str) -> list[CaseScores]:
        """Scores per case on one split, by epoch."""
        with self._reading() as connection:
            return reading.case_scores_of(connection, run_id, split)

    def artifacts(self, run_id: str) -> list[Artifact]:
        """Files of a run, by kind; at most one of each kind."""
        with self._reading() as connection:
            return reading.artifacts_of(connection, run_id)

    def artifact_folder(self, run_id: str) -> Path:
        """Where the files of a run belong (``Artifact.path`` is relative to it); made by who writes the first."""
        base = self.file.parent if self.file else Path("data").absolute()
        return base / "artifacts" / run_id

    def probabilities(self, run_id: str, which: Literal["best", "last"]) -> Probabilities | None:
        """What a network of a run believes of every pixel of the test images; None where it was not kept.

        Where the last network is the best, both words mean the one file.

        Raises:
            RunNotFoundError: If there is no such run.
            DataError: If the file is damaged or gone.
        """
        with self._reading() as connection:
            lookup.one_run(connection, run_id, self._clock())
            return predictions.probabilities(connection, run_id, which, self.artifact_folder(run_id))

    def stored_bytes(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Bytes that each of these runs takes: its files, and its pictures in the store."""
        with self._reading() as connection:
            return listing.stored_bytes(connection, run_ids)

    # Wishes of users

    def add_control(
        self,
        run_id: str,
        command: controls.Command,
        field: str | None = None,
        value: Any = None,
    ) -> int:
        """Leave a wish for the owner of a run; returns its id.

        Raises:
            RunNotFoundError: If there is no such run.
            RunFinishedError: If the run is not active; names its state.
        """
        with self._writing() as connection:
            return controls.add(connection, run_id, command, field=field, value=value, now=self._clock())

    def add_controls(self, wishes: Sequence[tuple[str, controls.Command, str | None, Any]]) -> list[int | None]:
        """Leave wishes (run, command, field, value) all at once; their ids, None for those whose run has ended.

        Raises:
            RunNotFoundError: If there is no such run; nothing is kept then.
        """
        with self._writing() as connection:
            return controls.add_all(connection, wishes, self._clock())

    def pending_controls(self, run_ids: Sequence[str]) -> list[Control]:
        """Wishes about these runs that nobody took yet, oldest first."""
        with self._reading() as connection:
            return controls.pending(connection, run_ids)

    @contextmanager
    def watching_wishes(self, run_ids: Sequence[str]) -> Iterator[Callable[[], bool]]:
        """A function that tells whether these runs have a wish that nobody took yet; it may be asked often.

        It keeps one connection, so it is for one thread at a time. It raises StoreError if the store cannot be read.
        """
        query = controls.any_pending_in(self._engine.dialect, run_ids)
        with ExitStack() as kept:
            connection: Connection | None = None

            def any_pending() -> bool:
                nonlocal connection
                self._check_file()
                with explained(self.where):
                    connection = connection or kept.enter_context(self._engine.connect())
                    with connection.begin():
                        return connection.exec_driver_sql(query).first() is not None

            yield any_pending

    def mark_taken(self, ids: Sequence[int]) -> None:
        """Say that these wishes are being followed."""
        with self._writing() as connection:
            controls.mark_taken(connection, ids, self._clock())

    # Connections

    @contextmanager
    def _transaction(self, write: bool, wait: bool = True) -> Iterator[Connection]:
        self._check_file()
        with (
            explained(self.where),
            self._engine.connect() as plain,
            plain.execution_options(write=write, wait=wait) as connection,
            connection.begin(),
        ):
            yield connection

    def _reading(self) -> Any:
        return self._transaction(write=False)

    def _writing(self) -> Any:
        return self._transaction(write=True)

    def _check_file(self) -> None:
        # An open connection would go on writing to a deleted file without complaint.
        if self.file is not None and self._identity is not None and _identity(self.file) != self._identity:
            raise StoreError(
                f"The run store {self.where} was deleted, moved or replaced while in use. Put it back and start the "
                "program again."
            )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
