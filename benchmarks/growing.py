"""A training whose images grow beside the same epochs at the last size: wall time, and what both reach."""

from benchmarks.harness import THREADS, Row, alternate, new_job, temporary_store
from dmf.config import ExperimentConfig
from dmf.config_text import experiment
from dmf.data import build_dataset
from dmf.data.sizes import prepare_stages

TARGET = 0.65


def rows(quick: bool) -> list[Row]:
    sizes = (16, 24, 32) if quick else (64, 96, 128)
    epochs, images, filters = (3, 24, 4) if quick else (9, 256, 16)
    texts = {
        "dataset_options": f"images={images}",
        "filters": str(filters),
        "epochs": str(epochs),
        "threads": str(THREADS),
        "device": "cpu",
        "batch_size": "4" if quick else "8",
    }
    growing = experiment({**texts, "sizes": ",".join(map(str, sizes))}, runs=["variance"])
    fixed = experiment({**texts, "image_size": str(sizes[-1])}, runs=["variance"])
    for config in (growing, fixed):  # images are prepared before either side, as for a second training
        prepare_stages(build_dataset(config.data, config.training.seed), config.data, epochs)
    scores: dict[str, float] = {}
    pair = alternate(
        lambda: scores.update(growing=_trained(growing)),
        lambda: scores.update(fixed=_trained(fixed)),
        rounds=1 if quick else 2,
        warm_up=0,
    )
    ours, beside = pair.seconds
    return [
        Row(
            f"{epochs} epochs of {':'.join(map(str, sizes))} px by turns, {filters} filters; best validation CB-Dice",
            f"{ours:.1f} s, {scores['growing']:.3f}",
            f"all at {sizes[-1]} px {beside:.1f} s, {scores['fixed']:.3f}",
            f"{pair.ratio:.2f}",
            f"<= {TARGET}",
            pair.ratio <= TARGET,
        )
    ]


def _trained(config: ExperimentConfig) -> float:
    """Train, and return the best score of the validation images."""
    with temporary_store() as store:
        job = new_job(store, config)
        job.train()
        metrics = store.epoch_metrics([run.id for run in store.experiment(job.experiment.id).runs])
    chosen = metrics[(metrics["split"] == "validation") & (metrics["metric"] == "cb_dice") & (metrics["epoch"] > 0)]
    return float(chosen["value"].max())
