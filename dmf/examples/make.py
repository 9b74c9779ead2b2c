"""Makes the file of the example runs anew: ``make examples``, or ``python -m dmf.examples.make [FILE]``."""

import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.examples import FILE, MEMBER, TAG
from dmf.jobs import Job, create_experiment, new_owner
from dmf.runs import RunStore

METHODS = ("fixed", "variance", "mad", "bayesian")
STEM = "20260101-000000-e0a1b2"
"""What the ids are made of: always the same, so that a later version of the file is not added beside an earlier one."""
NAME = "Example: four ways to weight three losses"
NOTES = (
    "Came with the program. Trained on simulated ultrasound images; small, so the scores are no measure of a method."
)
EPOCHS = 24


def config(epochs: int = EPOCHS) -> ExperimentConfig:
    """What the example runs are: the four rules on the same batches, each with CB-Dice as its auxiliary loss."""
    return ExperimentConfig(
        name=NAME,
        data=DataConfig(image_size=64, limit=128),
        model=ModelConfig(filters=8),
        training=TrainingConfig(epochs=epochs, device="cpu"),
        runs=tuple(RunConfig(label=name, fusion=FusionConfig(weighting=name)) for name in METHODS),
    )


def make(file: Path, chosen: ExperimentConfig) -> None:
    """Train the runs and write them to ``file``; what is there is replaced."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MEMBER
        store = RunStore(path)
        experiment = create_experiment(store, chosen)
        Job(store, experiment, new_owner("examples")).train()
        for run in experiment.runs:
            store.update_run(run.id, tags=(TAG,), notes=NOTES)
        store.close()
        _tidy(path, experiment.id.removeprefix("e-"))
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.write(path, MEMBER)


def _tidy(path: Path, stem: str) -> None:
    """Give the runs the ids that they always have, drop what belongs to this machine, and all unused room."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("DELETE FROM artifacts")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            ids = {"run", "experiment", *(["id"] if table in ("experiments", "runs") else [])}
            for column in ids & columns:
                database.execute(f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?)', (stem, STEM))
        database.commit()
        database.execute("VACUUM")


def main(arguments: Sequence[str]) -> None:
    """Write the file of this package, or the one that is named."""
    file = Path(arguments[0]) if arguments else Path(__file__).with_name(FILE)
    make(file, config())
    print(f"Wrote {file}, {file.stat().st_size / 1e6:.2f} MB.")


if __name__ == "__main__":
    main(sys.argv[1:])
