"""Experiments and runs are made, described and removed. Functions of a connection."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from dmf.errors import ConfigError, RunFinishedError
from dmf.records import RunState
from dmf.runs.engine import one_at_a_time
from dmf.runs.lookup import one_experiment, one_run
from dmf.runs.queueing import next_place
from dmf.runs.rows import LEASE_SECONDS
from dmf.runs.schema import (
    artifacts,
    case_scores,
    controls,
    epoch_metrics,
    events,
    experiments,
    meta,
    runs,
    samples,
    study_cells,
)
from dmf.runs.schema import telemetry as telemetry_table
from dmf.runs.watching import Watch
from dmf.runs.writing import EMPTY_SUMMARY

LONGEST_NAME = 200  # characters, as for the name of an experiment
EXPERIMENT_ID = r"e-\d{8}-\d{6}-[0-9a-f]{6}"
"""What ids of experiments look like, so that none is taken for a name."""

_ROOT = "artifacts"  # in `meta`: where the files of runs lie whose store is a database server
_OF_A_RUN = (telemetry_table, epoch_metrics, case_scores, samples, events, controls, artifacts)


def new_experiment(
    connection: Connection,
    config: dict[str, Any],
    *,
    name: str,
    labels: Sequence[str],
    run_configs: Sequence[dict[str, Any]],
    environment: dict[str, Any],
    task: str,
    now: float,
) -> str:
    """See ``RunStore.create_experiment``; returns the id."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"
    shared = {"task": task, "tags": [], "notes": "", "created": now}
    experiment = {
        "id": f"e-{stem}",
        "name": name,
        "config": config,
        "environment": environment,
        "place": next_place(connection),
    }
    connection.execute(experiments.insert().values({**shared, **experiment}))
    rows = [
        _queued(f"e-{stem}", position, label=label, config=run_config, task=task, now=now)
        for position, (label, run_config) in enumerate(zip(labels, run_configs, strict=True))
    ]
    connection.execute(runs.insert(), rows)
    return f"e-{stem}"


def new_run(
    connection: Connection,
    experiment_id: str,
    *,
    label: str,
    config: dict[str, Any],
    now: float,
    watch: Watch,
    where: str,
) -> str:
    """See ``RunStore.add_run``; returns the id."""
    # Locked first, so that two who add at once get places of their own.
    connection.execute(select(experiments.c.id).where(experiments.c.id == experiment_id).with_for_update())
    experiment = one_experiment(connection, experiment_id, watch, where)
    _refuse_taken(connection, label, experiment_id)
    last = connection.scalar(select(func.max(runs.c.position)).where(runs.c.experiment == experiment_id))
    position = int(last or 0) + 1
    row = _queued(experiment_id, position, label=label, config=config, task=experiment.task, now=now)
    connection.execute(runs.insert(), row)
    return str(row["id"])


def _queued(
    experiment: str, position: int, *, label: str, config: dict[str, Any], task: str, now: float
) -> dict[str, Any]:
    return {
        "id": f"r-{experiment.removeprefix('e-')}-{position + 1:02d}",
        "experiment": experiment,
        "position": position,
        "label": label,
        "task": task,
        "config": config,
        "tags": [],
        "notes": "",
        "summary": EMPTY_SUMMARY,
        "state": RunState.QUEUED.value,
        "reason": "",
        "attempt": 1,
        "lease": now + LEASE_SECONDS,
        "heartbeat": now,
        "created": now,
    }


def describe_run(
    connection: Connection,
    id: str,
    *,
    name: str | None,
    tags: Sequence[str] | None,
    notes: str | None,
    archived: bool | None,
    watch: Watch,
) -> None:
    """See ``RunStore.update_run``."""
    row = one_run(connection, id, watch)
    values: dict[str, Any] = {}
    if name is not None:
        values["label"] = checked_name(name)
        _refuse_taken(connection, values["label"], row.experiment, besides=id)
    if tags is not None:
        values["tags"] = checked_tags(tags)
    if notes is not None:
        values["notes"] = notes
    if archived is not None:
        values["archived"] = archived
    if values:
        connection.execute(update(runs).where(runs.c.id == id).values(values))


def checked_name(name: str) -> str:
    """``name`` without blanks around it.

    Raises:
        ConfigError: If it is empty or too long.
    """
    if not name.strip() or len(name) > LONGEST_NAME:
        raise ConfigError(f"A name has 1 to {LONGEST_NAME} characters, got {len(name.strip())}.", "name")
    return name.strip()


def checked_tags(tags: Sequence[str]) -> list[str]:
    """``tags``, each once and without blanks around it.

    Raises:
        ConfigError: If they are no list of words, or one of them is empty.
    """
    if isinstance(tags, str) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise ConfigError(f"Tags are a list of words, none of them empty, got {tags!r}.", "tags")
    return list(dict.fromkeys(tag.strip() for tag in tags))


def _refuse_taken(connection: Connection, name: str, experiment: str, besides: str = "") -> None:
    taken = (runs.c.experiment == experiment) & (runs.c.label == name) & (runs.c.id != besides)
    other = connection.scalar(select(runs.c.id).where(taken))
    if other is not None:
        raise ConfigError(
            f"Run {other!r} of the same experiment is called {name!r} already; choose another name.", "name"
        )


def artifact_root(connection: Connection, default: Path) -> str:
    """The folder of the files of all runs, as the store names it; ``default`` from now on if it named none."""
    one_at_a_time(connection, "artifacts")  # so that of two who ask at once both get the same
    root = connection.scalar(select(meta.c.value).where(meta.c.key == _ROOT))
    if root is None:
        connection.execute(meta.insert().values(key=_ROOT, value=str(default)))
    return str(root or default)


def remove_runs(connection: Connection, ids: Sequence[str], watch: Watch) -> None:
    """See ``RunStore.delete_runs``; leaves the files."""
    # Locked first, so that nobody claims one between the look and the end of it.
    locked = select(runs).where(runs.c.id.in_(ids)).order_by(runs.c.id).with_for_update()
    runs_by_id = {row.id: row for row in connection.execute(locked)}
    rows = [one_run(connection, id, watch) for id in ids]
    for row in rows:
        if row.state.is_active:
            raise RunFinishedError(f"Run {row.id!r} is {row.state.value}. Stop it first, then delete it.")
        if row.owner is not None and not watch.is_silent(runs_by_id[row.id]):
            raise RunFinishedError(
                f"Run {row.id!r} is {row.state.value}, but {row.owner!r} has not let go of it yet. Try again in a "
                "moment."
            )
    for table in _OF_A_RUN:
        connection.execute(delete(table).where(table.c.run.in_(ids)))
    connection.execute(delete(runs).where(runs.c.id.in_(ids)))
    for experiment in {row.experiment for row in rows}:
        if connection.scalar(select(runs.c.id).where(runs.c.experiment == experiment).limit(1)) is None:
            connection.execute(delete(samples).where(samples.c.experiment == experiment))
            of_study = study_cells.c.experiment == experiment
            connection.execute(update(study_cells).where(of_study).values(experiment=None))  # open again
            connection.execute(delete(experiments).where(experiments.c.id == experiment))
