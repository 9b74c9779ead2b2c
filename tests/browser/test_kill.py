"""SIGKILL of the server while it trains: said on the page, resumed through it, and the curve is the same to the bit."""

import numpy as np
import pytest

from dmf.config import ExperimentConfig
from dmf.jobs import Job, create_experiment, new_owner
from dmf.knobs import knobs_of
from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = pytest.mark.browser
EPOCHS = 200  # of 7 steps, a good 15 s: time enough to kill it, to resume it and to turn a knob, on fast machines too
SHOWN_WITHIN = 10.0  # s, on a machine that does nothing else


def turn(seen, label: str, value: object) -> None:
    seen.turn(label, value)
    seen.page.get_by_text("from step").first.wait_for()


def test_a_killed_training_is_resumed_through_the_page_and_ends_as_if_nothing_had_been(
    serve, servers, watched, tmp_path, monkeypatch
) -> None:
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    seen = watched()
    id = seen.start(serve(), without=(3, 1), **{"Epochs": EPOCHS})
    run = store.experiment(id).runs[0].id
    seen.wait_step(10)  # past the checkpoint of the first epoch of 7 steps
    turn(seen, "New γ₀", 2)
    seen.wait_step(seen.step() + 30)  # some checkpoints later
    servers[-1].kill()
    servers[-1].wait()

    again = watched(f"{serve()}/train?experiment={id}")
    again.wait_state("interrupted", SHOWN_WITHIN * again.slowness())
    again.page.get_by_text("Resume goes on from the last checkpoint").wait_for()
    again.press("Resume")
    again.wait_state("running")
    turn(again, "New learning rate", 0.0005)
    again.wait_state("finished", 240)

    changes = knobs_of(store.events([run]))
    assert [(knob.field, knob.value) for knob in changes] == [("gamma", 2.0), ("lr", 0.0005)]
    expected = {"γ₀ 1 → 2", "Learning rate 0.001 → 0.0005", "Interrupted"}
    again.until(lambda: expected <= set(again.marks()), "the marks")
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "home"))
    config = ExperimentConfig.model_validate(store.experiment(id).config)
    other = RunStore(tmp_path / "uninterrupted.sqlite")
    experiment = create_experiment(other, config, {config.runs[0].label: changes})
    Job(other, experiment, new_owner("test")).train()
    whole = other.experiment(experiment.id).runs[0]
    assert whole.state is RunState.FINISHED
    continued, uninterrupted = store.telemetry(run), other.telemetry(whole.id)
    assert continued.attempt == 2
    assert continued.columns == uninterrupted.columns
    assert np.array_equal(continued.steps, np.arange(EPOCHS * 7))
    assert continued.values.tobytes() == uninterrupted.values.tobytes()
    scores = [opened.epoch_metrics([found]).drop(columns="run") for opened, found in ((store, run), (other, whole.id))]
    assert scores[0].equals(scores[1])
