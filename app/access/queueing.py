"""Everything that trains or waits, whoever owns it, and the places of what waits here."""

from dataclasses import dataclass

from app.access.reading import store
from app.access.steering import owner_in_words
from dmf.records import RunState
from dmf.runs import ExperimentRow

THIS = "this dashboard"


@dataclass(frozen=True)
class Entry:
    """One experiment that trains, is paused or waits.

    Attributes:
        device: As it was asked for: ``auto`` is chosen where it trains.
        owner: Who has it, in words; empty while nobody has claimed it.
        is_queued: Whether all of it still waits.
        can_go_earlier, can_go_later: Whether another one that waits here is before or after it.
    """

    experiment: ExperimentRow
    device: str
    owner: str
    is_queued: bool
    can_go_earlier: bool = False
    can_go_later: bool = False


def queue() -> list[Entry]:
    """What trains, then what waits, in order.

    Raises:
        StoreError: If the store cannot be read.
    """
    found = store().queue()
    mine = [experiment.id for experiment in found if _is_queued(experiment) and _owner(experiment) == THIS]
    entries = []
    for experiment in found:
        place = mine.index(experiment.id) if experiment.id in mine else None
        entries.append(
            Entry(
                experiment,
                device=_device(experiment),
                owner=_owner(experiment),
                is_queued=_is_queued(experiment),
                can_go_earlier=place is not None and place > 0,
                can_go_later=place is not None and place < len(mine) - 1,
            )
        )
    return entries


def move(experiment_id: str, places: int) -> None:
    """Let a queued experiment go earlier (-1) or later (+1).

    Raises:
        StoreError: If it waits no longer, or the store refuses.
    """
    store().move(experiment_id, places)


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
