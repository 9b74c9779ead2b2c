"""The part of the run store that holds what training records: telemetry, scores, pictures, events, files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dmf.errors import RunNotFoundError, StoreError
from dmf.paths import artifact_home, data_home
from dmf.probabilities import Probabilities
from dmf.records import Artifact, CaseScores, Record
from dmf.runs import listing, lookup, managing, predictions, reading, telemetry
from dmf.runs.database import Database
from dmf.runs.rows import EventRow, Latest, Position, SampleRow, Telemetry
from dmf.runs.writing import in_time_of_store, write_records

if TYPE_CHECKING:
    import pandas as pd


class RecordsPart(Database):
    """Writing and reading what training records."""

    _root: Path | None = None  # of the files of runs, once a database server was asked for it

    def write(self, records: Sequence[Record], owner: str | None) -> None:
        """Store all records in one transaction, or none. ``owner`` None writes to runs that nobody owns.

        Metrics, scores, samples and artifacts replace an earlier record with the same key. Times of records are by this
        computer's clock, and are stored in the store's time.

        Raises:
            RunNotFoundError: If a run or experiment does not exist.
            NotOwnerError: If ``owner`` does not own a run.
            StoreError: If telemetry is of another attempt, or of steps that are stored already.
            ValueError: If an array has the wrong shape.
        """
        if records:
            with self._writing() as connection:
                write_records(connection, in_time_of_store(records, self._ahead()), owner, self._clock())

    def telemetry(self, run_id: str, *, after: int = -1, columns: Sequence[str] | None = None) -> Telemetry:
        """Steps of a run later than ``after``; ``columns`` chooses some, in that order.

        Raises:
            RunNotFoundError: If there is no such run.
            StoreError: If the run has no such column.
        """
        with self._reading() as connection:
            attempt = lookup.one_run(connection, run_id, self._watch).attempt
            return telemetry.read(connection, run_id, attempt, after, columns)

    def latest(self, experiment_id: str, positions: Mapping[str, Position], *, after_event: int = 0) -> Latest:
        """An experiment with what a reader of it has not read yet, in one transaction and few queries.

        Args:
            experiment_id: Which.
            positions: Up to where the reader has each run; one that is not there is read from its first step.
            after_event: The last event that it has.

        Raises:
            RunNotFoundError: If there is no such experiment.
        """
        with self._reading() as connection:
            experiment = lookup.one_experiment(connection, experiment_id, self._watch, self.where)
            runs = {run.id: run.attempt for run in experiment.runs}
            # Whole runs one after the other, as they may be long.
            begun = {run: at for run, at in positions.items() if at.step >= 0 and runs.get(run) == at.attempt}
            fresh = telemetry.read_after(connection, begun)
            for run, attempt in runs.items():
                if run not in begun:
                    fresh[run] = telemetry.read(connection, run, attempt, -1, None)
            return Latest(experiment, fresh, reading.events_after(connection, list(runs), after_event))

    def latest_step(self, run_id: str) -> int:
        """The last step stored, -1 without any."""
        with self._reading() as connection:
            return telemetry.latest_step(connection, run_id)

    def attempt(self, run_id: str) -> int:
        """The attempt that the run is at, from 1.

        Raises:
            RunNotFoundError: If there is no such run.
        """
        with self._reading() as connection:
            return lookup.one_run(connection, run_id, self._watch).attempt

    def epoch_metrics(
        self,
        run_ids: Sequence[str],
        *,
        metrics: Sequence[str] | None = None,
        split: str | None = None,
        since: int = 0,
    ) -> "pd.DataFrame":
        """One row per run, epoch, split and metric: run, epoch, step, split, images, metric, value.

        ``metrics`` and ``split`` choose; None means all. ``since`` is the first epoch that is read.
        """
        with self._reading() as connection:
            return reading.epoch_metrics(connection, run_ids, metrics, split, since)

    def best_metrics(
        self, metrics: Sequence[str], headline: str, others: Mapping[str, tuple[str, bool]] | None = None
    ) -> "pd.DataFrame":
        """Validation and test metrics of every run at its best epoch: run, epoch, split, metric, value.

        That is the epoch of its best network. Of a run that kept none it is the first one with the highest ``headline``
        on the validation images, without the untrained network; a run that has neither has no row. ``others`` are runs
        for which another metric decides: its name, and whether lower is better.
        """
        with self._reading() as connection:
            return listing.best_metrics(connection, metrics, headline, others or {})

    def events(self, run_ids: Sequence[str], after_id: int = 0) -> list[EventRow]:
        """Events in the order of writing, later than event ``after_id``."""
        with self._reading() as connection:
            return reading.events_after(connection, run_ids, after_id)

    def state_events(self) -> list[EventRow]:
        """Changes of state, in the order of writing, of all runs that did more than begin and end."""
        with self._reading() as connection:
            return reading.state_events(connection, more_than=2)

    def samples(self, experiment_id: str, *, since: int = 0) -> list[SampleRow]:
        """Pictures of an experiment from epoch ``since`` on, without their bytes, by epoch, case, kind and run."""
        with self._reading() as connection:
            return reading.samples_of(connection, experiment_id, since)

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
            pngs = reading.pngs(connection, ids)
        for id in ids:
            if id not in pngs:
                raise RunNotFoundError(f"No sample {id} in {self.where}; it was replaced. Read the list again.")
        return pngs

    def case_scores(self, run_id: str, split: str) -> list[CaseScores]:
        """Scores per case on one split, by epoch."""
        with self._reading() as connection:
            return reading.case_scores_of(connection, run_id, split)

    def artifacts(self, run_id: str) -> list[Artifact]:
        """Files of a run, by kind; at most one of each kind."""
        with self._reading() as connection:
            return reading.artifacts_of(connection, run_id)

    def artifact_folder(self, run_id: str) -> Path:
        """Where the files of a run belong (``Artifact.path`` is relative to it); made by who writes the first.

        The place is the store's: beside its file, or for a database server the folder that it names, wherever this
        program was started. ``DMF_ARTIFACTS`` says where this machine sees that folder.
        """
        return self._artifact_root() / run_id

    def check_reach(self, run_ids: Sequence[str]) -> None:
        """Make sure that the files of these runs can be reached from here.

        Raises:
            StoreError: If the folder of one is not there; says where it is to be.
        """
        for run in run_ids:
            folder = self.artifact_folder(run)
            if not folder.is_dir():
                way_out = (
                    f"Copy the folder {folder.parent.name!r} beside the store as well"
                    if self.file
                    else f"Mount it at {folder.parent}, or let DMF_ARTIFACTS name where it is on this machine"
                )
                raise StoreError(
                    f"The files of run {run!r} belong in {folder}, which cannot be reached from here. {way_out}. "
                    "Nothing was changed."
                )

    def _artifact_root(self) -> Path:
        if self.file is not None:
            return self.file.parent / "artifacts"
        if (here := artifact_home()) is not None:
            return here
        if self._root is None:
            with self._transaction(write=True) as connection:  # which also who only reads may be the first to ask for
                self._root = Path(managing.artifact_root(connection, data_home().absolute() / "artifacts"))
        return self._root

    def probabilities(self, run_id: str, which: Literal["best", "last"]) -> Probabilities | None:
        """What a network of a run believes of every pixel of the test images; None where it was not kept.

        Where the last network is the best, both words mean the one file.

        Raises:
            RunNotFoundError: If there is no such run.
            DataError: If the file is damaged or gone.
        """
        with self._reading() as connection:
            lookup.one_run(connection, run_id, self._watch)
            return predictions.probabilities(connection, run_id, which, self.artifact_folder(run_id))

    def stored_bytes(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Bytes that each of these runs takes: its files, and its pictures in the store."""
        with self._reading() as connection:
            return listing.stored_bytes(connection, run_ids)
