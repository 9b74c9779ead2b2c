"""What pages start and steer: the one job manager of the server, and commands left in the store."""

import atexit
import re
import sys
import threading
import time
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.access import visitor_races
from app.access.reading import store
from app.visitors import may_change, owner_only_unless
from dmf.config import ExperimentConfig
from dmf.errors import RunFinishedError
from dmf.records import CommandName, RunState, SettingChange
from dmf.runs import ExperimentRow, RunRow

if TYPE_CHECKING:
    from dmf.jobs import JobManager

ANSWER_SECONDS = 0.6  # how long a button waits to see its effect
GOODBYE_SECONDS = 8.0  # how long the server waits for trainings to stop
COMMANDS = {
    "pause": (RunState.QUEUED, RunState.RUNNING),
    "resume": (RunState.PAUSED,),
    "step": (RunState.PAUSED,),
    "stop": (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED),
}
"""Command to the states of a run in which it means something."""


def manager() -> "JobManager":
    """The one job manager of this process and store.

    It hangs on a module that no file stands behind, which neither a hot reload nor an emptied cache takes away, so that
    the threads of a training never lose the manager that leads them.
    """
    from dmf.jobs import JobManager

    process = sys.modules.setdefault("_dmf_process", types.ModuleType("_dmf_process"))
    with process.__dict__.setdefault("lock", threading.Lock()):
        managers: dict[str, JobManager] = process.__dict__.setdefault("managers", {})
        where = str(store().url)
        known = managers.get(where)
        if known is None or (type(known) is not JobManager and not known.is_busy()):
            managers[where] = JobManager(store())
            atexit.register(_end, managers[where])
        return managers[where]


def _end(manager: "JobManager") -> None:
    """When the server ends, let what trains stop with a checkpoint rather than be cut off."""
    manager.stop_all()
    deadline = time.monotonic() + GOODBYE_SECONDS
    while manager.is_busy() and time.monotonic() < deadline:
        time.sleep(0.05)


def trouble(experiment_id: str) -> str | None:
    """Why what trains here cannot be kept just now, if so: the store is locked or gone, the disk is full."""
    here = _manager_in_use()
    return None if here is None else here.trouble(experiment_id)


def owner_in_words(owner: str) -> str:
    """Who trains a run, for people: this dashboard, another dashboard and where, or a command and where."""
    here = _manager_in_use()
    if here is not None and owner == here.owner:
        return "this dashboard"
    plain = re.sub(r", [0-9a-f]+\)$", ")", owner)
    return f"another {plain}" if plain.startswith("dashboard ") else plain


def _manager_in_use() -> "JobManager | None":
    """The manager, if something was started here: only looking must not load what trains."""
    process = sys.modules.get("_dmf_process")
    managers: dict[str, JobManager] = getattr(process, "managers", {})
    return managers.get(str(store().url))


@owner_only_unless(visitor_races.may_start)
def start(config: ExperimentConfig, changes: Mapping[str, Sequence[SettingChange]] | None = None) -> str:
    """Put an experiment into the queue of its device, one for each seed and fold of several; returns the first's id.

    Args:
        config: What to train.
        changes: Changes of settings that are known beforehand, by the label of their run.

    Raises:
        ConfigError: If something cannot work; nothing is stored then.
        StoreError: If the store refuses.
        VisitorError: If a visitor has one that trains or waits already.
    """
    if not may_change():
        visitor_races.refuse_large(config)
        with visitor_races.place():
            id = manager().launch(config, changes)
            visitor_races.remember(id)
        return id
    ids = [manager().launch(one, changes) for one in config.in_turn()]
    return ids[0]


@owner_only_unless(visitor_races.may_end)
def command(experiment_id: str, word: CommandName) -> bool:
    """Pause, resume, step or stop every run of an experiment that can, wherever it trains; resume starts ended ones.

    Returns:
        Whether it has had its whole effect, for which it is waited a moment.

    Raises:
        StoreError: If the store, or another owner, refuses.
    """
    before = store().experiment(experiment_id)
    active = [run for run in before.runs if run.state.is_active]
    if word != "stop" or any(run.state is not RunState.QUEUED for run in active) or not _cancelled(experiment_id):
        # A run that ended between the look and the click is left alone, which is what a button cannot know.
        store().add_commands([(run.id, word, None, None) for run in before.runs if run.state in COMMANDS[word]])
    if word == "resume" and not any(run.state.is_active for run in before.runs):
        manager().resume(experiment_id)
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (done := _answered(before, store().experiment(experiment_id), word)) and time.monotonic() < deadline:
        time.sleep(0.03)
    return done


def _cancelled(experiment_id: str) -> bool:
    """Whether an experiment that waits was taken out of the queue: nobody hears its commands before its turn."""
    try:
        store().cancel(experiment_id, "")
    except RunFinishedError:
        return False  # its turn has come meanwhile
    return True


def _answered(before: ExperimentRow, now: ExperimentRow, word: str) -> bool:
    """Whether every run that was meant stands elsewhere: what the page draws next is then the whole effect."""
    meant = [run.state in COMMANDS[word] for run in before.runs]
    if not any(meant):  # ended runs that are resumed
        meant = [run.state.is_resumable for run in before.runs]
    pairs = zip(before.runs, now.runs, meant, strict=True)
    return all(_condition(old) != _condition(new) for old, new, is_meant in pairs if is_meant)


def _condition(run: RunRow) -> tuple[RunState, int]:
    # While a run trains by itself, its steps say nothing about a button.
    return run.state, run.summary["step"] if run.state is RunState.PAUSED else 0
