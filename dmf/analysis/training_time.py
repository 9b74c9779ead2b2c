"""How long a run has trained: the time it waited, was paused or had stopped is none of it."""

from collections.abc import Iterable

from dmf.records import RunState
from dmf.runs import EventRow


def seconds_trained(events: Iterable[EventRow], until: float) -> float:
    """Seconds in which a run was running.

    Args:
        events: Of one run, oldest first; those of kind ``state`` count.
        until: Unix time up to which it is counted, in seconds: its end, or now.
    """
    trained, since = 0.0, None
    for event in events:
        if event.kind != "state":
            continue
        if since is not None:
            trained += max(0.0, min(event.time, until) - since)
        since = event.time if event.data["state"] == RunState.RUNNING.value else None
    return trained if since is None else trained + max(0.0, until - since)
