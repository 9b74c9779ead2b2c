"""The part of the run store that keeps studies: plans whose cells are experiments, each begun once."""

from collections.abc import Mapping
from typing import Any

from dmf.records import RunState
from dmf.runs import lookup, studies
from dmf.runs.rows import CellRow, StudyRow
from dmf.runs.store_commands import Commands


class Studies(Commands):
    """Keeping studies, and handing out their cells."""

    def save_study(self, name: str, plan: Mapping[str, Any], cells: Mapping[str, Mapping[str, Any]]) -> int:
        """Store a study, or more cells of one that is there; cells that it has stay as they are.

        Args:
            name: By which it is found.
            plan: Plain data, see :class:`dmf.studies.StudyPlan`.
            cells: Plain data of an experiment by the key of its cell, in the order they are to be begun.

        Returns:
            How many cells are new.

        Raises:
            ConfigError: If the study has a cell of one of these keys with other settings; nothing is stored then.
        """
        with self._writing() as connection:
            return studies.save(connection, name, dict(plan), cells, self._clock())

    def study(self, name: str) -> StudyRow:
        """One study.

        Raises:
            RunNotFoundError: If no study is called so.
        """
        with self._reading() as connection:
            return studies.one(connection, name, self.where)

    def studies(self) -> list[StudyRow]:
        """All studies, newest first."""
        with self._reading() as connection:
            return studies.newest(connection)

    def study_cells(self, name: str) -> list[CellRow]:
        """The cells of a study with their experiments, in their order.

        Raises:
            RunNotFoundError: If no study is called so.
        """
        with self._reading() as connection:
            studies.one(connection, name, self.where)
            return studies.cells_of(connection, name, self._watch)

    def begin_cell(self, name: str, owner: str, environment: Mapping[str, Any]) -> str | None:
        """Make the experiment of the first cell that was not begun, its runs queued and owned by ``owner``.

        One transaction: of several processes that ask at once each gets another cell, and none is begun twice.

        Returns:
            Id of the experiment; None if every cell was begun.
        """
        with self._writing() as connection:
            id = studies.begin(
                connection, name, owner, environment=dict(environment), now=self._clock(), watch=self._watch
            )
            runs = [] if id is None else lookup.one_experiment(connection, id, self._watch, self.where).runs
        for run in runs:
            self._watch.hold(run.id, owner, run.attempt)
        return id

    def pause_study(self, name: str, paused: bool) -> None:
        """Have no further cell begun, and pause what trains; or go on.

        Raises:
            RunNotFoundError: If no study is called so.
        """
        with self._writing() as connection:
            studies.one(connection, name, self.where)
            studies.pause(connection, name, paused)
        trains = (RunState.RUNNING, RunState.QUEUED) if paused else (RunState.PAUSED,)
        cells = [cell.experiment for cell in self.study_cells(name) if cell.experiment is not None]
        self.add_commands(
            [
                (run.id, "pause" if paused else "resume", None, None)
                for experiment in cells
                for run in experiment.runs
                if run.state in trains
            ]
        )

    def reopen_cells(self, name: str, *, failed: bool = False) -> list[str]:
        """Let the stopped runs of a study be continued by whoever trains it, and the failed ones too on demand.

        Returns:
            Ids of the runs, which are interrupted now.

        Raises:
            RunNotFoundError: If no study is called so.
        """
        states = (RunState.STOPPED, *((RunState.FAILED,) if failed else ()))
        with self._writing() as connection:
            studies.one(connection, name, self.where)
            return studies.reopen(connection, name, states, self._clock())
