"""How long a run has trained: the time it waited, was paused or had stopped is none of it."""

import math
from collections.abc import Iterable

from dmf.records import RunState
from dmf.runs import EventRow, RunRow


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


def seconds_of(run: RunRow, events: Iterable[EventRow]) -> float:
    """Seconds that a run has trained; NaN before it began.

    Args:
        run: As the store has it.
        events: Its events, oldest first; where no state is among them, it trained from its start to its end.
    """
    if run.started is None:
        return math.nan
    own = [event for event in events if event.kind == "state"]
    return seconds_trained(own, end_of(run)) if own else max(0.0, end_of(run) - run.started)


def end_of(run: RunRow) -> float:
    """Until when a run may have trained: its end, but the last sign of life of one that was found silent."""
    last = run.heartbeat or run.created
    return last if run.ended is None or run.state is RunState.INTERRUPTED else run.ended
