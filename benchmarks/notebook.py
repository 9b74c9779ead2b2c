"""One training step at the sizes of the authors' notebook, beside what their notebook was seen to take."""

from pathlib import Path
from statistics import median

from benchmarks.harness import Row, seconds
from dmf.build import build_workbench
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig

RECORDED = (1.2, 1.6)  # s: loss and weights only, and with its metrics


def rows(quick: bool) -> list[Row]:
    size, batch, filters = (32, 4, 4) if quick else (128, 16, 32)
    runs = (RunConfig(label="mad", fusion=FusionConfig(weighting="mad")),)
    config = ExperimentConfig(
        data=DataConfig(image_size=size, limit=2 * batch),
        model=ModelConfig(filters=filters),
        training=TrainingConfig(device="cpu", batch_size=batch),
        runs=runs,
    )
    workbench = build_workbench(config)
    run = workbench.run("bench", runs[0], Path("unused"))  # only checkpoints would be written there
    with workbench.numerics.applied():
        batch_of_cases = workbench.feed.training_batch(0)
        for _ in range(2):
            run.take_step(batch_of_cases)
        taken = median(seconds(lambda: run.take_step(batch_of_cases)) for _ in range(2 if quick else 12))
    return [
        Row(
            f"training step, mad + CB-Dice, {size} px, {filters} filters, batch {batch}, channels-last",
            f"{taken:.2f} s",
            f"the authors' notebook {RECORDED[0]} to {RECORDED[1]} s (recorded, two cores)",
            "" if quick else f"{RECORDED[0] / taken:.1f}x to {RECORDED[1] / taken:.1f}x faster",
        )
    ]
