"""A recorded run goes on: from a step of its own checkpoint, as a new attempt, whatever ended it."""

import numpy as np
import pytest
import torch

from dmf.errors import ConfigError, NotOwnerError
from dmf.fusion import Fusion
from dmf.recording import record
from dmf.records import RunState
from dmf.weighting import MADWeighting


@pytest.fixture
def loop(store):
    """Records so many steps of losses that count the steps; returns the run."""

    def run(steps, *, first=0, error=None, terms=2, metrics=(), **about):
        fusion = Fusion(MADWeighting(terms))
        with record("mine", fusion=fusion, store=store, **about) as recording:
            for step in range(first, first + steps):
                recording.write(fusion(torch.full((terms,), 1.0 + step)))
                for epoch, at in metrics:
                    if step + 1 == at:
                        recording.metrics(epoch, "validation", {"cb_dice": epoch / 10})
            if error:
                raise error
        return recording

    return run


def losses(store, run):
    telemetry = store.telemetry(run, columns=["loss_L1"])
    assert telemetry.steps.tolist() == list(range(len(telemetry.steps)))
    return telemetry.values[:, 0].tolist()


def test_a_run_goes_on_from_a_step_and_what_came_later_is_replaced(store, loop):
    first = loop(16, metrics=[(1, 5), (2, 10), (3, 15)], tags=["paper"])
    second = loop(30, first=10, resume=first.id, step=10)
    (run,) = store.runs()
    assert second.id == first.id == run.id
    assert (run.state, run.attempt, run.tags) == (RunState.FINISHED, 2, ("paper",))
    assert losses(store, run.id) == [1.0 + step for step in range(40)]
    assert store.epoch_metrics([run.id]).epoch.tolist() == [1, 2]  # epoch 3 was of a step that is gone
    states = [event.data["state"] for event in store.events([run.id]) if event.kind == "state"]
    assert states == ["running", "finished", "queued", "running", "finished"]


def test_without_a_step_a_run_goes_on_after_its_last(store, loop):
    with pytest.raises(ZeroDivisionError):
        loop(6, error=ZeroDivisionError())
    (run,) = store.runs()
    loop(4, first=6, resume=run.id)
    assert losses(store, run.id) == [1.0 + step for step in range(10)]


def test_a_run_of_a_killed_program_goes_on_once_its_owner_is_known_to_be_gone(store, loop, monkeypatch):
    run = loop(6)
    store.claim([run.id], "a process that is gone", reopen=True)
    monkeypatch.setattr("dmf.runs.watching.SILENT_SECONDS", 0.2)
    monkeypatch.setattr("dmf.runs.store.LOOK_SECONDS", 0.02)
    loop(2, first=3, resume=run.id, step=3)
    assert losses(store, run.id) == [1.0 + step for step in range(5)]


def test_a_run_that_its_program_still_trains_is_left_alone(store, loop, monkeypatch):
    run = loop(6)
    store.claim([run.id], "me", reopen=True)
    monkeypatch.setattr("dmf.runs.store.time.sleep", lambda _: store.heartbeat([run.id], "me"))
    with pytest.raises(NotOwnerError, match="owned by 'me'"):
        loop(1, resume=run.id)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(6))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"step": 7}, "has recorded 6 steps, so it cannot go on from step 7: steps would be missing"),
        ({"step": -1}, "`step` is the first step of a run that is resumed, 0 or later, got -1"),
        ({"terms": 3}, "has the losses L1, L2, got L1, L2, L3. Resume it with its own"),
        ({"config": {"lr": 0.5}}, "lr: 0.5, but experiment .* has 0.1"),
    ],
)
def test_what_cannot_go_on_is_told_and_nothing_changes(store, loop, about, message):
    run = loop(6, config={"lr": 0.1})
    before = store.run(run.id)
    with pytest.raises(ConfigError, match=message):
        loop(1, resume=run.id, **about)
    assert store.run(run.id) == before


def test_a_step_needs_a_run_that_is_resumed():
    with pytest.raises(ConfigError, match="`step` is the first step of a run that is resumed"):
        record("mine", step=3)
