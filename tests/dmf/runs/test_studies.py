"""Studies in a store of each kind: plans, cells that are begun once, pauses."""

import threading

import pytest

from dmf.errors import ConfigError, RunNotFoundError
from dmf.records import RunState, StateChange
from dmf.runs import RunStore


def config(name, *weightings):
    runs = [{"label": one, "fusion": {"weighting": one}} for one in weightings]
    return {"name": name, "task": "segmentation", "runs": runs, "training": {"epochs": 2}}


CELLS = {f"phantom, seed {seed}": config(f"cell {seed}", "mad", "fixed") for seed in range(3)}


@pytest.fixture
def study(store):
    assert store.save_study("paper", {"repeats": 3}, CELLS) == 3
    return "paper"


def states(store, study):
    return [cell.state for cell in store.study_cells(study)]


def finish(store, owner, id):
    runs = [run.id for run in store.experiment(id).runs]
    store.write([StateChange(run, 0, RunState.FINISHED) for run in runs], owner)
    store.release(runs, owner)


def test_a_study_is_kept_with_its_cells_in_order(store, study):
    assert store.study(study).plan == {"repeats": 3}
    found = store.study_cells(study)
    assert [(cell.key, cell.config, cell.state) for cell in found] == [(key, CELLS[key], None) for key in CELLS]
    assert [row.name for row in store.studies()] == [study]


def test_a_study_that_is_not_there_says_what_is(store, study):
    with pytest.raises(RunNotFoundError, match=r"No study 'papre' in .*There are: paper"):
        store.study_cells("papre")


def test_more_cells_come_after_those_that_there_are_which_stay(store, study):
    more = {"phantom, seed 3": config("cell 3", "mad", "fixed")}
    begun = store.begin_cell(study, "me", {})
    assert store.save_study(study, {"repeats": 4}, {**CELLS, **more}) == 1
    found = store.study_cells(study)
    assert [cell.key for cell in found] == [*CELLS, *more]
    assert found[0].experiment.id == begun
    assert store.study(study).plan == {"repeats": 4}


def test_fewer_repeats_change_nothing(store, study):
    assert store.save_study(study, {"repeats": 1}, dict(list(CELLS.items())[:1])) == 0
    assert store.study(study).plan == {"repeats": 3}
    assert len(store.study_cells(study)) == 3


def test_a_cell_with_other_settings_is_refused_and_nothing_is_stored(store, study):
    changed = {"new": config("new", "mad"), "phantom, seed 1": CELLS["phantom, seed 1"] | {"training": {"epochs": 9}}}
    with pytest.raises(ConfigError, match=r"'phantom, seed 1' with other settings \(training.epochs 2, not 9\)"):
        store.save_study(study, {}, changed)
    assert [cell.key for cell in store.study_cells(study)] == list(CELLS)


def test_a_cell_that_begins_is_an_experiment_with_runs_that_are_owned(store, study):
    experiment = store.experiment(store.begin_cell(study, "me", {"torch": "2"}))
    assert (experiment.name, experiment.environment) == ("cell 0", {"torch": "2"})
    assert [(run.label, run.owner, run.state) for run in experiment.runs] == [
        ("mad", "me", RunState.QUEUED),
        ("fixed", "me", RunState.QUEUED),
    ]
    assert [run.study_cell for run in experiment.runs] == ["paper/phantom, seed 0/0", "paper/phantom, seed 0/1"]
    assert states(store, study) == [RunState.QUEUED, None, None]


def test_of_many_who_ask_at_once_each_gets_another_cell(store, location):
    count = 12
    store.save_study("many", {}, {f"cell {n}": config(f"cell {n}", "mad") for n in range(count)})
    begun, start = [], threading.Barrier(4)

    def ask(owner):
        own = RunStore(location)
        start.wait()
        while (id := own.begin_cell("many", owner, {})) is not None:
            begun.append(id)
        own.close()

    threads = [threading.Thread(target=ask, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == len(set(begun)) == count
    assert {cell.experiment.id for cell in store.study_cells("many")} == set(begun)
    assert store.begin_cell("many", "me", {}) is None


def test_stopped_and_on_demand_failed_runs_are_opened_again_and_no_others(store, study):
    ids = [store.begin_cell(study, "me", {}) for _ in range(3)]
    for id, state in zip(ids[:2], (RunState.STOPPED, RunState.FAILED), strict=True):
        runs = [run.id for run in store.experiment(id).runs]
        store.write([StateChange(run, 0, state, "why") for run in runs], "me")
        store.release(runs, "me")
    finish(store, "me", ids[2])
    stopped, failed = ([run.id for run in store.experiment(id).runs] for id in ids[:2])

    assert store.reopen_cells(study) == stopped
    assert states(store, study) == [RunState.INTERRUPTED, RunState.FAILED, RunState.FINISHED]
    assert store.reopen_cells(study, failed=True) == failed
    assert states(store, study) == [RunState.INTERRUPTED, RunState.INTERRUPTED, RunState.FINISHED]
    assert store.claim(stopped, "you") == stopped


def test_a_study_pauses_what_trains_and_goes_on(store, study):
    id = store.begin_cell(study, "me", {})
    runs = [run.id for run in store.experiment(id).runs]
    store.write([StateChange(run, 0, RunState.RUNNING) for run in runs], "me")
    store.pause_study(study, True)
    assert store.study(study).paused
    assert [command.name for command in store.pending_commands(runs)] == ["pause", "pause"]
    store.write([StateChange(run, 0, RunState.PAUSED) for run in runs], "me")
    store.pause_study(study, False)
    assert not store.study(study).paused
    assert [command.name for command in store.pending_commands(runs)][2:] == ["resume", "resume"]


def test_a_cell_whose_runs_are_deleted_is_open_again(store, study):
    id = store.begin_cell(study, "me", {})
    finish(store, "me", id)
    store.delete_runs([run.id for run in store.experiment(id).runs])
    assert states(store, study)[0] is None
    assert store.begin_cell(study, "me", {}) != id
