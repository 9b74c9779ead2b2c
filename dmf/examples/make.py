"""Makes the files of the example runs anew: ``make examples``, or ``python -m dmf.examples.make [FOLDER]``."""

import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.examples import FILE, MEMBER, SCENES_FILE, TAG, TOUR_TAG, scene_stem
from dmf.jobs import Job, create_experiment, new_owner
from dmf.options import Choice
from dmf.presets import SYNTHESIS
from dmf.records import SettingChange
from dmf.runs import RunStore
from dmf.scenes import SCENES

METHODS = ("fixed", "variance", "mad", "bayesian")
STEM, SYNTHESIS_STEM = "20260101-000000-e0a1b2", "20260101-000000-e0a1b3"
"""What the ids are made of: always the same, so that a later version of the file is not added beside an earlier one."""
NAME = "Example: four ways to weight three losses"
SYNTHESIS_NAME = "Example: a late image of an early one"
NOTES = "Came with the program. Trained on simulated images; small, so the scores are no measure of a method."
EPOCHS, SYNTHESIS_EPOCHS = 24, 12


@dataclass(frozen=True)
class Example:
    """One experiment of a file.

    Attributes:
        stem: What its ids are made of.
        is_archived: Whether lists leave its runs out once they are in someone's store.
    """

    stem: str
    config: ExperimentConfig
    changes: Mapping[str, Sequence[SettingChange]] = field(default_factory=dict)
    tags: tuple[str, ...] = (TAG,)
    is_archived: bool = False


def config(epochs: int = EPOCHS) -> ExperimentConfig:
    """What the example runs are: the four rules on the same batches, each with CB-Dice as its auxiliary loss."""
    return ExperimentConfig(
        name=NAME,
        data=DataConfig(image_size=64, limit=128),
        model=ModelConfig(filters=8),
        training=TrainingConfig(epochs=epochs, device="cpu"),
        runs=tuple(RunConfig(label=name, fusion=FusionConfig(weighting=name)) for name in METHODS),
    )


def synthesis() -> ExperimentConfig:
    """The two example runs of image synthesis: L1 alone, and three losses by CoV weights."""
    alone = FusionConfig(weighting="fixed,weights=1:0:0", terms=SYNTHESIS["terms"], auxiliary="none")
    return ExperimentConfig(
        name=SYNTHESIS_NAME,
        task="synthesis",
        task_options=SYNTHESIS["task_options"],
        data=DataConfig(dataset="contrast,subjects=40,slices=3", image_size=SYNTHESIS["image_size"]),
        model=ModelConfig(filters=SYNTHESIS["filters"]),
        training=TrainingConfig(epochs=SYNTHESIS_EPOCHS, lr=SYNTHESIS["lr"], device="cpu"),
        runs=(
            RunConfig(label="L1 alone", fusion=alone),
            RunConfig(label="cov", fusion=alone.model_copy(update={"weighting": Choice(name="cov")})),
        ),
    )


def first_day() -> list[Example]:
    """The experiments that a new store has; the last one stands first in lists."""
    return [Example(SYNTHESIS_STEM, synthesis()), Example(STEM, config())]


def scenes() -> list[Example]:
    """The scenes of the tour, on the CPU; archived, so that whoever takes one over has no longer lists."""
    examples = []
    for name, scene in SCENES.items():
        chosen = scene.preset.config()
        on_cpu = chosen.model_copy(update={"training": chosen.training.model_copy(update={"device": "cpu"})})
        examples.append(Example(scene_stem(name), on_cpu, scene.changes, (TAG, TOUR_TAG), is_archived=True))
    return examples


def make(file: Path, examples: Sequence[Example]) -> None:
    """Train the runs and write them to ``file``; what is there is replaced."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MEMBER
        store = RunStore(path)
        stems = {}
        for example in examples:
            experiment = create_experiment(store, example.config, example.changes)
            Job(store, experiment, new_owner("examples")).train()
            for run in experiment.runs:
                store.update_run(run.id, tags=example.tags, notes=NOTES, archived=example.is_archived)
            stems[experiment.id.removeprefix("e-")] = example.stem
        store.close()
        files = _tidy(path, stems)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
            archive.write(path, MEMBER)
            for id, name in files:
                archive.write(path.parent / "artifacts" / id / name, f"artifacts/{_lasting(id, stems)}/{name}")


def _lasting(id: str, stems: Mapping[str, str]) -> str:
    """The id that a run always has."""
    for stem, lasting in stems.items():
        id = id.replace(stem, lasting)
    return id


def _tidy(path: Path, stems: Mapping[str, str]) -> list[tuple[str, str]]:
    """Give the runs the ids that they always have, drop what a training goes on from, and all unused room.

    Runs that are archived keep no files: the tour shows none, and whoever takes a scene over would get them without.

    Returns:
        Id that a run had before, and path of a file of it in its folder.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("DELETE FROM artifacts WHERE kind = 'checkpoint_last'")
        database.execute("DELETE FROM artifacts WHERE run IN (SELECT id FROM runs WHERE archived)")
        files = list(database.execute("SELECT run, path FROM artifacts"))
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            ids = {"run", "experiment", *(["id"] if table in ("experiments", "runs") else [])}
            for column in ids & columns:
                for stem, lasting in stems.items():
                    database.execute(f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?)', (stem, lasting))
        database.commit()
        database.execute("VACUUM")
    return files


def main(arguments: Sequence[str]) -> None:
    """Write the files of this package, or into the folder that is named."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    for name, examples in ((FILE, first_day()), (SCENES_FILE, scenes())):
        make(folder / name, examples)
        print(f"Wrote {folder / name}, {(folder / name).stat().st_size / 1e6:.2f} MB.")


if __name__ == "__main__":
    main(sys.argv[1:])
