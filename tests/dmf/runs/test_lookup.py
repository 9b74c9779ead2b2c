import pytest

from dmf.errors import RunFinishedError
from dmf.records import RunState, StateChange
from dmf.runs import RunStore


def test_a_run_whose_owner_is_silent_reads_as_interrupted_before_anyone_has_marked_it(
    store, location, clock, experiment, run
):
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    reader = RunStore(location, clock=clock, monotonic=clock)
    beat = reader.run(run).heartbeat
    clock.now += 10.1

    for row in (reader.run(run), reader.experiment(experiment.id).runs[0]):
        assert (row.state, row.owner, row.ended) == (RunState.INTERRUPTED, None, beat)
        assert row.reason == "its owner has been silent for 10 s"
    with pytest.raises(RunFinishedError, match="is interrupted; it cannot pause any more"):
        reader.add_command(run, "pause")
    assert store.events([run])[-1].data["state"] == "running"  # reading marks nothing

    store.heartbeat([run], "me")
    assert reader.run(run).state is RunState.RUNNING
    reader.close()
