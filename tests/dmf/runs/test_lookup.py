import pytest

from dmf.errors import RunFinishedError
from dmf.records import RunState, StateChange


def test_a_run_whose_lease_has_passed_reads_as_interrupted_before_anyone_has_marked_it(store, clock, experiment, run):
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    lease = store.run(run).lease
    clock.now = lease
    assert store.run(run).state is RunState.RUNNING
    clock.now = lease + 0.1

    for row in (store.run(run), store.experiment(experiment.id).runs[0]):
        assert (row.state, row.owner, row.ended) == (RunState.INTERRUPTED, None, lease)
        assert row.reason == "its owner has been silent for 8 s"
    with pytest.raises(RunFinishedError, match="is interrupted; it cannot pause any more"):
        store.add_control(run, "pause")
    assert store.events([run])[-1].data["state"] == "running"  # reading marks nothing

    store.heartbeat([run], "me")
    assert store.run(run).state is RunState.RUNNING


def test_a_run_that_ended_reads_as_it_ended_whatever_its_lease(store, clock, run):
    store.write([StateChange(run, 0, RunState.FINISHED)], "me")
    clock.now += 100
    assert store.run(run).state is RunState.FINISHED
