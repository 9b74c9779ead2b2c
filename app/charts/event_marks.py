"""Events of a race as marks on the time axis, in plain words; what happens to several runs at once is one mark."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from app.charts.lines import Happening, Kind, View

MOST = 200  # marks on a chart; the latest are kept

_STATES: dict[str, tuple[str, Kind]] = {
    "paused": ("Paused", "state"),
    "running": ("Went on", "state"),
    "stopped": ("Stopped", "state"),
    "finished": ("Finished", "state"),
    "failed": ("Failed", "error"),
    "interrupted": ("Interrupted", "warning"),
}

LIVE_SETTINGS = {"gamma": "γ₀", "decay_rate": "decay rate", "lr": "learning rate", "weighting": "weighting"}
"""What a setting is called in a sentence."""

Name = Callable[[str], str]


class Event(Protocol):
    """What happened to a run at a step."""

    @property
    def run(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def time(self) -> float: ...


def event_marks(
    events: Sequence[Event], labels: Mapping[str, str], view: View, *, name: Name = str, end: float | None = None
) -> list[Happening]:
    """Marks for the events worth one.

    Args:
        events: Oldest first.
        labels: Run id to the label people know it by; events of other runs are left out.
        view: What x counts.
        name: How a loss or a method is written for people.
        end: Unix time of the last step; what happened later, to runs at rest, is marked there.
    """
    grouped: dict[tuple[int, str, Kind], list[Event]] = {}
    for event in events:
        words = _say(event, name)
        if words and event.run in labels:
            grouped.setdefault((event.step, *words), []).append(event)
    marks = []
    for (step, text, kind), members in list(grouped.items())[-MOST:]:
        runs = tuple(dict.fromkeys(member.run for member in members))
        whose = "" if len(runs) == len(labels) else ", ".join(labels[run] for run in runs)
        when = members[0].time if end is None else min(members[0].time, end)
        marks.append(Happening(view.at(step, when), text, kind, runs, whose))
    return marks


def turned(data: Mapping[str, Any], name: Name = str) -> str:
    """A change of a setting in words: ``"γ₀ 1 → 2"``, or ``"MAD → Bayesian"``."""
    before, after = (_value(data.get(key), name) for key in ("before", "value"))
    change = f"{before} → {after}" if before else f"→ {after}"
    return change if before and data["field"] == "weighting" else f"{_change_of(data)} {change}"


def refused(data: Mapping[str, Any], name: Name = str) -> str:
    """A setting that could not be changed, and why."""
    return f"{_change_of(data)} not changed to {_value(data.get('value'), name)}: {data['reason']}"


def _change_of(data: Mapping[str, Any]) -> str:
    return LIVE_SETTINGS.get(data["field"], str(data["field"]))


def _value(value: Any, name: Name) -> str:
    if value is None:
        return ""
    return name(value) if isinstance(value, str) else f"{value:g}"


def _begun(sentence: str) -> str:
    """With a capital, as a mark begins; a symbol stays the symbol it is."""
    return sentence[:1].upper() + sentence[1:] if sentence[:1].isascii() else sentence


def _say(event: Event, name: Name) -> tuple[str, Kind] | None:
    data = event.data
    mark: tuple[str, Kind] | None = None
    match event.kind:
        case "state":
            begins = data.get("state") == "running" and event.step == 0
            mark = None if begins else _STATES.get(str(data.get("state")))
        case "skipped":
            mark = f"Step skipped: {' and '.join(map(name, data['losses']))} not finite", "warning"
        case "flat":
            mark = f"{name(data['loss'])} has not moved for {data['steps']} steps", "warning"
        case "refused":
            mark = _begun(refused(data, name)), "warning"
        case "not_kept":
            mark = _begun(str(data["reason"])), "warning"
        case "knob":
            mark = _begun(turned(data, name)), "change"
        case "size":
            sizes = f"Images {data['before']} → {data['value']} px"
            mark = f"{sizes}: losses change their scale, and rules that remember them react", "change"
        case "lr_fell":
            mark = f"{data['metric']} has stood still: learning rate → {data['value']:g}", "change"
        case "stopped_early":
            mark = f"Ended early: no better {data['metric']} for {data['patience']} epochs", "state"
    return mark
