"""How long a study will take and how much it will keep, from training a little of it here."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from dmf.config import ExperimentConfig
from dmf.errors import DataError

_BATCHES = 4  # that a probe trains on, at most
_EPOCHS = (1, 3)  # of the two trainings whose difference is what an epoch takes


@dataclass(frozen=True)
class Estimate:
    """What some cells need.

    Attributes:
        seconds: That they train, one after the other; None where their data are not here.
        size: Bytes that they keep.
        reason: Why there is no estimate.
    """

    seconds: float | None
    size: int | None
    reason: str = ""


def estimate(cells: Mapping[str, ExperimentConfig]) -> dict[str, Estimate]:
    """What each cell needs; cells that differ in nothing but their seed are probed once.

    Every probe trains the runs of one cell twice on a few images, for one epoch and for three. What differs between
    the two is what epochs take, and grows with the number of images; what is left is there once.
    """
    probed: dict[str, Estimate] = {}
    estimates = {}
    for key, config in cells.items():
        kind = _without_seed(config)
        if kind not in probed:
            try:
                probed[kind] = _probe(config)
            except DataError as error:
                probed[kind] = Estimate(None, None, str(error))
        estimates[key] = probed[kind]
    return estimates


def _without_seed(config: ExperimentConfig) -> str:
    training = config.training.model_copy(update={"seed": 0})
    return config.model_copy(update={"training": training, "name": ""}).model_dump_json()


def _probe(config: ExperimentConfig) -> Estimate:
    from dmf.build import estimate_steps

    whole = estimate_steps(config)
    limit = max(8, ceil(_BATCHES * config.training.batch_size / config.data.split[0]))
    limit = limit if config.data.limit is None else min(limit, config.data.limit)
    few = config.model_copy(update={"data": config.data.model_copy(update={"limit": limit})})
    small = estimate_steps(few)
    first, last = (epochs * max(1, len(config.data.sizes)) for epochs in _EPOCHS)  # each size has its share
    _trained(few, first)  # the first training of a process is slower, and prepares the images
    short, long = (_trained(few, epochs) for epochs in (first, last))
    epochs = last - first
    scale = (whole["train"] + whole["validation"]) / (small["train"] + small["validation"])
    a_epoch = tuple(max(0.0, after - before) / epochs for before, after in zip(short, long, strict=True))
    seconds, size = (
        max(0.0, once - first * one) + one * scale * config.training.epochs
        for once, one in zip(short, a_epoch, strict=True)
    )
    return Estimate(seconds, round(size))


def _trained(config: ExperimentConfig, epochs: int) -> tuple[float, float]:
    """Seconds that a training took, and bytes that it left."""
    from dmf.jobs import Job, create_experiment, new_owner
    from dmf.runs import RunStore

    training = config.training.model_copy(update={"epochs": epochs})
    with tempfile.TemporaryDirectory(prefix="dmf-probe-", ignore_cleanup_errors=True) as folder:
        store = RunStore(Path(folder) / "runs.sqlite")
        try:
            experiment = create_experiment(store, config.model_copy(update={"training": training}))
            start = time.monotonic()
            Job(store, experiment, new_owner("probe")).train()
            seconds = time.monotonic() - start
            failed = [run.reason for run in store.experiment(experiment.id).runs if run.state.value == "failed"]
        finally:
            store.close()
        if failed:
            raise DataError(failed[0])
        return seconds, float(sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()))
