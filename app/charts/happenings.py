"""Events of a race as marks on the time axis, in plain words; what happens to several runs at once is one mark."""

from collections.abc import Sequence
from typing import Any, Protocol

from app.charts.lines import Happening, View

MOST = 200  # marks on a chart; the latest are kept

_STATES = {
    "paused": ("Paused", "state"),
    "running": ("Went on", "state"),
    "stopped": ("Stopped", "state"),
    "finished": ("Finished", "state"),
    "failed": ("Failed", "error"),
    "interrupted": ("Interrupted", "warning"),
}


class Event(Protocol):
    """What happened to a run at a step."""

    run: str
    step: int
    kind: str
    data: dict[str, Any]
    time: float


def happenings(events: Sequence[Event], labels: dict[str, str], view: View) -> list[Happening]:
    """Marks for the events worth one.

    Args:
        events: Oldest first.
        labels: Run id to the label people know it by; events of other runs are left out.
        view: What x counts.
    """
    grouped: dict[tuple[int, str, str], list[Event]] = {}
    for event in events:
        said = _say(event)
        if said and event.run in labels:
            grouped.setdefault((event.step, *said), []).append(event)
    marks = []
    for (step, text, kind), members in list(grouped.items())[-MOST:]:
        runs = list(dict.fromkeys(labels[member.run] for member in members))
        whose = "" if len(runs) == len(labels) else f" · {', '.join(runs)}"
        marks.append(Happening(view.at(step, members[0].time), f"{text}{whose}", kind))  # type: ignore[arg-type]
    return marks


def _say(event: Event) -> tuple[str, str] | None:
    match event.kind:
        case "state":
            begins = event.data.get("state") == "running" and event.step == 0
            return None if begins else _STATES.get(str(event.data.get("state")))
        case "skipped":
            return f"Skipped: {' and '.join(event.data['losses'])} not finite", "warning"
        case "flat":
            return f"{event.data['loss']} has not moved for {event.data['steps']} steps", "warning"
        case "refused":
            return f"{event.data['field']} not changed: {event.data['reason']}", "warning"
        case "knob":
            return f"{event.data['field']} → {event.data['value']}", "change"
        case _:
            return None
