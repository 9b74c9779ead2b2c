"""A database server drops its connections, crashes and comes back while networks are trained into it."""

import threading

import numpy as np
import pytest

from dmf.errors import StoreError
from dmf.jobs import Job, create_experiment
from dmf.records import RunState
from dmf.runs import RunStore, sink

pytestmark = pytest.mark.processes

EPOCHS, STEPS = 3, 12  # 4 steps each
RACE = ("mad", "bayesian,auxiliary=none")


@pytest.fixture
def server(postgresql):
    yield postgresql
    if not postgresql.is_running():
        postgresql.start()


@pytest.fixture
def opened(server, home, tmp_path, monkeypatch, hasty):
    """A store on the server; whoever is silent in it is found so at the second look."""
    monkeypatch.setenv("DMF_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setattr(sink, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(sink, "RETRY_INTERVAL", 0.02)
    store = RunStore(server.new_store(), monotonic=hasty)
    yield store
    store.close()


def trained(store, experiment, owner, at):
    """Trains, and calls ``at`` with the job and the step that each run has taken."""
    job = Job(store, experiment, owner)
    job.train(lambda runs: at(job, min(run.step for run in runs)))


def nothing(job, step):
    pass


def assert_as_if_nothing_had_been(store, experiment, tiny, tmp_path):
    """Steps, values, scores and events equal those of a training into a file that nothing disturbed."""
    undisturbed = RunStore(tmp_path / "undisturbed" / "runs.sqlite")
    other = create_experiment(undisturbed, tiny(*RACE, epochs=str(EPOCHS)))
    trained(undisturbed, other, "another", nothing)
    for here, there in zip(store.experiment(experiment.id).runs, undisturbed.experiment(other.id).runs, strict=True):
        assert here.state is there.state is RunState.FINISHED
        found, expected = store.telemetry(here.id), undisturbed.telemetry(there.id)
        np.testing.assert_array_equal(found.steps, np.arange(STEPS))
        assert found.values.tobytes() == expected.values.tobytes()
        scores = [
            opened.epoch_metrics([row.id]).drop(columns="run") for opened, row in ((store, here), (undisturbed, there))
        ]
        assert scores[0].equals(scores[1])
        pictures = [
            [sample.epoch for sample in opened.samples(row.experiment) if sample.run == row.id]
            for opened, row in ((store, here), (undisturbed, there))
        ]
        assert pictures[0] == pictures[1]
    undisturbed.close()


def test_training_goes_on_while_a_server_is_away_and_nothing_is_lost(server, opened, tiny, tmp_path):
    experiment = create_experiment(opened, tiny(*RACE, epochs=str(EPOCHS)))
    told, seen, went_on = [], [], threading.Event()

    def bring_back(job):
        assert went_on.wait(60)
        while "is away since" not in (said := job.trouble or ""):
            assert not job.stop.wait(0.01)
        told.append(said)
        with pytest.raises(StoreError, match=r"is away since \d\d:\d\d:\d\d and cannot be reached: .*Check that its"):
            opened.runs()  # what a page asks
        server.start()

    def at(job, step):
        seen.append(step)
        if step == 2:
            server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
        if step == 5:
            threading.Thread(target=bring_back, args=(job,), daemon=True).start()
            server.stop("immediate")  # as a crash
        if step == 7:
            went_on.set()  # without it, up to the checkpoint at the 8th

    trained(opened, experiment, "me", at)
    assert seen == list(range(1, STEPS + 1))
    (said,) = told
    assert "trying again for 10 min. Training goes on until its next checkpoint, and what it records waits" in said
    assert {run.attempt for run in opened.experiment(experiment.id).runs} == {1}
    assert_as_if_nothing_had_been(opened, experiment, tiny, tmp_path)


def test_a_server_that_stays_away_ends_the_training_which_is_resumed_from_its_checkpoint(
    server, opened, tiny, tmp_path, monkeypatch
):
    experiment = create_experiment(opened, tiny(*RACE, epochs=str(EPOCHS)))
    monkeypatch.setattr(sink, "AWAY_SECONDS", 0.3)
    monkeypatch.setattr(sink, "RETRY_SECONDS", 0.3)
    seen = []

    def at(job, step):
        seen.append(step)
        if step == 6:
            server.stop("fast")

    said = r"could not be reached for \d s\. Training has ended; once its server is there again, resume from the last"
    with pytest.raises(StoreError, match=said):
        trained(opened, experiment, "me", at)
    assert seen == list(range(1, 8))  # at the checkpoint after the 8th it waited
    server.start()
    opened.runs()
    left = opened.experiment(experiment.id)
    assert {run.state for run in left.runs} == {RunState.INTERRUPTED}
    trained(opened, left, "who resumes", nothing)
    assert {run.attempt for run in opened.experiment(experiment.id).runs} == {2}
    assert_as_if_nothing_had_been(opened, experiment, tiny, tmp_path)
