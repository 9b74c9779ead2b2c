"""Histories that the lab reads, and what it computes of them."""

from typing import Any

import numpy as np
import pytest

from app.access import lab
from dmf.config import FusionConfig
from dmf.errors import ConfigError, DataError, RunNotFoundError
from dmf.records import Event, TelemetryBlock
from dmf.replay import replay, replayable_methods
from dmf.runs import RunStore


@pytest.fixture
def drawn() -> lab.History:
    return lab.synthetic_history(lab.synthetic_config({"steps": 60}))


def record(store: RunStore, steps: int, **settings: Any) -> str:
    """A run that has recorded rising losses 0, 1, 2, ... and equal weights."""
    config = FusionConfig(terms=("ce", "dice"), **settings).recorded()
    (run,) = store.create_experiment(
        {"data": {"dataset": "phantom"}, "training": {"lr": 0.1}},
        name="e",
        labels=["mad"],
        run_configs=[config],
        environment={},
    ).runs
    store.claim([run.id], "test")
    columns = ("loss_ce", "loss_dice", "weight_ce", "weight_dice", "finite")
    number = np.arange(steps)
    half, one = np.full(steps, 0.5), np.ones(steps)
    values = np.column_stack([number, number, half, half, one]).astype("f4")
    store.write([TelemetryBlock(run.id, 1, 0, columns, values, 0.0, 1.0)], "test")
    return run.id


def test_a_history_of_a_run_has_its_losses_its_weights_and_its_settings(store: RunStore) -> None:
    id = record(store, 40, history_max=33)
    found = lab.run_history(id)
    assert found.names == ("ce", "dice")
    np.testing.assert_array_equal(found.losses[:, 0], np.arange(40))
    np.testing.assert_array_equal(found.recorded, np.full((40, 2), 0.5))
    assert (found.base.history_max, found.first, found.note, found.is_active) == (33, 0, "", True)


def test_a_run_that_goes_on_is_another_history(store: RunStore) -> None:
    id = record(store, 40)
    first = lab.run_history(id)
    columns = ("loss_ce", "loss_dice", "weight_ce", "weight_dice", "finite")
    store.write([TelemetryBlock(id, 1, 40, columns, np.ones((1, 5), "f4"), 2.0, 3.0)], "test")
    again = lab.run_history(id)
    assert (len(first.losses), len(again.losses)) == (40, 41)
    assert first.key != again.key


def test_of_a_long_run_the_last_steps_are_taken_and_that_is_said(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "MOST_STEPS", 30)
    id = record(store, 40)
    store.write([Event(id, 15, "knob", {"field": "weighting", "before": "mad", "value": "cov"})], "test")
    found = lab.run_history(id)
    assert (found.first, len(found.losses)) == (10, 30)
    assert "Of its 40 steps the last 30 are taken" in found.note
    assert [change.step for change in found.changes] == [5]  # step 15 is row 5 of those from step 10 on


def test_a_run_without_steps_or_none_at_all_is_told(store: RunStore) -> None:
    config = FusionConfig().recorded()
    (run,) = store.create_experiment({}, name="e", labels=["a"], run_configs=[config], environment={}).runs
    with pytest.raises(DataError, match="no step yet"):
        lab.run_history(run.id)
    with pytest.raises(RunNotFoundError):
        lab.run_history("r-none")


def test_a_run_with_more_losses_than_can_be_told_apart_is_refused(store: RunStore) -> None:
    terms = [f"t{number}" for number in range(7)]
    (run,) = store.create_experiment(
        {}, name="e", labels=["a"], run_configs=[{"terms": terms, "weighting": "mine"}], environment={}
    ).runs
    store.claim([run.id], "test")
    columns = (*(f"{kind}_{term}" for kind in ("loss", "weight") for term in terms), "finite")
    store.write([TelemetryBlock(run.id, 1, 0, columns, np.ones((2, 15), "f4"), 0.0, 1.0)], "test")
    with pytest.raises(DataError, match="has 7 losses; the lab takes at most 6"):
        lab.run_history(run.id)


def test_only_runs_that_have_steps_are_offered(store: RunStore) -> None:
    config = FusionConfig().recorded()
    store.create_experiment({}, name="e", labels=["a"], run_configs=[config], environment={})
    id = record(store, 5)
    assert lab.lab_runs() == {id: ("mad", "e")}


def test_a_file_is_a_history_under_its_own_name(store: RunStore) -> None:
    found = lab.uploaded_history("mine.csv", b"a,b\n1,2\n3,\n")
    assert (found.title, found.names) == ("mine.csv", ("a", "b"))
    np.testing.assert_array_equal(found.losses, [[1, 2], [3, np.nan]])


def test_of_a_long_file_the_last_steps_are_taken(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "MOST_STEPS", 2)
    found = lab.uploaded_history("mine.csv", b"a\n1\n2\n3\n")
    assert (found.first, found.losses.tolist()) == (1, [[2.0], [3.0]])


def test_a_file_with_too_many_losses_or_no_numbers_is_refused(store: RunStore) -> None:
    with pytest.raises(DataError, match=r"mine\.csv has 7 columns; a history has at most 6"):
        lab.uploaded_history("mine.csv", b"a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n")
    with pytest.raises(DataError, match=r"^mine\.csv, line 2: 'x' in column 'a'"):
        lab.uploaded_history("mine.csv", b"a\nx\n")


def test_weights_are_those_of_a_replay(drawn: lab.History) -> None:
    config = lab.method_config(drawn, "bayesian,rho=0.5")
    assert (config.weighting, config.rho, config.term_names) == ("bayesian,rho=0.5", 0.5, ("L1", "L2", "L3"))
    np.testing.assert_array_equal(lab.replayed(drawn, config), replay(drawn.losses, config))


def test_a_run_is_replayed_as_it_was_only_where_that_is_asked(store: RunStore) -> None:
    id = record(store, 40, weighting="fixed")
    store.write([Event(id, 20, "knob", {"field": "weighting", "before": "fixed", "value": "random"})], "test")
    found = lab.run_history(id)
    assert np.ptp(lab.replayed(found, found.base)[:, 0]) == 0
    own = lab.replayed(found, found.base, as_it_was=True)
    assert np.ptp(own[:20, 0]) == 0
    assert np.ptp(own[20:, 0]) > 0


def test_a_method_written_wrong_is_told(drawn: lab.History) -> None:
    with pytest.raises(ConfigError, match="rho"):
        lab.method_config(drawn, "bayesian,rho=2")
    assert lab.method_changes("bayesian,rho=0.5") == ("bayesian", {"rho": "0.5"})


def test_a_history_with_changes_is_another_one(drawn: lab.History) -> None:
    assert lab.perturbed(drawn, ()) is drawn
    found = lab.perturbed(drawn, [{"kind": "cut", "loss": 1, "step": 30, "length": None, "size": 7.0}])
    assert found.key != drawn.key
    assert (found.losses[30:, 1] == 7).all()
    assert (found.losses[:30] == drawn.losses[:30]).all()
    with pytest.raises(ConfigError, match="kind"):
        lab.perturbed(drawn, [{"kind": "melt"}])


def test_a_sweep_reports_how_far_it_is_and_keeps_itself_quick(
    drawn: lab.History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "MOST_SWEPT", 100)
    shares: list[float] = []
    config = lab.method_config(drawn, "bayesian")
    found, skipped = lab.swept(drawn, config, "rho", [0.0, 0.5], shares.append)
    assert shares == [0.5, 1.0]
    assert skipped == 10  # 50 of the 60 steps for each of two values
    assert found.weights.shape == (2, 50, 3)
    np.testing.assert_allclose(found.weights[0], replay(drawn.losses[10:], lab.method_config(drawn, "bayesian,rho=0")))


def test_a_form_gets_all_that_a_run_had_but_its_method(store: RunStore) -> None:
    found = lab.run_settings(record(store, 5, history_max=44))
    assert (found["dataset"], found["lr"], found["history_max"]) == ("phantom", 0.1, 44)
    assert "weighting" not in found


def test_files_are_read_back_as_what_they_hold(drawn: lab.History) -> None:
    config = lab.method_config(drawn, "mad")
    weights = lab.replayed(drawn, config)
    losses = lab.uploaded_history("l.csv", lab.losses_csv(drawn))
    np.testing.assert_array_equal(losses.losses, drawn.losses)
    written = lab.uploaded_history("w.csv", lab.weights_csv(drawn.names, {"MAD": weights}))
    assert written.names == ("MAD:L1", "MAD:L2", "MAD:L3")
    np.testing.assert_array_equal(written.losses, weights)


def test_shapes_and_methods_are_offered() -> None:
    assert "spike" in lab.lab_shapes()
    assert "variance" in replayable_methods()


def test_how_even_weights_are_is_told_with_their_ends(drawn: lab.History) -> None:
    config = lab.method_config(drawn, "dwa")
    found = lab.evenness(config, np.array([[0.3, 0.3, 0.4], [0.2, 0.4, 0.4]]))
    assert found.near_uniform is not None
    assert found.spread is not None
    assert (found.spread.low, found.spread.high) == (0.2, 0.4)
    assert lab.evenness(lab.method_config(drawn, "mad"), np.full((1, 3), 1 / 3)).near_uniform is None


def test_a_method_with_a_window_of_its_own_can_have_a_longer_memory() -> None:
    assert {"window", "history_max"} <= set(replayable_methods()["softadapt"].options)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("variance", ""),
        ("famo", "It needs more than loss values, so it cannot be replayed. Train with it, or choose another method."),
        (
            "mine",
            "It is not known here (a plug-in that is not loaded?). Start the app with its plug-in, "
            "`dmf app --plugin <file>`, or choose another method.",
        ),
    ],
)
def test_why_a_method_cannot_be_replayed_and_what_to_do(method: str, said: str) -> None:
    assert lab.not_replayed(method, "It") == said


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([[1, 2], [1, np.nan]], ""),
        ([[1, np.nan], [1, np.nan]], "B has no finite value, so no step was learned from: all weights stay where "),
        ([[np.nan, np.nan]], "a and B have no finite value, so no step was learned from"),
        ([[1, np.nan], [np.nan, 1]], "At no step are all losses finite, so no step was learned from"),
    ],
)
def test_a_history_from_which_nothing_was_learned_is_told(losses: list[list[float]], said: str) -> None:
    history = lab.History("k", "t", ("a", "b"), np.array(losses))
    found = lab.never_learned(history, {"b": "B"})
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_file_in_another_encoding_is_told_how_to_save_it() -> None:
    with pytest.raises(DataError, match=r"mine\.csv is not text in UTF-8; save it as CSV UTF-8"):
        lab.uploaded_history("mine.csv", "a,größe\n1,2\n".encode("latin-1"))


def test_what_is_wrong_with_one_loss_is_named() -> None:
    with pytest.raises(ConfigError, match="noise: "):
        lab.synthetic_config({"losses": [{"noise": -1}]})
    with pytest.raises(ConfigError, match="no setting 'y'"):
        lab.synthetic_config({"losses": [{"y": 1}]})
