"""Telemetry of a run in memory: read once, brought up to date by what is new."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dmf.analysis.live import Growing, LiveRun
from dmf.analysis.smoothing import Smoother
from dmf.config import FusionConfig
from dmf.errors import RunNotFoundError
from dmf.records import TelemetryBlock
from dmf.runs import ExperimentRow, RunStore
from dmf.weighting import WEIGHTINGS, build_weighting

Record = Callable[..., np.ndarray]


@pytest.fixture
def live(experiment: ExperimentRow) -> LiveRun:
    return LiveRun(experiment.runs[0])


def test_a_run_without_steps_is_empty(live: LiveRun, store: RunStore) -> None:
    live.refresh(store)
    assert live.size == 0
    assert live.started is None
    assert live.time_of(3) == 0
    assert np.isnan(live.last("loss_ce"))
    assert [len(part) for part in live.trace("loss_ce")] == [0, 0]


def test_steps_that_changed_nothing_are_counted_with_what_was_to_blame(
    live: LiveRun, store: RunStore, record: Record
) -> None:
    live.refresh(store)
    assert (live.skipped, live.not_finite, live.ended) == (0, (), None)
    record(live.id, 0, 10, bad=(2, 3, 7))
    live.refresh(store)
    assert (live.skipped, live.not_finite, live.collected) == (3, ("ce",), 7)
    assert live.ended == 1_009
    x, y = live.trace("loss_ce")
    assert np.isnan(y[(x == 2) | (x == 3) | (x == 7)]).all()  # a gap in the line
    assert np.isfinite(live.trace("loss_dice")[1]).all()
    store.begin_attempt(live.id, 2, "me")
    live.refresh(store)
    assert (live.skipped, live.not_finite) == (0, ())


def test_only_what_is_new_is_read(
    live: LiveRun, store: RunStore, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(live.id, 0, 5)
    live.refresh(store)
    asked = []
    read = store.telemetry
    monkeypatch.setattr(store, "telemetry", lambda run, **about: asked.append(about["after"]) or read(run, **about))
    record(live.id, 5, 3)
    live.refresh(store)
    live.refresh(store)
    assert asked == [4, 7]
    x, y = live.trace("loss_ce")
    assert x.tolist() == y.tolist() == list(range(8))


def test_a_new_attempt_starts_over(live: LiveRun, store: RunStore, record: Record) -> None:
    record(live.id, 0, 9)
    live.refresh(store)
    live.trace("loss_ce")
    store.begin_attempt(live.id, 4, "me")
    record(live.id, 4, 2, attempt=2)
    live.refresh(store)
    assert live.attempt == 2
    assert live.trace("loss_ce")[0].tolist() == list(range(6))


def test_where_the_weights_were_grows_with_the_run_and_starts_over(
    live: LiveRun, store: RunStore, record: Record
) -> None:
    live.refresh(store)
    assert live.spread is None
    record(live.id, 0, 5)
    live.refresh(store)
    first = live.spread
    assert first is not None
    record(live.id, 5, 3)
    live.refresh(store)
    assert live.spread == first  # the weights are recorded the same at every step
    weights = [live.last(f"weight_{term}") for term in live.terms]
    assert (first.low, first.high) == (min(weights), max(weights))
    store.begin_attempt(live.id, 0, "me")
    live.refresh(store)
    assert live.spread is None


def test_a_run_knows_whether_its_method_keeps_weights_nearly_equal(experiment: ExperimentRow) -> None:
    def bounded(weighting: str) -> bool:
        config = FusionConfig(weighting=weighting).recorded()
        return LiveRun(replace(experiment.runs[0], config=config)).near_uniform is not None

    assert [name for name in WEIGHTINGS if bounded(name)] == ["softadapt", "dwa"]


def test_x_counts_steps_epochs_or_seconds(live: LiveRun, store: RunStore, record: Record) -> None:
    record(live.id, 0, 5)  # one step per second from Unix time 1000 s
    live.refresh(store)
    assert live.started == 1_000
    assert live.trace("loss_ce", axis="epoch", steps_per_epoch=2)[0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert live.trace("loss_ce", axis="time", origin=999)[0].tolist() == [1, 2, 3, 4, 5]
    assert live.time_of(0) == live.time_of(1) == 1_000  # the first step is taken at the first time stored
    assert live.time_of(5) == live.time_of(50) == 1_004


def test_time_never_runs_backwards_where_merged_blocks_meet(
    live: LiveRun, store: RunStore, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(live.id, 0, 4)
    live.refresh(store)
    record(live.id, 4, 4)
    read = store.telemetry

    def earlier(run: str, **about):
        found = read(run, **about)
        return replace(found, times=found.times - 2.5)  # 1001.5 to 1004.5 after 1003

    monkeypatch.setattr(store, "telemetry", earlier)
    live.refresh(store)
    assert live.trace("loss_ce", axis="time", origin=1_000)[0].tolist() == [0, 1, 2, 3, 3, 3, 3.5, 4.5]


def test_shares_of_the_total_sum_to_one(live: LiveRun, store: RunStore, record: Record) -> None:
    # Step 4: 0.25 * 4 of total 0.25 * 4 + 0.25 * 0.5 + 0.5 * 0.25 + 0.5 * 2 = 2.25.
    record(live.id, 0, 5)
    live.refresh(store)
    assert live.last("share_ce") == pytest.approx(1 / 2.25)
    assert live.last("share_auxiliary") == pytest.approx(1 / 2.25)
    total = sum(live.trace(f"share_{name}")[1] for name in (*live.terms, "auxiliary"))
    np.testing.assert_allclose(total, np.ones(5), rtol=1e-6)


def test_shares_are_those_of_the_weighted_sum_where_the_total_has_more_to_it(
    live: LiveRun, store: RunStore, record: Record
) -> None:
    # As with uncertainty: a total of -7 beside weighted losses of 2.25 in all, 1 of them cross-entropy.
    record(live.id, 0, 5, total=-7.0)
    live.refresh(store)
    assert live.last("total") == -7
    assert live.last("share_ce") == pytest.approx(1 / 2.25)


def test_steps_that_changed_nothing_are_gaps_and_not_collected(live: LiveRun, store: RunStore, record: Record) -> None:
    record(live.id, 0, 5, bad=(2,))
    live.refresh(store)
    assert live.collected == 4
    np.testing.assert_array_equal(live.trace("loss_ce")[1], [0, 1, np.nan, 3, 4])


def test_smoothing_goes_on_where_it_was(live: LiveRun, store: RunStore, record: Record) -> None:
    record(live.id, 0, 300)
    live.refresh(store)
    live.trace("loss_ce", smoothing=0.9)
    record(live.id, 300, 20)
    live.refresh(store)
    np.testing.assert_allclose(live.trace("loss_ce", smoothing=0.9)[1], Smoother(0.9)(np.arange(320.0)))


@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_a_window_is_given_in_full(live: LiveRun, store: RunStore, record: Record, smoothing: float) -> None:
    for first in range(0, 40_000, 4_000):
        record(live.id, first, 4_000)
    live.refresh(store)
    coarse, _ = live.trace("loss_ce", smoothing=smoothing)
    assert len(coarse) < 5_000
    x, y = live.trace("loss_ce", smoothing=smoothing, window=(20_000, 20_099))
    inside = (x >= 20_000) & (x <= 20_099)
    assert x[inside].tolist() == list(range(20_000, 20_100))
    assert (np.diff(x) > 0).all()
    expected = Smoother(smoothing)(np.arange(40_000.0))[20_000:20_100]
    np.testing.assert_allclose(y[inside], expected, rtol=1e-5)


def test_a_window_counts_like_its_axis(live: LiveRun, store: RunStore, record: Record) -> None:
    record(live.id, 0, 4_000)
    record(live.id, 4_000, 4_000)
    live.refresh(store)
    epochs, _ = live.trace("loss_ce", axis="epoch", steps_per_epoch=10, window=(100, 101))
    assert ((epochs >= 100) & (epochs <= 101)).sum() == 11
    seconds, _ = live.trace("loss_ce", axis="time", origin=1_000, window=(100, 110))
    assert ((seconds >= 100) & (seconds <= 110)).sum() == 11


def test_a_run_that_is_gone_is_said(experiment: ExperimentRow, tmp_path) -> None:
    with pytest.raises(RunNotFoundError, match="No run"):
        LiveRun(experiment.runs[0]).refresh(RunStore(tmp_path / "other.sqlite"))


def test_rows_are_kept_in_order_while_they_grow() -> None:
    rows = Growing(np.dtype(np.int64))
    for first in range(0, 1_000, 7):
        rows.extend(np.arange(first, first + 7))
    assert len(rows) == 1_001
    assert rows.values.tolist() == list(range(1_001))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_wait_for_as_many_losses_as_their_rule_does(experiment: ExperimentRow, weighting: str) -> None:
    fusion = FusionConfig(weighting=weighting, history_min=4, window=6, block_steps=7)
    run = replace(experiment.runs[0], config=fusion.recorded())
    warmup_steps = build_weighting(fusion).warmup_steps
    if warmup_steps is not None:  # None waits for ever, whatever is collected
        assert LiveRun(run).history_min == warmup_steps + 1


@pytest.fixture
def record_measured(store: RunStore) -> Callable[[str, int, int], None]:
    """Records steps whose gradients were measured at every fourth: there the length is the number of the step."""

    def write(run: str, first: int, count: int) -> None:
        columns = ("loss_ce", "weight_ce", "auxiliary", "gamma", "total", "lr", "grad_norm_ce", "grad_cos_a", "finite")
        values = np.ones((count, len(columns)), np.float32)
        steps = np.arange(first, first + count)
        values[:, 6] = np.where(steps % 4 == 0, steps, np.nan)
        values[:, 7] = np.nan
        start = 1_000.0 + first
        store.write([TelemetryBlock(run, 1, first, columns, values, start, start + count - 1)], "me")

    return write


def test_a_measured_column_has_points_at_its_steps_only(
    live: LiveRun, store: RunStore, record_measured: Callable[[str, int, int], None]
) -> None:
    assert not live.has_gradients
    assert live.measured("grad_norm_ce") == 0
    for first, count in ((0, 3), (3, 1), (4, 1), (5, 12)):
        record_measured(live.id, first, count)
        live.refresh(store)
    assert live.has_gradients
    x, y = live.trace("grad_norm_ce")
    assert x.tolist() == y.tolist() == [0, 4, 8, 12, 16]
    assert live.measured("grad_norm_ce") == 5
    assert live.trace("grad_norm_ce", axis="epoch", steps_per_epoch=4)[0].tolist() == [0, 1, 2, 3, 4]
    assert [len(part) for part in live.trace("grad_cos_a")] == [0, 0]  # no angle at any step
    assert live.measured("grad_cos_a") == 0


def test_smoothing_and_windows_go_from_measurement_to_measurement(
    live: LiveRun, store: RunStore, record_measured: Callable[[str, int, int], None]
) -> None:
    record_measured(live.id, 0, 10)
    live.refresh(store)
    live.trace("grad_norm_ce", smoothing=0.5)
    record_measured(live.id, 10, 40)
    live.refresh(store)
    expected = Smoother(0.5)(np.arange(0.0, 50, 4))
    np.testing.assert_allclose(live.trace("grad_norm_ce", smoothing=0.5)[1], expected)
    x, y = live.trace("grad_norm_ce", smoothing=0.5, window=(9, 21))
    assert x.tolist() == list(range(0, 50, 4))
    np.testing.assert_allclose(y, expected, atol=1e-3)


def test_a_run_that_goes_on_under_another_version_has_other_columns(
    experiment: ExperimentRow, store: RunStore, record_measured: Callable[[str, int, int], None]
) -> None:
    live = LiveRun(experiment.runs[0])
    record_measured(live.id, 0, 5)
    live.refresh(store)
    columns = ("weight_ce", "loss_ce", "auxiliary", "gamma", "total", "lr", "grad_norm_ce", "grad_step_ce", "finite")
    values = np.ones((4, len(columns)), np.float32) * [0.25, 3, 1, 1, 1, 1, 7, -0.5, 1]
    store.write([TelemetryBlock(live.id, 1, 5, columns, values.astype(np.float32), 2_000.0, 2_003.0)], "me")
    live.refresh(store)
    assert live.trace("loss_ce")[1].tolist() == [1] * 5 + [3] * 4
    assert live.trace("weight_ce")[1].tolist() == [1] * 5 + [0.25] * 4
    assert live.trace("grad_norm_ce")[1].tolist() == [0, 4, 7, 7, 7, 7]
    assert live.measured("grad_step_ce") == 0  # not known before the page is opened anew
    again = LiveRun(experiment.runs[0])
    again.refresh(store)
    assert again.trace("grad_step_ce")[1].tolist() == [-0.5] * 4
