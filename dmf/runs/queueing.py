"""The queue: what trains and what waits for it, its order, moving and cancelling. Functions of a connection."""

from sqlalchemy import Connection, ScalarSelect, func, select, update

from dmf.errors import RunFinishedError
from dmf.records import Event, RunState
from dmf.runs.engine import one_at_a_time
from dmf.runs.lookup import matching_experiments, one_experiment
from dmf.runs.rows import ExperimentRow
from dmf.runs.schema import experiments, runs
from dmf.runs.watching import Watch
from dmf.runs.writing import add_event

CANCELLED = "cancelled in the queue"

_others = experiments.alias()
_NEXT = select(func.coalesce(func.max(_others.c.place), 0) + 1).scalar_subquery()
_active = select(runs.c.experiment).where(runs.c.state.in_([state.value for state in RunState if state.is_active]))


def next_place(connection: Connection) -> ScalarSelect[float]:
    """The place after all others, which nobody else is given."""
    one_at_a_time(connection, "places")
    return _NEXT


def queue(connection: Connection, watch: Watch) -> list[ExperimentRow]:
    """Experiments with active runs: those that train first, then by place."""
    queued = matching_experiments(connection, experiments.c.id.in_(_active), watch)
    living = [experiment for experiment in queued if any(run.state.is_active for run in experiment.runs)]
    return sorted(living, key=lambda experiment: (not _trains(experiment), experiment.place, experiment.id))


def move(connection: Connection, id: str, places: int, watch: Watch, where: str) -> None:
    """See ``RunStore.move``."""
    # Locked first, so that two who move at once do so one after the other.
    line_up = select(experiments.c.id).where(experiments.c.id.in_(_active)).order_by(experiments.c.id)
    connection.execute(line_up.with_for_update())
    waiting = [experiment for experiment in queue(connection, watch) if not _trains(experiment)]
    moved = next((experiment for experiment in waiting if experiment.id == id), None)
    if moved is None:
        raise RunFinishedError(
            f"Experiment {id!r} is {_states(one_experiment(connection, id, watch, where))}; only one that waits in a "
            "queue can be moved."
        )
    line = [experiment for experiment in waiting if _owner(experiment) == _owner(moved)]
    order = [experiment for experiment in line if experiment is not moved]
    order.insert(max(0, line.index(moved) + places), moved)
    for experiment, holder in zip(order, line, strict=True):
        if experiment is not holder:
            changed = update(experiments).where(experiments.c.id == experiment.id).values(place=holder.place)
            connection.execute(changed)


def cancel(connection: Connection, id: str, reason: str, *, now: float, watch: Watch, where: str) -> list[str]:
    """See ``RunStore.cancel``."""
    values = {"state": RunState.STOPPED.value, "reason": reason, "owner": None, "ended": now}
    waiting = (runs.c.experiment == id) & (runs.c.state == RunState.QUEUED.value)
    returned = (runs.c.id, runs.c.attempt, runs.c.summary)
    cancelled = connection.execute(update(runs).where(waiting).values(values).returning(*returned)).all()
    if not cancelled:
        raise RunFinishedError(
            f"Experiment {id!r} is {_states(one_experiment(connection, id, watch, where))}; nothing of it waits in a "
            "queue any more. To end what trains, stop it."
        )
    for row in cancelled:
        data = {"state": RunState.STOPPED.value, "reason": reason}
        add_event(connection, Event(row.id, row.summary["step"] + 1, "state", data, now), row.attempt)
    return sorted(row.id for row in cancelled)


def _trains(experiment: ExperimentRow) -> bool:
    return any(run.state in (RunState.RUNNING, RunState.PAUSED) for run in experiment.runs)


def _owner(experiment: ExperimentRow) -> str | None:
    return next(run.owner for run in experiment.runs if run.state is RunState.QUEUED)


def _states(experiment: ExperimentRow) -> str:
    return " and ".join(dict.fromkeys(run.state.value for run in experiment.runs))
