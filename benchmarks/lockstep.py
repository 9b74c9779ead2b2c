"""Four runs in lockstep, beside the same four one after another: wall time from claim to finish."""

from collections.abc import Callable, Sequence

from benchmarks.harness import Row, alternate, new_job, temporary_store
from dmf.build import build_workbench
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.records import RunState
from dmf.runs import RunStore

TARGET = 1.25


def rows(quick: bool) -> list[Row]:
    data = DataConfig(image_size=32 if quick else 64, limit=32 if quick else 128)
    model = ModelConfig(filters=4 if quick else 8)
    training = TrainingConfig(device="cpu", epochs=1 if quick else 4)
    runs = tuple(
        RunConfig(label=name, fusion=FusionConfig(weighting=name)) for name in ("fixed", "variance", "mad", "bayesian")
    )
    together = ExperimentConfig(data=data, model=model, training=training, runs=runs)
    alone = [together.model_copy(update={"runs": (run,)}) for run in runs]
    steps = build_workbench(together).facts()["steps_total"]  # and the data are prepared, for both sides
    with temporary_store() as store:
        rounds, warm_up = (1, 0) if quick else (5, 1)
        pair = alternate(_train(store, [together]), _train(store, alone), rounds=rounds, warm_up=warm_up)
    mine, other = pair.seconds
    return [
        Row(
            f"4 runs of {steps} steps, evaluated, {data.image_size} px, {model.filters} filters",
            f"lockstep {mine:.2f} s",
            f"one after another {other:.2f} s",
            f"{pair.ratio:.2f}",
            f"<= {TARGET}",
            pair.ratio <= TARGET,
        )
    ]


def _train(store: RunStore, configs: Sequence[ExperimentConfig]) -> Callable[[], None]:
    def train() -> None:
        for config in configs:
            job = new_job(store, config)
            job.train()
            ended = {run.state for run in store.experiment(job.experiment.id).runs}
            assert ended == {RunState.FINISHED}, f"runs ended as {ended}"

    return train
