import dataclasses

import numpy as np
import pytest
from sqlalchemy import func, select

from dmf.errors import RunNotFoundError, StoreError
from dmf.records import Event
from dmf.runs import Position, schema


def block_lengths(store, run):
    table = schema.telemetry
    with store._reading() as connection:
        rows = connection.execute(select(table).where(table.c.run == run).order_by(table.c.first_step)).all()
    return [row.last_step - row.first_step + 1 for row in rows]


def test_what_was_written_is_read_back_bit_for_bit(store, run, make_block):
    block = make_block(run, 0, 5)
    block.values[2, 0] = np.nan
    block.values[3, 0] = np.float32(0.1)
    store.write([block], "me")

    read = store.telemetry(run)

    assert read.columns == block.columns
    assert read.steps.dtype == np.int64
    assert read.steps.tolist() == [0, 1, 2, 3, 4]
    assert read.values.dtype == np.float32
    assert read.values.tobytes() == block.values.tobytes()


def test_a_reader_gets_only_what_came_after_the_last_step_it_has(store, run, make_block):
    store.write([make_block(run, 0, 10)], "me")
    store.write([make_block(run, 10, 5)], "me")

    read = store.telemetry(run, after=11)

    assert read.steps.tolist() == [12, 13, 14]
    assert read.values[:, 0].tolist() == [12, 13, 14]
    assert len(store.telemetry(run, after=14).steps) == 0


def test_columns_are_chosen_in_the_order_asked_for(store, run, make_block):
    store.write([make_block(run, 0, 2)], "me")

    read = store.telemetry(run, columns=["total", "loss_ce"])

    assert read.columns == ("total", "loss_ce")
    assert read.values.tolist() == [[4 / 8, 0], [1 + 4 / 8, 1]]


def test_an_unknown_column_is_refused_with_the_known_ones(store, run, make_block):
    store.write([make_block(run, 0, 2)], "me")
    with pytest.raises(StoreError, match=r"no column 'loss_dice'.*Choose of: loss_ce, weight_ce"):
        store.telemetry(run, columns=["loss_dice"])


def test_a_run_without_steps_reads_as_empty(store, run):
    read = store.telemetry(run, columns=["total"])

    assert read.values.shape == (0, 1)
    assert read.steps.shape == read.times.shape == (0,)
    assert store.latest_step(run) == -1


def test_times_lie_straight_between_the_ends_of_a_block(store, run, make_block):
    store.write([make_block(run, 0, 3, started=100.0, seconds_per_step=2)], "me")  # 100, 102, 104
    store.write([make_block(run, 3, 1, started=900.0)], "me")  # after a pause: a block of its own

    assert store.telemetry(run).times.tolist() == [100, 102, 104, 900]


def test_single_steps_are_merged_into_few_blocks_and_stay_what_they_were(store, run, make_block):
    for step in range(1000):
        store.write([make_block(run, step, 1)], "me")

    # Lengths halve as in a binary counter: 1000 = 512 + 256 + 128 + 64 + 32 + 8.
    assert block_lengths(store, run) == [512, 256, 128, 64, 32, 8]
    read = store.telemetry(run)
    assert read.steps.tolist() == list(range(1000))
    assert read.values[:, 1].tolist() == [step + 1 / 8 for step in range(1000)]


def test_no_merged_block_is_longer_than_4096_steps(store, run, make_block):
    store.write([make_block(run, 0, 2048)], "me")
    store.write([make_block(run, 2048, 2048)], "me")
    store.write([make_block(run, 4096, 4096)], "me")
    assert block_lengths(store, run) == [4096, 4096]


def test_blocks_of_one_batch_are_joined_before_they_are_stored(store, run, make_block):
    store.write([make_block(run, step, 1) for step in range(100)], "me")
    assert block_lengths(store, run) == [100]


def test_a_pause_a_gap_and_new_columns_each_start_a_block(store, run, make_block):
    store.write([make_block(run, 0, 1, started=0.0), make_block(run, 1, 1, started=10.1)], "me")
    store.write([make_block(run, 5, 1, started=10.2)], "me")
    store.write([make_block(run, 6, 1, started=10.3, columns=["loss_ce", "loss_iou"])], "me")

    assert block_lengths(store, run) == [1, 1, 1, 1]
    read = store.telemetry(run)
    assert read.steps.tolist() == [0, 1, 5, 6]
    assert read.columns[-1] == "loss_iou"
    assert np.isnan(read.values[:3, -1]).all()
    assert read.values[3, -1] == 6 + 1 / 8
    assert np.isnan(read.values[3, 1:-1]).all()


def test_steps_that_are_stored_already_are_refused(store, run, make_block):
    store.write([make_block(run, 0, 10)], "me")
    with pytest.raises(StoreError, match=r"already has steps up to 9, got a block from step 9.*begin a new attempt"):
        store.write([make_block(run, 9, 1)], "me")


def test_telemetry_of_another_attempt_is_refused(store, run, make_block):
    with pytest.raises(StoreError, match="at attempt 1, got telemetry of attempt 2"):
        store.write([make_block(run, 0, 1, attempt=2)], "me")


@pytest.mark.parametrize(
    "values", [np.zeros((3, 2), np.float32), np.zeros((0, 7), np.float32), np.zeros(7, np.float32)]
)
def test_values_of_a_wrong_shape_are_refused(store, run, make_block, values):
    block = dataclasses.replace(make_block(run, 0, 1), values=values)
    with pytest.raises(ValueError, match=r"`values` must have shape \(steps, 7\)"):
        store.write([block], "me")


def test_trimming_cuts_inside_a_block(store, run, make_block):
    store.write([make_block(run, 0, 10, started=0.0, seconds_per_step=1)], "me")
    store.write([make_block(run, 10, 10, started=500.0, seconds_per_step=1)], "me")

    attempt = store.begin_attempt(run, 4, "me")

    read = store.telemetry(run)
    assert read.attempt == attempt == 2
    assert read.steps.tolist() == [0, 1, 2, 3]
    assert read.values[:, 0].tolist() == [0, 1, 2, 3]
    assert read.times.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("step", "left"), [(0, 0), (1, 1), (10, 10), (11, 11), (20, 20), (99, 20)])
def test_trimming_leaves_exactly_the_steps_before(store, run, make_block, step, left):
    store.write([make_block(run, 0, 10, started=0.0), make_block(run, 10, 10, started=500.0)], "me")
    store.begin_attempt(run, step, "me")
    assert store.telemetry(run).steps.tolist() == list(range(left))


def test_steps_per_second_follow_the_blocks(store, run, make_block):
    store.write([make_block(run, 0, 101, started=0.0, seconds_per_step=0.01)], "me")  # 100 steps in 1 s
    assert store.run(run).summary["steps_per_second"] == pytest.approx(100)

    # 500 steps in 50 s: 1 - exp(-50 / 5) of the way from 100 to 10.
    store.write([make_block(run, 101, 500, started=1.1, seconds_per_step=49.9 / 499)], "me")
    assert store.run(run).summary["steps_per_second"] == pytest.approx(10, abs=0.01)

    # A pause of an hour is not training time: one step after it says nothing.
    store.write([make_block(run, 601, 1, started=4000.0)], "me")
    assert store.run(run).summary["steps_per_second"] == pytest.approx(10, abs=0.01)


def test_a_million_steps_are_read_and_refreshed(store, run, make_block):
    columns = [f"loss_{index}" for index in range(10)]
    blocks = [make_block(run, index * 4096, 4096, columns=columns) for index in range(245)]
    rows = [
        {
            "run": run,
            "first_step": block.first_step,
            "last_step": block.first_step + 4095,
            "attempt": 1,
            "columns": columns,
            "started": block.started,
            "ended": block.ended,
            "payload": block.values.tobytes(),
        }
        for block in blocks
    ]
    with store._writing() as connection:
        connection.execute(schema.telemetry.insert(), rows)

    read = store.telemetry(run)

    assert read.values.shape == (1_003_520, 10)
    assert (read.values[:, 0] == read.steps).all()
    assert store.telemetry(run, after=1_003_518).steps.tolist() == [1_003_519]
    with store._reading() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.telemetry)) == 245


def test_a_reader_of_an_experiment_gets_what_it_has_not_of_each_run(store, experiment, run, make_block):
    other = experiment.runs[1].id
    for of, count in ((run, 10), (other, 6)):
        store.write([make_block(of, 0, count), Event(of, 0, "prepared", {})], "me")
    first = store.latest(experiment.id, {})
    assert first.experiment == store.experiment(experiment.id)
    assert {of: read.steps.tolist() for of, read in first.telemetry.items()} == {
        run: list(range(10)),
        other: list(range(6)),
    }
    assert first.events == store.events([run, other])

    store.write([make_block(run, 10, 3), make_block(other, 6, 1), Event(other, 6, "flat", {})], "me")
    positions = {run: Position(1, 9), other: Position(1, 5)}
    second = store.latest(experiment.id, positions, after_event=first.events[-1].id)
    assert [(second.telemetry[of].run, second.telemetry[of].steps.tolist()) for of in (run, other)] == [
        (run, [10, 11, 12]),
        (other, [6]),
    ]
    assert second.telemetry[run].values[:, 0].tolist() == [10, 11, 12]
    assert [event.kind for event in second.events] == ["flat"]


def test_of_a_run_that_was_resumed_a_reader_gets_the_whole(store, experiment, run, make_block):
    store.write([make_block(run, 0, 10)], "me")
    store.begin_attempt(run, 4, "me")
    store.write([make_block(run, 4, 2, attempt=2)], "me")
    positions = {one.id: Position(1, 9) for one in experiment.runs}
    fresh = store.latest(experiment.id, positions).telemetry
    assert (fresh[run].attempt, fresh[run].steps.tolist()) == (2, [0, 1, 2, 3, 4, 5])
    assert len(fresh[experiment.runs[1].id].steps) == 0


def test_an_experiment_that_is_not_there_has_nothing_new(store):
    with pytest.raises(RunNotFoundError, match="No experiment 'e-none'"):
        store.latest("e-none", {})
