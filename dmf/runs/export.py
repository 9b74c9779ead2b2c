"""Writes one run to a file that other programs read: CSV, Parquet, JSON, TensorBoard, or its changes of settings."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from dmf.errors import ConfigError, RunNotFoundError, StoreError
from dmf.records import SettingChange
from dmf.registry import unknown
from dmf.runs import tensorboard
from dmf.runs.rows import RunRow, Telemetry
from dmf.runs.store import RunStore

if TYPE_CHECKING:
    import pandas as pd

ExportFormat: TypeAlias = Literal["csv", "parquet", "json", "tensorboard", "events"]

_TAIL = ("auxiliary", "gamma", "total", "lr", "finite")
_MEASURED = ("grad_norm", "grad_cos", "grad_step", "grad_share")  # values at some steps only


def export_run(store: RunStore, run_id: str, format: ExportFormat, path: str | Path) -> None:
    """Write a run to ``path``, replacing what an earlier export left there.

    ``csv`` and ``parquet``: one row per step with the columns step, loss_<term>, weight_<term>, auxiliary, gamma,
    total, lr, finite, and where gradients were measured grad_norm_<loss>, grad_cos_<loss>_<loss>, grad_step_<loss> and
    grad_share_<loss>, nan at all other steps; every float32 as the shortest text that reads back the same. ``json``:
    one document with experiment, run, environment, telemetry (column -> values), epoch metrics, events and the tags of
    its images; a number that is not finite is null. ``tensorboard``: ``path`` is a folder for any number of runs, each
    in a folder of its own, which ``tensorboard --logdir`` opens: per step loss/<term>, weight/<term>, auxiliary, gamma,
    total, lr and finite, per measurement grad_norm/<loss> and so on, per epoch <split>/<metric>. ``events``: the
    changes of settings made while it trained, as ``dmf.live_settings.read_events`` reads them; ``run_id`` may then name
    an experiment, for the changes of all its runs.

    Raises:
        RunNotFoundError: If there is no such run.
        ConfigError: If the format is unknown.
        StoreError: If the file cannot be written.
    """
    formats = get_args(ExportFormat)
    if format not in formats:
        raise ConfigError(unknown("export format", format, dict.fromkeys(formats)), "format")
    try:
        if format == "events":
            from dmf.live_settings import write_events

            write_events(path, _changes(store, run_id))
            return
        run = store.run(run_id)
        if format == "tensorboard":
            _write_tensorboard(store, run, Path(path) / run.id)
            return
        telemetry = store.telemetry(run_id)
        if format == "csv":
            _frame(telemetry).to_csv(path, index=False, na_rep="nan")
        elif format == "parquet":
            _frame(telemetry).to_parquet(path, index=False)
        else:
            from dmf.image_sets import image_set

            experiment = store.experiment(run.experiment)
            document = {
                "experiment": {"id": experiment.id, "name": experiment.name, "config": experiment.config},
                "run": asdict(run),
                "environment": experiment.environment,
                "telemetry": _frame(telemetry).assign(time=telemetry.times).to_dict("list"),
                "epoch_metrics": store.epoch_metrics([run_id]).drop(columns="run").to_dict("records"),
                "events": [asdict(event) for event in store.events([run_id])],
                "case_tags": store.case_tags(image_set(experiment.config, experiment.id)),
            }
            Path(path).write_text(json.dumps(_finite(document), allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror or error}. Choose another file with `-o`.") from error


def _changes(store: RunStore, id: str) -> dict[str, Sequence[SettingChange]]:
    """Changes of settings by label: of one run, or of every run of an experiment."""
    from dmf.live_settings import changes_of

    try:
        runs: Sequence[RunRow] = store.experiment(id).runs
    except RunNotFoundError:
        runs = [store.run(id)]
    launched = store.experiment(runs[0].experiment).config.get("runs", [])
    # `dmf train` knows a run by the label that it was launched with.
    labels = [launched[run.position]["label"] if run.position < len(launched) else run.label for run in runs]
    return {label: changes_of(store.events([run.id])) for label, run in zip(labels, runs, strict=True)}


def _write_tensorboard(store: RunStore, run: RunRow, folder: Path) -> None:
    telemetry = store.telemetry(run.id)
    metrics = store.epoch_metrics([run.id])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"events.out.tfevents.{run.created:.0f}.dmf").open("wb") as file:
        file.write(tensorboard.first_record(run.created))
        columns = list(enumerate(telemetry.columns))
        whole = [index for index, name in columns if not name.startswith(_MEASURED)]
        tags = [_chart(telemetry.columns[index]) for index in whole]
        steps, times = telemetry.steps, telemetry.times
        file.writelines(tensorboard.scalar_records(tags, steps, times, telemetry.values[:, whole]))
        for index, name in columns:
            if name.startswith(_MEASURED):
                values = telemetry.values[:, index]
                there = np.isfinite(values)
                measured = steps[there], times[there], values[there][:, None]
                file.writelines(tensorboard.scalar_records([_chart(name)], *measured))
        for (split, metric), rows in metrics.groupby(["split", "metric"]):
            steps = rows["step"].to_numpy(np.int64)
            # After `step` steps, so when the one before it was taken.
            known = len(telemetry.steps) > 0
            times = (
                np.interp(steps - 1, telemetry.steps, telemetry.times) if known else np.full(len(steps), run.created)
            )
            values = rows["value"].to_numpy(np.float32)[:, None]
            file.writelines(tensorboard.scalar_records([f"{split}/{metric}"], steps, times, values))


def _chart(column: str) -> str:
    """The name of a column as TensorBoard groups charts: ``loss/ce``."""
    kind = next((kind for kind in ("loss", "weight", *_MEASURED) if column.startswith(f"{kind}_")), None)
    return column if kind is None else f"{kind}/{column.removeprefix(f'{kind}_')}"


def _frame(telemetry: Telemetry) -> "pd.DataFrame":
    """One row per step; losses first, then weights, then the rest in the order of the documentation."""
    import pandas as pd

    def place(name: str) -> int:
        if name.startswith("loss_"):
            return -2
        if name.startswith("weight_"):
            return -1
        return _TAIL.index(name) if name in _TAIL else len(_TAIL)

    frame = pd.DataFrame(telemetry.values, columns=list(telemetry.columns))
    frame = frame[sorted(telemetry.columns, key=place)]
    frame.insert(0, "step", telemetry.steps)
    return frame


def _finite(value: Any) -> Any:
    """``value`` with None in place of NaN and infinities, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value
