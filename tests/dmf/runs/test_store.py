import subprocess
import sys
import threading

import pytest

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError, StoreError
from dmf.records import Control, Event, RunState, StateChange
from dmf.runs import LEASE_SECONDS, RunStore


def spawn(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def outcomes(processes):
    found = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in found] == [""] * len(processes)
    return [output.strip() for output, _ in found]


# Experiments and runs


def test_an_experiment_and_its_runs_come_back_as_given(store, clock, experiment):
    again = store.experiment(experiment.id)

    assert again == experiment
    assert again.name == "a race"
    assert again.task == "segmentation"
    assert again.config == {"seed": 7, "weighting": ["mad", "variance"]}
    assert again.environment == {"torch": "2.15.0"}
    assert [run.label for run in again.runs] == ["MAD", "Variance"]
    assert [run.config for run in again.runs] == [{"weighting": "mad"}, {"weighting": "variance"}]
    first = again.runs[0]
    assert store.run(first.id) == first
    assert (first.state, first.attempt, first.owner, first.created) == (RunState.QUEUED, 1, None, clock.now)
    assert first.summary == {"step": -1, "epoch": 0, "metrics": {}, "steps_per_second": None}


def test_ids_are_short_sortable_and_fit_for_a_url(store, clock):
    ids = []
    for _ in range(3):
        clock.now += 1
        row = store.create_experiment({}, name="", labels=["a"], run_configs=[{}], environment={})
        ids.append(row.id)
        assert row.runs[0].id == f"r-{row.id[2:]}-01"
    assert ids == sorted(ids)
    assert all(len(id) < 30 and id.replace("-", "").isalnum() and id.startswith("e-20270115-0800") for id in ids)


@pytest.mark.parametrize(("labels", "configs"), [([], []), (["a"], []), (["a"], [{}, {}])])
def test_an_experiment_needs_a_label_for_each_run(store, labels, configs):
    with pytest.raises(ValueError, match="one label per run and at least one"):
        store.create_experiment({}, name="", labels=labels, run_configs=configs, environment={})


def test_experiments_and_runs_are_listed_newest_first_in_pages(store, clock):
    made = []
    for _ in range(3):
        clock.now += 1
        made.append(store.create_experiment({}, name="", labels=["a", "b"], run_configs=[{}, {}], environment={}))
    made.reverse()

    assert store.experiments() == made
    assert store.experiments(limit=1, offset=1) == [made[1]]
    runs = [run for experiment in made for run in experiment.runs]
    assert store.runs() == runs
    assert store.runs(limit=2, offset=1) == runs[1:3]


def test_unknown_ids_are_refused_with_the_way_out(store):
    with pytest.raises(RunNotFoundError, match=r"No experiment 'e-0'.*`dmf runs` lists"):
        store.experiment("e-0")
    for ask in (store.run, store.attempt, store.telemetry):
        with pytest.raises(RunNotFoundError, match=r"No run 'r-0'.*`dmf runs` lists"):
            ask("r-0")


def test_something_that_is_not_json_is_refused(store):
    with pytest.raises(StoreError, match="set is not JSON serializable"):
        store.create_experiment({"a": {1}}, name="", labels=["a"], run_configs=[{}], environment={})


def test_artifacts_lie_beside_the_store(store, sqlite_file, run):
    assert store.artifact_folder(run) == sqlite_file.parent / "artifacts" / run


# Who owns a run


def test_claiming_gives_an_owner_and_a_lease(store, clock, experiment):
    ids = [run.id for run in experiment.runs]
    clock.now += 3

    store.claim(ids, "me")

    for id in ids:
        row = store.run(id)
        assert (row.owner, row.state) == ("me", RunState.QUEUED)
        assert (row.heartbeat, row.lease) == (clock.now, clock.now + LEASE_SECONDS)


def test_a_run_of_another_is_not_claimed_and_the_message_says_whose_it_is(store, run):
    with pytest.raises(NotOwnerError, match=f"Run '{run}' is queued and owned by 'me', not by 'you'.*8 s"):
        store.claim([run], "you")
    store.claim([run], "me")


def test_all_runs_are_claimed_or_none(store, experiment):
    first, second = (run.id for run in experiment.runs)
    store.claim([second], "me")
    with pytest.raises(NotOwnerError, match=second):
        store.claim([first, second], "you")
    assert store.run(first).owner is None


def test_a_finished_run_cannot_be_claimed(store, run):
    store.write([StateChange(run, 5, RunState.FINISHED)], "me")
    with pytest.raises(RunFinishedError, match="is finished; start a new experiment"):
        store.claim([run], "me")


def test_an_unknown_run_cannot_be_claimed(store):
    with pytest.raises(RunNotFoundError, match="No run 'r-0'"):
        store.claim(["r-0"], "me")


@pytest.mark.parametrize("state", [RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED])
def test_a_resumable_run_is_queued_again_by_a_claim(store, run, state):
    store.add_control(run, "stop")
    store.write([StateChange(run, 5, state, "why")], "me")
    store.release([run], "me")

    store.claim([run], "you")

    row = store.run(run)
    assert (row.owner, row.state, row.ended, row.reason) == ("you", RunState.QUEUED, None, "resumed")
    assert [event.data["state"] for event in store.events([run])] == [state.value, "queued"]
    assert store.pending_controls([run]) == []  # a Stop from before would stop it at once


def test_wishes_about_a_queued_run_survive_the_claim(store, experiment):
    run = experiment.runs[0].id
    store.add_control(run, "pause")
    store.claim([run], "me")
    assert [control.command for control in store.pending_controls([run])] == ["pause"]


def test_a_run_is_interrupted_when_its_owner_is_silent_for_8_seconds(store, clock, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    clock.now += 8
    assert store.sweep_interrupted() == []
    store.heartbeat([other], "me")
    clock.now += 0.1

    assert store.sweep_interrupted() == [run]

    row = store.run(run)
    assert (row.state, row.owner, row.ended) == (RunState.INTERRUPTED, None, clock.now)
    assert row.reason == "its owner has been silent for 8 s"
    assert store.events([run])[-1].data["state"] == "interrupted"
    assert store.run(other).state == RunState.QUEUED
    assert store.sweep_interrupted() == []


def test_a_queued_run_that_nobody_claims_is_interrupted_too(store, clock, experiment):
    clock.now += 8.1
    assert [run.state for run in store.experiments()[0].runs] == [RunState.INTERRUPTED] * 2


def test_a_run_that_ended_is_not_swept(store, clock, run):
    store.write([StateChange(run, 0, RunState.FINISHED)], "me")
    clock.now += 100
    assert run not in store.sweep_interrupted()


def test_an_owner_that_comes_back_too_late_can_neither_beat_nor_write(store, clock, run):
    clock.now += 9
    store.sweep_interrupted()
    with pytest.raises(NotOwnerError, match=f"'me' no longer owns {run}"):
        store.heartbeat([run], "me")
    with pytest.raises(NotOwnerError, match="is interrupted and owned by nobody"):
        store.write([Event(run, 0, "note")], "me")


def test_a_late_heartbeat_before_any_sweep_keeps_the_run(store, clock, run):
    clock.now += 9
    store.heartbeat([run], "me")
    assert run not in store.sweep_interrupted()


def test_an_abandoned_run_can_be_claimed_at_once_after_its_lease(store, clock, run):
    store.write([StateChange(run, 0, RunState.RUNNING)], "me")
    with pytest.raises(NotOwnerError, match="is running and owned by 'me'"):
        store.claim([run], "you")
    clock.now += 8.1
    store.claim([run], "you")
    assert store.run(run).owner == "you"


def test_a_released_run_is_free_and_an_active_one_is_interrupted(store, clock, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 3, RunState.STOPPED)], "me")
    store.release([run, other], "me")
    clock.now += 0.1
    assert store.sweep_interrupted() == [other]
    assert (store.run(run).state, store.run(run).owner) == (RunState.STOPPED, None)


def test_only_the_owner_releases(store, run):
    store.release([run], "you")
    assert store.run(run).owner == "me"


# Wishes of users


def test_wishes_come_in_order_with_their_values(store, run):
    store.add_control(run, "pause")
    store.add_control(run, "set", "gamma", {"value": 0.5})

    assert store.pending_controls([run]) == [
        Control(1, run, "pause"),
        Control(2, run, "set", "gamma", {"value": 0.5}),
    ]


def test_a_poller_sees_wishes_about_all_its_runs_until_it_marks_them(store, experiment, run):
    other = experiment.runs[1].id
    store.add_control(run, "pause")
    store.add_control(other, "stop")

    pending = store.pending_controls([run, other])
    assert [(control.run, control.command) for control in pending] == [(run, "pause"), (other, "stop")]
    store.mark_taken([pending[0].id])
    assert store.pending_controls([run, other]) == pending[1:]


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_active])
def test_a_wish_about_a_run_that_ended_is_refused(store, run, state):
    store.write([StateChange(run, 5, state)], "me")
    with pytest.raises(RunFinishedError, match=f"Run '{run}' is {state.value}; it cannot pause any more"):
        store.add_control(run, "pause")


# Many threads, several processes


def test_threads_that_write_and_read_at_once_lose_nothing(store, experiment, run):
    errors = []

    def work(name):
        try:
            for index in range(20):
                store.write([Event(run, index, name)], "me")
                store.experiment(experiment.id)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=[str(name)]) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len(store.events([run])) == 120


CLAIM = """
import sys
from dmf.errors import NotOwnerError
from dmf.runs import RunStore
store = RunStore(sys.argv[1], clock=lambda: 1_800_000_001.0)
sys.stdin.readline()
try:
    store.claim(sys.argv[3:], sys.argv[2])
    print("claimed")
except NotOwnerError:
    print("refused")
"""


def test_of_several_processes_exactly_one_claims(store, location, experiment):
    ids = [run.id for run in experiment.runs]
    processes = [spawn(CLAIM, location, f"owner-{index}", *ids) for index in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    found = outcomes(processes)

    assert sorted(found) == ["claimed", "refused", "refused"]
    assert {store.run(id).owner for id in ids} == {f"owner-{found.index('claimed')}"}


CREATE = """
import sys
from dmf.runs import RunStore
store = RunStore(sys.argv[1])
for _ in range(10):
    store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
"""


def test_several_processes_create_one_store_and_write_to_it(location):
    outcomes([spawn(CREATE, location) for _ in range(3)])
    store = RunStore(location)
    assert len({experiment.id for experiment in store.experiments()}) == 30
    store.close()
