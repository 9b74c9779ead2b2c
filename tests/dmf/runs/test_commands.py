import pytest

from dmf.errors import RunFinishedError, RunNotFoundError, StoreError
from dmf.records import Command, RunState, StateChange


def test_wishes_come_in_order_with_their_values(store, run):
    store.add_command(run, "pause")
    store.add_command(run, "set", "gamma", {"value": 0.5})

    assert store.pending_commands([run]) == [
        Command(1, run, "pause"),
        Command(2, run, "set", "gamma", {"value": 0.5}),
    ]


def test_a_poller_sees_wishes_about_all_its_runs_until_it_marks_them(store, experiment, run):
    other = experiment.runs[1].id
    store.add_command(run, "pause")
    store.add_command(other, "stop")

    pending = store.pending_commands([run, other])
    assert [(control.run, control.name) for control in pending] == [(run, "pause"), (other, "stop")]
    store.mark_taken([pending[0].id])
    assert store.pending_commands([run, other]) == pending[1:]


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_active])
def test_a_wish_about_a_run_that_ended_is_refused(store, run, state):
    store.write([StateChange(run, 5, state)], "me")
    with pytest.raises(RunFinishedError, match=f"Run '{run}' is {state.value}; it cannot pause any more"):
        store.add_command(run, "pause")
    with pytest.raises(RunFinishedError, match="its settings cannot be changed any more"):
        store.add_command(run, "set", "lr", 0.1)


def test_watching_wishes_sees_those_of_its_runs_until_they_are_taken(store, experiment, run):
    other = experiment.runs[1].id
    with store.watching_commands([run]) as any_pending:
        assert not any_pending()
        store.add_command(other, "pause")
        assert not any_pending()
        command = store.add_command(run, "pause")
        assert any_pending()
        store.mark_taken([command])
        assert not any_pending()


def test_watching_wishes_says_when_the_store_is_gone(store, sqlite_file, run):
    with store.watching_commands([run]) as any_pending:
        assert not any_pending()
        sqlite_file.rename(sqlite_file.with_suffix(".moved"))
        with pytest.raises(StoreError, match="was deleted, moved or replaced while in use"):
            any_pending()


def test_wishes_left_at_once_reach_the_runs_that_still_train(store, experiment, run):
    other = experiment.runs[1].id
    store.write([StateChange(run, 5, RunState.STOPPED)], "me")
    assert store.add_commands([(run, "pause", None, None), (other, "set", "lr", 0.1)]) == [None, 1]
    assert store.pending_commands([run, other]) == [Command(1, other, "set", "lr", 0.1)]


def test_wishes_left_at_once_with_an_unknown_run_are_all_refused(store, run):
    with pytest.raises(RunNotFoundError, match="r-nowhere"):
        store.add_commands([(run, "pause", None, None), ("r-nowhere", "pause", None, None)])
    assert store.pending_commands([run]) == []
