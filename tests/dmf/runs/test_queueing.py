import pytest

from dmf.errors import NotOwnerError, RunFinishedError, RunNotFoundError
from dmf.records import RunState, StateChange
from dmf.runs import RunStore


@pytest.fixture
def line(store):
    """Experiments "a" to "d", queued in this order, "d" by another owner; returns their ids by name."""
    ids = {}
    for name in "abcd":
        row = store.create_experiment({}, name=name, labels=["x", "y"], run_configs=[{}, {}], environment={})
        store.claim([run.id for run in row.runs], "you" if name == "d" else "me")
        ids[name] = row.id
    return ids


def order(store):
    return "".join(experiment.name for experiment in store.queue())


def change(store, id, state, owner="me"):
    store.write([StateChange(run.id, 3, state) for run in store.experiment(id).runs], owner)


def test_experiments_wait_in_the_order_in_which_they_were_made_whoever_owns_them(store, line):
    assert order(store) == "abcd"
    places = [experiment.place for experiment in store.queue()]
    assert places == sorted(set(places))


def test_what_trains_or_is_paused_comes_first_and_what_ended_not_at_all(store, line):
    change(store, line["c"], RunState.RUNNING)
    change(store, line["d"], RunState.PAUSED, "you")
    change(store, line["a"], RunState.FINISHED)
    assert order(store) == "cdb"


def test_an_experiment_of_which_one_run_still_trains_is_in_the_queue(store, line):
    first, _ = store.experiment(line["b"]).runs
    change(store, line["b"], RunState.RUNNING)
    store.write([StateChange(first.id, 3, RunState.STOPPED)], "me")
    assert order(store) == "bacd"


def test_the_dead_are_not_in_the_queue(store, location, clock, line):
    reader = RunStore(location, clock=clock, monotonic=clock)
    assert order(reader) == "abcd"
    clock.now += 11
    store.heartbeat([run.id for run in store.experiment(line["b"]).runs], "me")
    assert order(reader) == "b"
    reader.close()


@pytest.mark.parametrize(
    ("name", "places", "expected"),
    [
        ("b", -1, "bacd"),
        ("b", 1, "acbd"),
        ("a", -1, "abcd"),  # at the front already
        ("c", 1, "abcd"),  # at the end: "d" waits for another owner
        ("c", -2, "cabd"),
        ("a", 9, "bcad"),
        ("b", 0, "abcd"),
    ],
)
def test_moving_changes_places_among_those_that_wait_for_the_same_owner(store, line, name, places, expected):
    before = sorted(experiment.place for experiment in store.queue())
    store.move(line[name], places)
    assert order(store) == expected
    assert sorted(experiment.place for experiment in store.queue()) == before


def test_what_trains_is_passed_over_by_a_move(store, line):
    change(store, line["a"], RunState.RUNNING)
    store.move(line["b"], -1)
    assert order(store) == "abcd"


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.PAUSED, RunState.FINISHED, RunState.STOPPED])
def test_only_what_waits_can_be_moved_or_cancelled(store, line, state):
    change(store, line["b"], state)
    with pytest.raises(RunFinishedError, match=f"is {state.value}; only one that waits in a queue can be moved"):
        store.move(line["b"], -1)
    with pytest.raises(RunFinishedError, match=f"is {state.value}; nothing of it waits in a queue any more"):
        store.cancel(line["b"])


@pytest.mark.parametrize("use", [lambda store: store.move("e-0", 1), lambda store: store.cancel("e-0")])
def test_an_unknown_experiment_can_neither_be_moved_nor_cancelled(store, line, use):
    with pytest.raises(RunNotFoundError, match=r"No experiment 'e-0'.*`dmf runs` lists"):
        use(store)


def test_a_cancelled_experiment_is_stopped_and_free_and_can_be_resumed_later(store, clock, line):
    clock.now += 1
    ids = [run.id for run in store.experiment(line["b"]).runs]
    assert store.cancel(line["b"]) == ids

    assert order(store) == "acd"
    for run in store.experiment(line["b"]).runs:
        assert (run.state, run.reason, run.owner) == (RunState.STOPPED, "cancelled in the queue", None)
        assert run.ended == clock.now
        event = store.events([run.id])[-1]
        assert (event.kind, event.step) == ("state", 0)
        assert event.data == {"state": "stopped", "reason": "cancelled in the queue"}
    with pytest.raises(NotOwnerError, match="no longer owns"):
        store.heartbeat(ids, "me")
    store.claim(ids, "you")
    assert order(store) == "acdb"


def test_cancelling_leaves_runs_that_train_alone(store, line):
    first, second = store.experiment(line["b"]).runs
    store.write([StateChange(first.id, 0, RunState.RUNNING)], "me")
    assert store.cancel(line["b"]) == [second.id]
    assert (store.run(first.id).state, store.run(first.id).owner) == (RunState.RUNNING, "me")


def test_another_process_moves_and_cancels(store, location, clock, line):
    other = RunStore(location, clock=clock, monotonic=clock)
    other.move(line["c"], -2)
    other.cancel(line["a"])
    other.close()
    assert order(store) == "cbd"
