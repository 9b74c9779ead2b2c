"""What the pages Home and Train show."""

from dataclasses import dataclass, field
from typing import Any

from dmf.config import DEFAULT_TASK, ExperimentConfig
from dmf.options import Options
from dmf.runs import EventRow, ExperimentRow


@dataclass(frozen=True)
class Choices:
    """What the form offers.

    Attributes:
        names: Names to choose from, by field.
        options: What datasets, networks and the task declare of options, by field (``dataset``, ``model``, ``task``)
            and name.
        titles: What each dataset is called in full.
        added: Those of plug-ins, for fields whose menu is short.
        auxiliaries: The auxiliary losses that the form offers for all runs; a run of its own may have any.
        task: Whose names they are.
        first: What is chosen at first where the task has other defaults than the configuration; else empty.
    """

    names: dict[str, tuple[str, ...]]
    options: dict[str, dict[str, type[Options]]]
    titles: dict[str, str]
    added: dict[str, tuple[str, ...]] = field(default_factory=dict)
    auxiliaries: tuple[str, ...] = ()
    task: str = DEFAULT_TASK
    first: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What a filled form comes to.

    Attributes:
        config: What would be trained; None if something cannot work.
        problems: Field to what is wrong with it; None for what no single field is to blame for.
        rows: Run, counted from 0, to the field to blame (if any) and what is wrong.
        notes: Run, counted from 0, to what is worth knowing about it.
        images: Images of each split, and ``steps_per_epoch``; empty while unknown.
    """

    config: ExperimentConfig | None = None
    problems: dict[str | None, str] = field(default_factory=dict)
    rows: dict[int, tuple[str | None, str]] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class QueueEntry:
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


@dataclass(frozen=True)
class SettingsChanged:
    """What came of a request to change settings.

    Attributes:
        problems: SettingChange to why its value cannot work; nothing was asked of anyone then.
        asked: SettingChanges that were asked for; empty if the runs stand there already, or have ended.
        events: Of kind "knob" or "refused", one per run and change that has been answered.
        unanswered: SettingChanges that some run has not answered yet; it will, before its next step.
    """

    problems: dict[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    events: tuple[EventRow, ...] = ()
    unanswered: tuple[str, ...] = ()
