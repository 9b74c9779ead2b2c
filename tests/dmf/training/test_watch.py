import numpy as np
import pytest

from dmf.records import TelemetryBlock
from dmf.training.watch import Watch

NAN, INF = np.nan, np.inf
COLUMNS = ("loss_a", "loss_b", "weight_a", "weight_b", "auxiliary", "gamma", "total", "lr", "finite")


@pytest.fixture
def watch():
    return Watch("r-1", ("a", "b"), window=3)


def block_of(first_step, *rows):
    """Rows are (a, b) or (a, b, auxiliary)."""
    values = np.ones((len(rows), len(COLUMNS)), dtype=np.float32)
    for row, losses in zip(values, rows, strict=True):
        row[[0, 1, 4][: len(losses)]] = losses
        row[-1] = np.isfinite(losses).all()
    return TelemetryBlock("r-1", 1, first_step, COLUMNS, values, 0.0, 1.0)


def look(watch, first_step, *rows):
    events = watch.look(block_of(first_step, *rows))
    return [(event.step, event.kind, event.data) for event in events]


def test_losses_that_move_are_not_told(watch):
    assert look(watch, 0, (1, 2), (2, 3), (3, 4), (4, 5)) == []


def test_a_skipped_step_is_told_with_all_losses_to_blame(watch):
    assert look(watch, 5, (1, 2), (NAN, INF), (3, 4)) == [(6, "skipped", {"losses": ["a", "b"]})]


def test_an_auxiliary_loss_can_be_to_blame(watch):
    assert look(watch, 0, (1, 2, -INF)) == [(0, "skipped", {"losses": ["auxiliary"]})]


def test_skipped_steps_in_a_row_are_told_once_also_over_blocks(watch):
    assert look(watch, 0, (1, NAN), (2, NAN)) == [(0, "skipped", {"losses": ["b"]})]
    assert look(watch, 2, (3, NAN)) == []
    assert look(watch, 3, (4, 1), (5, NAN)) == [(4, "skipped", {"losses": ["b"]})]


def test_the_reason_names_the_losses_and_the_steps(watch):
    look(watch, 20, (NAN, 1), *((NAN, 1) for _ in range(9)))
    assert watch.explain(10, 30) == (
        "Loss 'a' was NaN or infinite for 10 steps in a row (from step 20). Nothing was learned from them. "
        "Lower the learning rate, or look at the loss and the data."
    )


def test_the_reason_names_every_loss_of_the_first_bad_step(watch):
    look(watch, 0, (NAN, INF))
    assert watch.explain(1, 1).startswith("Losses 'a', 'b' were NaN")


def test_a_loss_gone_flat_is_told_once_at_the_last_step_looked_at(watch):
    assert look(watch, 0, (1, 2), (2, 2), (3, 2), (4, 2)) == [(3, "flat", {"loss": "b", "steps": 3})]
    assert look(watch, 4, (5, 2), (6, 2)) == []


def test_a_loss_that_is_flat_over_two_blocks_is_told(watch):
    assert look(watch, 0, (1, 2), (2, 2)) == []
    assert look(watch, 2, (3, 2)) == [(2, "flat", {"loss": "b", "steps": 3})]


def test_a_loss_that_moved_again_may_be_told_again(watch):
    look(watch, 0, (1, 2), (2, 2), (3, 2))
    assert look(watch, 3, (4, 3)) == []
    assert look(watch, 4, (5, 3), (6, 3)) == [(5, "flat", {"loss": "b", "steps": 3})]


def test_skipped_steps_do_not_count_as_flat(watch):
    events = look(watch, 0, (1, 2), (2, 2), (NAN, 2))
    assert [kind for _, kind, _ in events] == ["skipped"]


def test_what_was_drained_is_written_before_what_is_told_of_it(watch):
    class Written(list):
        write = list.append

    sink, block = Written(), block_of(5, (1, 2), (NAN, 3))
    watch.keep(None, sink)
    assert sink == []
    watch.keep(block, sink)
    assert sink[0] is block
    assert [(event.kind, event.step) for event in sink[1:]] == [("skipped", 6)]
