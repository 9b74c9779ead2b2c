"""SIGKILL of the server while it trains: said on the page, resumed through it, and the curve is the same to the bit."""

from collections.abc import Sequence

import numpy as np
import pytest

from dmf.config import ExperimentConfig
from dmf.jobs import Job, create_experiment, new_owner
from dmf.live_settings import changes_of
from dmf.runs import RunStore
from dmf.training import TrainingRun

pytestmark = pytest.mark.browser
MORE = 30  # steps, some epochs of 7 and their checkpoints


def turn(seen, label: str, value: object) -> None:
    seen.turn(label, value)
    seen.page.get_by_text("from step").first.wait_for()


def test_a_killed_training_is_resumed_through_the_page_and_goes_on_as_if_nothing_had_been(
    dashboard, begin, watched, tmp_path, monkeypatch
) -> None:
    store = dashboard.store
    seen = begin("mad")
    id = seen.experiment
    run = store.experiment(id).runs[0].id
    seen.wait_step(10)  # past the checkpoint of the first epoch
    turn(seen, "New γ₀", 2)
    seen.wait_step(seen.step() + MORE)
    dashboard.kill()

    again = watched(f"{dashboard.url}/train?experiment={id}")
    again.wait_state("interrupted")
    again.page.get_by_text("Resume goes on from the last checkpoint").wait_for()
    again.press("Resume")
    again.wait_state("running")
    turn(again, "New learning rate", 0.0005)
    again.wait_step(again.step() + MORE)
    again.press("Stop")
    again.wait_state("stopped")

    changes = changes_of(store.events([run]))
    assert [(change.field, change.value) for change in changes] == [("gamma", 2.0), ("lr", 0.0005)]
    expected = {"γ₀ 1 → 2", "Learning rate 0.001 → 0.0005", "Interrupted"}
    again.until(lambda: expected <= set(again.marks()), "the marks")
    monkeypatch.setenv("DMF_HOME", str(dashboard.home))
    continued = store.telemetry(run)
    steps = len(continued.steps)
    config = ExperimentConfig.model_validate(store.experiment(id).config)
    other = RunStore(tmp_path / "uninterrupted.sqlite")
    experiment = create_experiment(other, config, {config.runs[0].label: changes})
    job = Job(other, experiment, new_owner("test"))

    def stop_there(runs: Sequence[TrainingRun]) -> None:
        if runs[0].step >= steps:
            job.stop.set()

    job.train(stop_there)
    whole = other.experiment(experiment.id).runs[0]
    uninterrupted = other.telemetry(whole.id)
    assert continued.columns == uninterrupted.columns
    assert np.array_equal(continued.steps, np.arange(steps))
    assert len(uninterrupted.steps) == steps
    assert continued.values.tobytes() == uninterrupted.values.tobytes()
    scores = [opened.epoch_metrics([found]).drop(columns="run") for opened, found in ((store, run), (other, whole.id))]
    assert scores[0].equals(scores[1])
    other.close()
