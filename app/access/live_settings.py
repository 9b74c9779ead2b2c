"""Knobs of a race, turned while it trains: checked here, left as commands, answered by who trains it."""

import time
from collections.abc import Mapping, Sequence

from app.access.reading import follow, store
from app.views import SettingsChanged
from app.visitors import owner_only
from dmf import declared
from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.form_text import plainly
from dmf.live_settings import Settings
from dmf.records import RunState
from dmf.runs import EventRow

ANSWER_SECONDS = 1.5  # how long a click waits to hear at which step a change took effect
OF_AUXILIARY = ("gamma", "decay_rate")

Value = float | str


@owner_only
def change_settings(experiment_id: str, run_ids: Sequence[str], values: Mapping[str, Value]) -> SettingsChanged:
    """Ask for settings of some runs to be changed, where they do not stand there yet.

    Returns once every run has answered, or after a moment; a queued run answers when it begins.

    Args:
        experiment_id: Whose runs.
        run_ids: Which of them; those that have ended are left alone.
        values: SettingChange to its new value, see ``dmf.live_settings.LIVE_SETTINGS``.

    Raises:
        StoreError: If the store refuses.
    """
    snapshot = follow(experiment_id)
    commands: list[tuple[str, str, Value]] = []
    problems: dict[str, str] = {}
    targets = [
        (run, now)
        for run, now in zip(snapshot.experiment.runs, snapshot.settings, strict=True)
        if run.id in run_ids and run.state.is_active
    ]
    none_has_auxiliary = all(run.config["auxiliary"] == "none" for run, _ in targets)
    for run, now in targets:
        own = {name: value for name, value in values.items() if value != now[name]}
        if run.config["auxiliary"] == "none" and not none_has_auxiliary:  # of several runs, those that have one
            own = {name: value for name, value in own.items() if name not in OF_AUXILIARY}
        problems |= _problems(snapshot.experiment.task, run.config, now, own)
        commands += [(run.id, name, value) for name, value in own.items()]
    if problems or not commands:
        return SettingsChanged(problems)
    seen = max((event.id for event in store().events(run_ids)), default=0)
    # All at once, so that they act on every run at the same step; one that ended since the look is left alone.
    ids = store().add_commands([(run, "set", name, value) for run, name, value in commands])
    asked = {(run, name) for (run, name, _), id in zip(commands, ids, strict=True) if id is not None}
    waits = {run.id for run in snapshot.experiment.runs if run.state is RunState.QUEUED}
    events: list[EventRow] = []
    missing = set(asked)
    deadline = time.monotonic() + ANSWER_SECONDS
    while any(run not in waits for run, _ in missing) and time.monotonic() < deadline:
        time.sleep(0.03)
        fresh = [event for event in store().events(run_ids, after_id=seen) if event.kind in ("knob", "refused")]
        events = [event for event in fresh if (event.run, event.data["field"]) in asked]
        missing = asked - {(event.run, event.data["field"]) for event in events}
    names = [name for name in values if any(name == waiting_changes for _, waiting_changes in asked)]
    late = [name for name in values if any(name == waiting_changes for _, waiting_changes in missing)]
    return SettingsChanged(asked=tuple(names), events=tuple(events), unanswered=tuple(late))


def _problems(
    task: str, config: Mapping[str, object], now: Mapping[str, Value], values: Mapping[str, Value]
) -> dict[str, str]:
    fusion = {name: value for name, value in now.items() if name != "lr"}
    with declared.of_task(task):
        settings = Settings(float(now["lr"]), FusionConfig.model_validate({**config, **fusion}))
    problems = {}
    for name, value in values.items():
        try:
            settings = settings.changed(name, value)
        except ConfigError as error:
            problems[name] = plainly(name, str(error))
    return problems
