"""What a visitor of the guided tour waits for who trains a scene: wall time from claim to finish, data prepared."""

from benchmarks.harness import Row, new_job, seconds, temporary_store
from dmf.build import build_workbench
from dmf.records import RunState
from dmf.scenes import SCENES, Scene

TARGET = 30.0  # s


def rows(quick: bool) -> list[Row]:
    return [_row(scene, quick) for scene in SCENES.values()]


def _row(scene: Scene, quick: bool) -> Row:
    told = scene.preset.config()
    config = told.model_copy(
        update={
            "training": told.training.model_copy(update={"device": "cpu", **({"epochs": 1} if quick else {})}),
            "data": told.data.model_copy(update={"limit": 24, "image_size": 32} if quick else {}),
        }
    )
    steps = build_workbench(config).facts()["steps_total"]
    with temporary_store() as store:
        job = new_job(store, config)
        taken = seconds(job.train)
        ended = {run.state for run in store.experiment(job.experiment.id).runs}
        assert ended == {RunState.FINISHED}, f"runs ended as {ended}"
    return Row(
        f"scene “{scene.title}” trained, {len(config.runs)} runs of {steps} steps",
        f"{taken:.1f} s",
        "",
        "",
        f"<= {TARGET:.0f} s",
        taken <= TARGET,
    )
