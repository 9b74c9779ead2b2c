"""``RunStore``: experiments, runs and all that training records of them, in one database.

Safe for many threads and several processes at once. What is asked of it in the middle of a training is cheap; who
writes must own the run.
"""

import shutil
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import update

from dmf.errors import NotOwnerError, StoreError
from dmf.records import Artifact, Record, RunState
from dmf.runs import import_store, lookup, managing, ownership, queueing, schema
from dmf.runs.rows import ExperimentRow, RunRow
from dmf.runs.store_case_tags import CaseTags
from dmf.runs.store_records import RecordsPart
from dmf.runs.store_studies import Studies
from dmf.runs.writing import owned_runs, trim_run, write_artifact

LOOK_SECONDS = 0.25  # how often a heartbeat is looked at while waiting for it to change


class RunStore(RecordsPart, Studies, CaseTags):
    """Opens a store, creating it where there is none, and brings an older one up to date.

    Args:
        url: A file or a SQLAlchemy URL; default the environment's ``DMF_STORE``, else ``data/runs.sqlite``.
        busy_seconds: How long a write waits for another process that writes.
        clock: Gives the store's time, Unix time in seconds, for those who know it; by default that of where it lies.
        wall: This computer's clock, Unix time in seconds, whose difference from the store's is measured.
        monotonic: By which it is judged whether an owner is silent; tests pass their own.

    Attributes:
        url, file: Where it lies; ``file`` is None for a database server.
        where: The same for messages, without a password.

    Raises:
        StoreError: Here and from every method, when the database is locked, read-only, full, gone, of a newer version
            or not a run store; the message says where it lies and the way out.
    """

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
        """Store an experiment and its queued runs; claim them soon, or they count as interrupted.

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
        """Store another queued run of an experiment, after those it has; claim it soon.

        Raises:
            RunNotFoundError: If there is no such experiment.
            ConfigError: If a run of it is called ``label`` already.
        """
        with self._writing() as connection:
            id = managing.new_run(
                connection,
                experiment_id,
                label=label,
                config=config,
                now=self._clock(),
                watch=self._watch,
                where=self.where,
            )
        return self.run(id)

    def experiment(self, id: str) -> ExperimentRow:
        """One experiment with its runs.

        Raises:
            RunNotFoundError: If no experiment has this id.
        """
        with self._reading() as connection:
            return lookup.one_experiment(connection, id, self._watch, self.where)

    def experiments(self, limit: int = 50, offset: int = 0, *, archived: bool = False) -> list[ExperimentRow]:
        """Experiments with their runs, newest first.

        Args:
            limit: At most so many.
            offset: How many to leave out before.
            archived: Also runs that are archived; without them, an experiment that has no others is left out.
        """
        with self._reading() as connection:
            rows = lookup.newest_experiments(connection, limit, offset, self._watch, archived=archived)
        self._note_silence()
        return rows

    def is_untouched(self) -> bool:
        """Whether there is no experiment, and none was ever taken over from another store."""
        with self._reading() as connection:
            return import_store.is_untouched(connection)

    def adopt(self, other: "RunStore", only: Collection[str] | None = None) -> list[str]:
        """Copy the experiments of another store, with what is looked at, under the ids that they have there.

        That are probabilities and best networks; what a training goes on from stays behind. Left out are those that are
        here already, and those with a run that may still change.

        Args:
            other: Where they are.
            only: Ids of the experiments to copy; all when not given.

        Returns:
            Ids of the experiments that were copied.

        Raises:
            StoreError: If a file cannot be copied; nothing is taken over then.
        """
        self._artifact_root()  # a server is asked for it in a transaction of its own
        with other._reading() as source, self._writing() as target:
            return import_store.adopt(
                *(source, target, only), source_folder=other.artifact_folder, target_folder=self.artifact_folder
            )

    def run(self, id: str) -> RunRow:
        """One run.

        Raises:
            RunNotFoundError: If no run has this id.
        """
        with self._reading() as connection:
            return lookup.one_run(connection, id, self._watch)

    def runs(self, limit: int = 50, offset: int = 0, *, archived: bool = False) -> list[RunRow]:
        """Runs, newest first, those of one launch in their order; those that are archived only on demand."""
        with self._reading() as connection:
            rows = lookup.newest_runs(connection, limit, offset, self._watch, archived=archived)
        self._note_silence()
        return rows

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
            managing.describe_run(
                connection, run_id, name=name, tags=tags, notes=notes, archived=archived, watch=self._watch
            )
        return self.run(run_id)

    def delete_runs(self, run_ids: Sequence[str]) -> None:
        """Delete runs with everything that belongs to them, also their files; all of them, or none.

        An experiment whose last run is deleted goes with it. The file of the store does not shrink: new runs take the
        room.

        Raises:
            RunNotFoundError: If there is no such run.
            RunFinishedError: If one is active, or its owner has not let go of it yet.
            StoreError: If the place of their files cannot be reached from here, and nothing is deleted; or if some
                cannot be deleted: the runs are gone from the store by then.
        """
        if self.file is None:  # else they lie beside the store
            self.check_reach([run for run in run_ids if self.artifacts(run)])
        with self._writing() as connection:
            managing.remove_runs(connection, run_ids, self._watch)
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

    def claim(self, run_ids: Sequence[str], owner: str, *, reopen: bool = False) -> list[str]:
        """Own all of these runs, or none; a run to be resumed is queued again, its experiment after all others.

        A run of another is taken over only once its owner is silent, see :meth:`await_owners`; only then is it marked
        interrupted. Commands left over from before a resume (a Stop that came too late) are dropped. A resumed run then
        needs ``begin_attempt``. ``reopen`` claims a finished run as well, for its own program that trains it longer.

        Returns:
            Ids of those that are resumed. An earlier look cannot tell: a run that was queued then may have had an
            owner that died since.

        Raises:
            RunNotFoundError: If there is no such run.
            NotOwnerError: If another owns a run and was not seen to be silent; says who.
            RunFinishedError: If a run is finished.
        """
        with self._writing() as connection:
            resumed = ownership.claim(connection, run_ids, owner, self._clock(), self._watch, reopen=reopen)
            attempts = {run: lookup.one_run(connection, run, self._watch).attempt for run in run_ids}
        for run, attempt in attempts.items():
            self._watch.hold(run, owner, attempt)
        return resumed

    def begin_attempt(self, run_id: str, step: int, owner: str, files: Sequence[Artifact] = ()) -> int:
        """Trim all that the run stored from ``step`` on and raise its attempt by one; returns the new attempt.

        ``step`` is the next step to be taken. Metrics, scores and samples at exactly ``step`` describe the model
        of that checkpoint and stay; written again, they are replaced. Events of kind "state" stay. ``files`` are what
        there is of checkpoints, in place of what was recorded of them.

        Raises:
            RunNotFoundError: If there is no such run.
            NotOwnerError: If ``owner`` does not own the run.
        """
        with self._writing() as connection:
            attempt = int(owned_runs(connection, [run_id], owner)[run_id].attempt) + 1
            trim_run(connection, run_id, step)
            for file in files:
                write_artifact(connection, file)
            connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(attempt=attempt))
        self._watch.hold(run_id, owner, attempt)
        return attempt

    def write(self, records: Sequence[Record], owner: str | None) -> None:
        """As :meth:`RecordsPart.write <dmf.runs.store_records.RecordsPart.write>`, for an owner who is back, too."""
        try:
            super().write(records, owner)
        except NotOwnerError:
            if not self._taken_back({record.run for record in records if record.run is not None}, owner):
                raise
            super().write(records, owner)

    def heartbeat(self, run_ids: Sequence[str], owner: str) -> None:
        """Show that ``owner`` lives, for all of these runs that it owns.

        A run that somebody marked as interrupted meanwhile, and nobody claimed since, is taken back.

        Raises:
            NotOwnerError: If some of them are owned no more; for the others it has beaten all the same.
        """
        with self._writing() as connection:
            missing = ownership.renew(connection, run_ids, owner, self._clock())
        if missing:
            lost = sorted(set(missing) - self._taken_back(missing, owner))
            if lost:
                raise ownership.lost(lost, owner)

    def _taken_back(self, run_ids: Collection[str], owner: str | None) -> set[str]:
        """Those of these runs that ``owner``, who trains them in this process, could take back."""
        attempts = {run: self._watch.held(run, owner) for run in run_ids} if owner is not None else {}
        if owner is None or not any(attempts.values()):
            return set()
        with self._writing() as connection:
            return {
                run
                for run, attempt in attempts.items()
                if attempt is not None and ownership.take_back(connection, run, owner, attempt, self._clock())
            }

    def release(self, run_ids: Sequence[str], owner: str) -> None:
        """Give up the runs that ``owner`` owns; one that is still active is interrupted by that."""
        try:
            with self._writing() as connection:
                ownership.release(connection, run_ids, owner, self._clock())
        finally:
            self._watch.let_go(run_ids)  # also where a store that takes no more could not be told

    def await_owners(self, run_ids: Sequence[str]) -> list[str]:
        """Wait until it is known of each of these runs whether its owner lives; returns those whose owner is silent.

        A living owner beats every 2 s; of one that is gone it is known after ``SILENT_SECONDS``, or at once if somebody
        watched before. Nothing is marked.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        first: dict[str, Any] = {}
        silent, waiting = [], list(dict.fromkeys(run_ids))
        while waiting:
            with self._reading() as connection:
                rows = [lookup.table_row(connection, run) for run in waiting]
            waiting = []
            for row in rows:
                if row.owner is None and not RunState(row.state).is_active:
                    continue  # nobody holds it
                if self._watch.is_silent(row):
                    silent.append(row.id)
                elif first.setdefault(row.id, row.heartbeat) == row.heartbeat:
                    waiting.append(row.id)
            if waiting:
                time.sleep(LOOK_SECONDS)
        self._note_silence()
        return silent

    def _note_silence(self) -> None:
        """Tell other readers which owners were found silent, so that they need not watch as long; never waits."""
        heartbeats = self._watch.newly_silent()
        if heartbeats:
            with suppress(StoreError), self._transaction(write=True, wait=False) as connection:
                ownership.note_silence(connection, heartbeats)

    # The queue

    def queue(self) -> list[ExperimentRow]:
        """Experiments that train or wait, whoever owns them: those that train first, then in the order of the queue."""
        with self._reading() as connection:
            rows = queueing.queue(connection, self._watch)
        self._note_silence()
        return rows

    def move(self, experiment_id: str, places: int) -> None:
        """Move an experiment that waits by so many places among those that wait for the same owner.

        -1 is one earlier, +1 one later; beyond either end it stays there.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If it does not wait in a queue (any more).
        """
        with self._writing() as connection:
            queueing.move(connection, experiment_id, places, self._watch, self.where)

    def cancel(self, experiment_id: str, reason: str = queueing.CANCELLED) -> list[str]:
        """Stop the runs of an experiment that still wait in a queue, and no others; returns their ids.

        They belong to nobody then and can be resumed.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If none of its runs waits in a queue (any more).
        """
        with self._writing() as connection:
            return queueing.cancel(
                connection, experiment_id, reason, now=self._clock(), watch=self._watch, where=self.where
            )
