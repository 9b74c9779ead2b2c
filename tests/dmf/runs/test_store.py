import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from dmf.errors import RunNotFoundError, StoreError
from dmf.records import Artifact, Event, RunState, StateChange
from dmf.runs import RunStore


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


def test_reading_from_a_server_begins_no_transaction_and_writing_does(store):
    if store.file is not None:
        pytest.skip("only a server is far away")
    states = []
    for transaction in (store._reading, store._writing):
        with transaction() as connection:
            connection.execute(text("SELECT 1"))
            states.append(connection.connection.dbapi_connection.info.transaction_status.name)
    assert states == ["IDLE", "INTRANS"]


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
    (run,) = store.create_experiment({}, name="", labels=["mad"], run_configs=[{}], environment={}).runs
    with pytest.raises(RunNotFoundError, match=f"That is a run; its experiment is '{run.experiment}'"):
        store.experiment(run.id)
    for ask in (store.run, store.attempt, store.telemetry):
        with pytest.raises(RunNotFoundError, match=r"No run 'r-0'.*`dmf runs` lists"):
            ask("r-0")


def test_something_that_is_not_json_is_refused(store):
    with pytest.raises(StoreError, match="set is not JSON serializable"):
        store.create_experiment({"a": {1}}, name="", labels=["a"], run_configs=[{}], environment={})


def test_artifacts_lie_beside_the_store(store, sqlite_file, run):
    assert store.artifact_folder(run) == sqlite_file.parent / "artifacts" / run


def test_the_files_of_a_database_server_lie_where_the_store_says_wherever_it_is_opened(
    store, location, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "file", None)  # as one that is no file
    monkeypatch.delenv("DMF_ARTIFACTS", raising=False)
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv("DMF_HOME", str(tmp_path / folder))
        monkeypatch.chdir(tmp_path / folder)
        other = RunStore(location)
        monkeypatch.setattr(other, "file", None)
        assert other.artifact_folder(run) == tmp_path / "first" / "artifacts" / run
        other.close()
    monkeypatch.setenv("DMF_ARTIFACTS", str(tmp_path / "mounted"))  # this machine sees it elsewhere
    assert store.artifact_folder(run) == tmp_path / "mounted" / run
    with pytest.raises(StoreError, match=rf"Mount it at {tmp_path / 'mounted'}, or let DMF_ARTIFACTS name where it is"):
        store.check_reach([run])


def test_runs_whose_files_cannot_be_reached_are_not_deleted(store, run, tmp_path, monkeypatch):
    store.write(
        [Artifact(run, "checkpoint_last", 1, 4, "last.safetensors", 3), StateChange(run, 4, RunState.STOPPED)], "me"
    )
    store.release([run], "me")
    monkeypatch.setattr(store, "file", None)
    monkeypatch.setenv("DMF_ARTIFACTS", str(tmp_path / "mounted"))
    with pytest.raises(StoreError, match="which cannot be reached from here"):
        store.delete_runs([run])
    assert store.run(run).state is RunState.STOPPED


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


TRAIN = """
import os, sys, time
from dmf.records import Event
from dmf.runs import RunStore, StoreSink

def train(owner):
    store = RunStore(sys.argv[1])
    row = store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})
    run = row.runs[0].id
    store.claim([run], owner)
    sink = StoreSink(store, owner)
    for step in range(300):
        sink.write(Event(run, step, "note"))
        time.sleep(0.001)
    sink.close()

for index in range(8):
    if os.fork() == 0:
        train(f"owner-{index}")
        os._exit(0)
for _ in range(8):
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_eight_processes_that_train_into_one_store_lose_nothing(location):
    assert outcomes([spawn(TRAIN, location)]) == [""]
    store = RunStore(location)
    runs = store.runs()
    assert len(runs) == 8
    for run in runs:
        assert [event.step for event in store.events([run.id])] == list(range(300))
    assert len({experiment.place for experiment in store.experiments()}) == 8
    store.close()


def test_who_is_asked_before_writing_can_keep_it_from_happening(store):
    """Reading, and what the store notes for itself meanwhile, asks nobody."""
    made = store.create_experiment({}, name="x", labels=["a"], run_configs=[{}], environment={})

    def refuse():
        raise PermissionError("not you")

    store.before_writing = refuse
    with pytest.raises(PermissionError, match="not you"):
        store.delete_runs([made.runs[0].id])
    assert [each.id for each in store.experiments()] == [made.id]
    store.artifact_folder(made.runs[0].id)
    store.before_writing = None
    store.update_run(made.runs[0].id, notes="mine")
