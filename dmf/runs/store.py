"""``RunStore``: experiments, runs and all that training records of them, in one database.

Safe for many threads and several processes at once. What is asked of it in the middle of a training is cheap; who
writes must own the run.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, or_, select, update

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError, StoreError
from dmf.records import Artifact, CaseScores, Control, Event, Record, RunState, StateChange
from dmf.runs import schema, telemetry
from dmf.runs.engine import BUSY_SECONDS, explained, open_engine, store_file, store_url
from dmf.runs.migrations import is_current, migrate
from dmf.runs.recording import (
    EMPTY_SUMMARY,
    add_event,
    not_owner,
    owned_runs,
    run_not_found,
    trim_run,
    write_records,
    write_state,
)
from dmf.runs.rows import EventRow, ExperimentRow, RunRow, SampleRow, Telemetry

LEASE_SECONDS = 10.0  # without a heartbeat for so long, a run is interrupted

_ACTIVE = [state.value for state in RunState if state.is_active]
_RESUMABLE = [state.value for state in RunState if state.is_resumable]


class RunStore:
    """Opens a store, creating it where there is none, and brings an older one up to date.

    Args:
        url: A file or a SQLAlchemy URL; default the environment's ``DMF_STORE``, else ``data/runs.sqlite``.
        busy_seconds: How long a write waits for another process that writes.
        clock: Gives the Unix time in seconds; tests pass their own.

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
        self._where = str(self.file) if self.file else self.url.render_as_string(hide_password=True)
        self._clock = clock
        self._engine = open_engine(self.url, busy_seconds)
        self._identity: tuple[int, int] | None = None
        with self._reading() as connection:
            current = is_current(connection, self._where)
        if not current:
            with self._writing() as connection:
                migrate(connection, self._where)
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
        """Store an experiment and its queued runs; claim them within 10 s, or they count as interrupted.

        Raises:
            ValueError: If there is no run, or not one label per run.
        """
        if not run_configs or len(labels) != len(run_configs):
            raise ValueError(f"Pass one label per run and at least one, got {len(labels)} and {len(run_configs)} runs.")
        now = self._clock()
        stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"
        shared = {"task": task, "tags": [], "notes": "", "created": now}
        experiment = {"id": f"e-{stem}", "name": name, "config": config, "environment": environment}
        queued = {"experiment": experiment["id"], "state": RunState.QUEUED.value, "reason": "", "attempt": 1}
        rows = [
            {
                **shared,
                **queued,
                "id": f"r-{stem}-{position + 1:02d}",
                "position": position,
                "label": label,
                "config": run_config,
                "summary": EMPTY_SUMMARY,
                "lease": now + LEASE_SECONDS,
            }
            for position, (label, run_config) in enumerate(zip(labels, run_configs, strict=True))
        ]
        with self._writing() as connection:
            connection.execute(schema.experiments.insert(), shared | experiment)
            connection.execute(schema.runs.insert(), rows)
        return self.experiment(str(experiment["id"]))

    def experiment(self, id: str) -> ExperimentRow:
        """One experiment with its runs.

        Raises:
            RunNotFoundError: If no experiment has this id.
        """
        with self._reading() as connection:
            found = _experiments(connection, schema.experiments.c.id == id)
        if not found:
            raise RunNotFoundError(f"No experiment {id!r} in {self._where}. `dmf runs` lists what there is.")
        return found[0]

    def experiments(self, limit: int = 50, offset: int = 0) -> list[ExperimentRow]:
        """Experiments with their runs, newest first."""
        self.sweep_interrupted()
        table = schema.experiments
        page = select(table.c.id).order_by(table.c.created.desc(), table.c.id.desc()).limit(limit).offset(offset)
        with self._reading() as connection:
            return _experiments(connection, table.c.id.in_(connection.scalars(page).all()))

    def run(self, id: str) -> RunRow:
        """One run.

        Raises:
            RunNotFoundError: If no run has this id.
        """
        with self._reading() as connection:
            return self._run(connection, id)

    def runs(self, limit: int = 50, offset: int = 0) -> list[RunRow]:
        """Runs, newest experiment first, within one in their order."""
        self.sweep_interrupted()
        table = schema.runs
        order = (table.c.created.desc(), table.c.experiment.desc(), table.c.position)
        with self._reading() as connection:
            return [
                _run_row(row) for row in connection.execute(select(table).order_by(*order).limit(limit).offset(offset))
            ]

    # Who owns a run

    def claim(self, run_ids: Sequence[str], owner: str) -> None:
        """Own all of these runs, or none; a run to be resumed is queued again.

        Wishes left over from before a resume (a Stop that came too late) are dropped. A resumed run then needs
        ``begin_attempt``.

        Raises:
            RunNotFoundError: If there is no such run.
            NotOwnerError: If another owns a run and its lease holds; says who.
            RunFinishedError: If a run is finished.
        """
        self.sweep_interrupted()
        now, table = self._clock(), schema.runs
        with self._writing() as connection:
            before = {run: self._run(connection, run) for run in run_ids}
            free = or_(table.c.owner.is_(None), table.c.owner == owner, table.c.lease < now)
            ready = table.c.state.in_([RunState.QUEUED.value, *_RESUMABLE])
            claimed = connection.execute(
                update(table)
                .where(table.c.id.in_(run_ids), ready, free)
                .values(owner=owner, lease=now + LEASE_SECONDS, heartbeat=now, state=RunState.QUEUED.value, ended=None)
                .returning(table.c.id)
            ).scalars()
            missed = set(run_ids) - set(claimed)
            for run in sorted(missed):
                if before[run].state == RunState.FINISHED:
                    raise RunFinishedError(f"Run {run!r} is finished; start a new experiment to train on.")
                raise not_owner(before[run], owner)
            for row in before.values():
                if row.state.is_resumable:
                    pending = (schema.controls.c.run == row.id) & schema.controls.c.taken.is_(None)
                    connection.execute(update(schema.controls).where(pending).values(taken=now))
                    change = StateChange(row.id, row.summary["step"] + 1, RunState.QUEUED, "resumed")
                    write_state(connection, change, row.attempt, now)

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
        now, table = self._clock(), schema.runs
        mine = table.c.id.in_(run_ids) & (table.c.owner == owner)
        with self._writing() as connection:
            renewal = update(table).where(mine).values(lease=now + LEASE_SECONDS, heartbeat=now)
            renewed = set(connection.execute(renewal.returning(table.c.id)).scalars())
        lost = sorted(set(run_ids) - renewed)
        if lost:
            raise NotOwnerError(f"{owner!r} no longer owns {', '.join(lost)}. Resume them to go on.")

    def release(self, run_ids: Sequence[str], owner: str) -> None:
        """Give up the runs that ``owner`` owns; one that is still active then counts as interrupted."""
        table = schema.runs
        with self._writing() as connection:
            mine = table.c.id.in_(run_ids) & (table.c.owner == owner)
            connection.execute(update(table).where(mine).values(owner=None, lease=self._clock()))

    def sweep_interrupted(self) -> list[str]:
        """Mark active runs without a living owner as interrupted; returns their ids. Only reads if there is none."""
        now, table = self._clock(), schema.runs
        dead = table.c.state.in_(_ACTIVE) & (table.c.lease < now)
        with self._reading() as connection:
            if connection.execute(select(table.c.id).where(dead).limit(1)).first() is None:
                return []
        reason = f"its owner has been silent for {LEASE_SECONDS:.0f} s"
        values = {"state": RunState.INTERRUPTED.value, "reason": reason, "owner": None, "ended": now}
        with self._writing() as connection:
            # One UPDATE with the condition in it: a heartbeat that came in between wins.
            returned = (table.c.id, table.c.attempt, table.c.summary)
            swept = connection.execute(update(table).where(dead).values(values).returning(*returned)).all()
            for row in swept:
                data = {"state": RunState.INTERRUPTED.value, "reason": reason}
                add_event(connection, Event(row.id, row.summary["step"] + 1, "state", data, now), row.attempt)
        return sorted(row.id for row in swept)

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
            attempt = self._run(connection, run_id).attempt
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

    def epoch_metrics(self, run_ids: Sequence[str]) -> pd.DataFrame:
        """One row per run, epoch, split and metric: run, epoch, step, split, images, metric, value."""
        table = schema.epoch_metrics
        names = ["run", "epoch", "step", "split", "images", "metric", "value"]
        query = select(*(table.c[name] for name in names)).where(table.c.run.in_(run_ids))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(table.c.run, table.c.epoch, table.c.split, table.c.metric)).all()
        integers = {"epoch": "int64", "step": "int64", "images": "int64"}
        return pd.DataFrame([tuple(row) for row in rows], columns=names).astype(integers | {"value": "float64"})

    def events(self, run_ids: Sequence[str], after_id: int = 0) -> list[EventRow]:
        """Events in the order of writing, later than event ``after_id``."""
        table = schema.events
        with self._reading() as connection:
            rows = connection.execute(
                select(table).where(table.c.run.in_(run_ids), table.c.id > after_id).order_by(table.c.id)
            )
            return [EventRow(**row._mapping) for row in rows]

    def samples(self, experiment_id: str) -> list[SampleRow]:
        """Pictures of an experiment, without their bytes, by epoch, case, kind and run."""
        table = schema.samples
        columns = [column for column in table.c if column.name != "png"]
        order = (table.c.epoch, table.c.case, table.c.kind, table.c.run)
        with self._reading() as connection:
            rows = connection.execute(select(*columns).where(table.c.experiment == experiment_id).order_by(*order))
            return [SampleRow(**row._mapping) for row in rows]

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
        table = schema.samples
        with self._reading() as connection:
            rows = connection.execute(select(table.c.id, table.c.png).where(table.c.id.in_(ids)))
            found = {row.id: row.png for row in rows}
        for id in ids:
            if id not in found:
                raise RunNotFoundError(f"No sample {id} in {self._where}; it was replaced. Read the list again.")
        return found

    def case_scores(self, run_id: str, split: str) -> list[CaseScores]:
        """Scores per case on one split, by epoch."""
        table = schema.case_scores
        query = select(table).where(table.c.run == run_id, table.c.split == split).order_by(table.c.epoch)
        with self._reading() as connection:
            return [
                CaseScores(
                    run=row.run,
                    epoch=row.epoch,
                    split=row.split,
                    cases=tuple(row.cases),
                    counts=np.frombuffer(row.counts, "<i8").reshape(len(row.cases), row.classes, 3),
                    sizes=np.frombuffer(row.sizes, "<i8").reshape(len(row.cases), 2),
                )
                for row in connection.execute(query)
            ]

    def artifacts(self, run_id: str) -> list[Artifact]:
        """Files of a run, by kind; at most one of each kind."""
        table = schema.artifacts
        with self._reading() as connection:
            rows = connection.execute(select(table).where(table.c.run == run_id).order_by(table.c.kind))
            return [Artifact(**row._mapping) for row in rows]

    def artifact_folder(self, run_id: str) -> Path:
        """Where the files of a run belong (``Artifact.path`` is relative to it); made by who writes the first."""
        base = self.file.parent if self.file else Path("data").absolute()
        return base / "artifacts" / run_id

    # Wishes of users

    def add_control(
        self,
        run_id: str,
        command: Literal["pause", "resume", "step", "stop", "set"],
        field: str | None = None,
        value: Any = None,
    ) -> int:
        """Leave a wish for the owner of a run; returns its id.

        Raises:
            RunNotFoundError: If there is no such run.
            RunFinishedError: If the run is not active; names its state.
        """
        table = schema.controls
        with self._writing() as connection:
            state = self._run(connection, run_id).state
            if not state.is_active:
                raise RunFinishedError(f"Run {run_id!r} is {state.value}; it cannot {command} any more.")
            row = {"run": run_id, "command": command, "field": field, "value": value, "created": self._clock()}
            return int(connection.execute(table.insert().returning(table.c.id), row).scalar_one())

    def pending_controls(self, run_ids: Sequence[str]) -> list[Control]:
        """Wishes about these runs that nobody took yet, oldest first. One query, cheap enough for ten a second."""
        with self._reading() as connection:
            return _pending(connection, run_ids)

    def mark_taken(self, ids: Sequence[int]) -> None:
        """Say that these wishes are being followed."""
        table = schema.controls
        with self._writing() as connection:
            connection.execute(update(table).where(table.c.id.in_(ids)).values(taken=self._clock()))

    # Connections

    @contextmanager
    def _transaction(self, write: bool) -> Iterator[Connection]:
        self._check_file()
        with (
            explained(self._where),
            self._engine.connect() as plain,
            plain.execution_options(write=write) as connection,
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
                f"The run store {self._where} was deleted, moved or replaced while in use. Put it back and start the "
                "program again."
            )

    def _run(self, connection: Connection, id: str) -> RunRow:
        row = connection.execute(select(schema.runs).where(schema.runs.c.id == id)).one_or_none()
        if row is None:
            raise run_not_found(id)
        return _run_row(row)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _run_row(row: Any) -> RunRow:
    values = dict(row._mapping)
    return RunRow(**values | {"state": RunState(values["state"]), "tags": tuple(values["tags"])})


def _experiments(connection: Connection, where: ColumnElement[bool]) -> list[ExperimentRow]:
    """Experiments with their runs, newest first, in two queries."""
    table = schema.experiments
    found = connection.execute(select(table).where(where).order_by(table.c.created.desc(), table.c.id.desc())).all()
    members: dict[str, list[RunRow]] = {row.id: [] for row in found}
    query = select(schema.runs).where(schema.runs.c.experiment.in_(members)).order_by(schema.runs.c.position)
    for row in connection.execute(query):
        members[row.experiment].append(_run_row(row))
    return [
        ExperimentRow(**dict(row._mapping) | {"tags": tuple(row.tags), "runs": tuple(members[row.id])}) for row in found
    ]


def _pending(connection: Connection, run_ids: Sequence[str]) -> list[Control]:
    table = schema.controls
    rows = connection.execute(
        select(table).where(table.c.run.in_(run_ids), table.c.taken.is_(None)).order_by(table.c.id)
    )
    return [Control(row.id, row.run, row.command, row.field, row.value) for row in rows]
