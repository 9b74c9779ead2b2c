"""Studies: their plans, their cells, and who begins which cell. Functions of a connection."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from dmf.errors import ConfigError, RunNotFoundError
from dmf.records import Event, RunState
from dmf.runs.engine import one_at_a_time
from dmf.runs.lookup import matching_experiments
from dmf.runs.managing import checked_name, new_experiment
from dmf.runs.ownership import claim
from dmf.runs.rows import CellRow, StudyRow
from dmf.runs.schema import experiments, runs, studies, study_cells
from dmf.runs.watching import Watch
from dmf.runs.writing import add_event

REOPENED = "to be tried again"


def save(connection: Connection, name: str, plan: Mapping[str, Any], cells: Mapping[str, Any], now: float) -> int:
    """See ``RunStore.save_study``; returns how many cells are new."""
    name = checked_name(name)
    one_at_a_time(connection, "studies")
    if connection.scalar(select(studies.c.name).where(studies.c.name == name)) is None:
        connection.execute(studies.insert().values(name=name, plan=plan, created=now))
    known = dict(
        connection.execute(select(study_cells.c.key, study_cells.c.config).where(study_cells.c.study == name)).all()
    )
    for key, config in cells.items():
        if key in known and not _is_same(known[key], config):
            raise ConfigError(
                f"Study {name!r} has a cell {key!r} with other settings ({_first_difference(known[key], config)}). "
                "Give this one another name with `--name`.",
                "name",
            )
    last = connection.scalar(select(func.max(study_cells.c.position)).where(study_cells.c.study == name))
    start = 0 if last is None else int(last) + 1
    fresh = [(key, config) for key, config in cells.items() if key not in known]
    rows = [
        {"study": name, "key": key, "position": start + number, "config": config}
        for number, (key, config) in enumerate(fresh)
    ]
    if rows:
        connection.execute(study_cells.insert(), rows)
        connection.execute(update(studies).where(studies.c.name == name).values(plan=plan))
    return len(rows)


def _is_same(before: Any, after: Any) -> bool:
    """Whether a cell that is kept has these settings; one of an earlier version has the defaults of what was added."""
    from dmf.config import ExperimentConfig

    return bool(before == after or ExperimentConfig.model_validate(before).model_dump(mode="json") == after)


def _first_difference(before: Any, after: Any, path: str = "") -> str:
    """Where two configurations differ first, e.g. ``training.epochs 2, not 20``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                return _first_difference(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return f"{len(before)} {path}, not {len(after)}"
        number = next(number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])
        return _first_difference(before[number], after[number], f"{path}[{number}]")
    return f"{path} {before}, not {after}"


def one(connection: Connection, name: str, where: str) -> StudyRow:
    """One study.

    Raises:
        RunNotFoundError: If no study is called so.
    """
    row = connection.execute(select(studies).where(studies.c.name == name)).one_or_none()
    if row is None:
        known = list(connection.scalars(select(studies.c.name).order_by(studies.c.created.desc()).limit(5)))
        there = f"There are: {', '.join(known)}." if known else "Begin one with: dmf study run paper"
        raise RunNotFoundError(f"No study {name!r} in {where}. {there}")
    return StudyRow(**row._mapping)


def newest(connection: Connection) -> list[StudyRow]:
    """All studies, newest first."""
    rows = connection.execute(select(studies).order_by(studies.c.created.desc(), studies.c.name))
    return [StudyRow(**row._mapping) for row in rows]


def cells_of(connection: Connection, study: str, watch: Watch) -> list[CellRow]:
    """The cells of a study with their experiments, in their order; three queries, however many there are."""
    rows = connection.execute(
        select(study_cells).where(study_cells.c.study == study).order_by(study_cells.c.position)
    ).all()
    of_study = experiments.c.id.in_(select(study_cells.c.experiment).where(study_cells.c.study == study))
    by_id = {experiment.id: experiment for experiment in matching_experiments(connection, of_study, watch)}
    return [CellRow(**dict(row._mapping) | {"experiment": by_id.get(row.experiment)}) for row in rows]


def begin(
    connection: Connection, study: str, owner: str, *, environment: dict[str, Any], now: float, watch: Watch
) -> str | None:
    """See ``RunStore.begin_cell``; returns the id of the experiment."""
    from dmf.config import ExperimentConfig

    open_cell = study_cells.c.experiment.is_(None) & (study_cells.c.study == study)
    first = select(study_cells).where(open_cell).order_by(study_cells.c.position).limit(1)
    # Locked, and what another has locked is passed over, so that of several who ask at once each gets another cell.
    cell = connection.execute(first.with_for_update(skip_locked=True)).one_or_none()
    if cell is None:
        return None
    config = cell.config
    experiment = new_experiment(
        connection,
        config,
        name=config["name"],
        labels=[run["label"] for run in config["runs"]],
        run_configs=[run.fusion.recorded() for run in ExperimentConfig.model_validate(config).runs],
        environment=environment,
        task=config["task"],
        now=now,
    )
    connection.execute(
        update(study_cells)
        .where(study_cells.c.study == study, study_cells.c.key == cell.key)
        .values(experiment=experiment)
    )
    rows = connection.execute(select(runs.c.id, runs.c.position).where(runs.c.experiment == experiment)).all()
    for run in rows:  # unique in the whole store: a cell cannot be begun twice, whatever goes wrong above
        key = f"{study}/{cell.key}/{run.position}"
        connection.execute(update(runs).where(runs.c.id == run.id).values(study_cell=key))
    claim(connection, [run.id for run in rows], owner, now, watch)
    return experiment


def pause(connection: Connection, study: str, paused: bool) -> None:
    """See ``RunStore.pause_study``."""
    connection.execute(update(studies).where(studies.c.name == study).values(paused=paused))


def reopen(connection: Connection, study: str, states: Sequence[RunState], now: float) -> list[str]:
    """See ``RunStore.reopen_cells``; returns the ids of the runs."""
    of_study = select(study_cells.c.experiment).where(study_cells.c.study == study)
    ended = runs.c.experiment.in_(of_study) & runs.c.state.in_([state.value for state in states])
    ended &= runs.c.owner.is_(None)
    values = {"state": RunState.INTERRUPTED.value, "reason": REOPENED}
    returned = (runs.c.id, runs.c.attempt, runs.c.summary)
    rows = connection.execute(update(runs).where(ended).values(values).returning(*returned)).all()
    for row in rows:
        data = {"state": RunState.INTERRUPTED.value, "reason": REOPENED}
        add_event(connection, Event(row.id, row.summary["step"] + 1, "state", data, now), row.attempt)
    return sorted(row.id for row in rows)
