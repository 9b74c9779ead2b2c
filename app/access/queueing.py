"""Everything that trains or waits, whoever owns it, and the places of what waits here."""

from app.access.reading import store
from app.access.steering import owner_in_words
from app.access.visitor_races import is_own
from app.views import QueueEntry
from app.visitors import owner_only, owner_only_unless
from dmf.records import RunState
from dmf.runs import ExperimentRow

THIS = "this dashboard"


def queue() -> list[QueueEntry]:
    """What trains, then what waits, in order.

    Raises:
        StoreError: If the store cannot be read.
    """
    queued = store().queue()
    mine = [experiment.id for experiment in queued if _is_queued(experiment) and _owner(experiment) == THIS]
    entries = []
    for experiment in queued:
        place = mine.index(experiment.id) if experiment.id in mine else None
        entries.append(
            QueueEntry(
                experiment,
                device=_device(experiment),
                owner=_owner(experiment),
                is_queued=_is_queued(experiment),
                can_go_earlier=place is not None and place > 0,
                can_go_later=place is not None and place < len(mine) - 1,
            )
        )
    return entries


@owner_only
def move(experiment_id: str, places: int) -> None:
    """Let a queued experiment go earlier (-1) or later (+1).

    Raises:
        StoreError: If it waits no longer, or the store refuses.
    """
    store().move(experiment_id, places)


@owner_only_unless(is_own)
def cancel(experiment_id: str) -> None:
    """Take a queued experiment out of the queue, whoever owns it; it counts as stopped.

    Raises:
        StoreError: If it waits no longer, or the store refuses.
    """
    store().cancel(experiment_id)


def _is_queued(experiment: ExperimentRow) -> bool:
    return all(run.state is RunState.QUEUED for run in experiment.runs if run.state.is_active)


def _owner(experiment: ExperimentRow) -> str:
    owners = sorted({run.owner for run in experiment.runs if run.owner})
    return ", ".join(owner_in_words(owner) for owner in owners)


def _device(experiment: ExperimentRow) -> str:
    return str(experiment.config.get("training", {}).get("device", "auto"))
