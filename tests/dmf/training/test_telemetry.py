import numpy as np
import torch

from dmf.fusion import Fused
from dmf.training.telemetry import CAPACITY, TelemetryBuffer


def fused(number, *, auxiliary=None, finite=True):
    """Values exact in float32, different in every column."""
    return Fused(
        total=torch.tensor(number + 0.5, requires_grad=True),
        terms=torch.tensor([number + 0.125, number + 0.25]),
        weights=torch.tensor([0.75, 0.25], dtype=torch.float64),
        auxiliary=auxiliary,
        gamma=number / 4,
        finite=torch.tensor(finite),
    )


def buffer():
    return TelemetryBuffer("r-1", ("ce", "dice"), torch.device("cpu"))


def test_columns_and_values_stand_where_their_names_say():
    rows = buffer()
    rows.write(7, fused(1.0, auxiliary=torch.tensor(8.0)), lr=0.5)
    rows.write(8, fused(2.0, finite=False), lr=0.25)
    block = rows.drain()
    assert (block.run, block.attempt, block.first_step) == ("r-1", 1, 7)
    assert block.columns == (
        *("loss_ce", "loss_dice", "weight_ce", "weight_dice", "auxiliary", "gamma", "total", "lr", "finite"),
    )
    assert block.values.dtype == np.float32
    np.testing.assert_array_equal(
        block.values,
        [
            [1.125, 1.25, 0.75, 0.25, 8.0, 0.25, 1.5, 0.5, 1.0],
            [2.125, 2.25, 0.75, 0.25, 0.0, 0.5, 2.5, 0.25, 0.0],  # no auxiliary loss is 0
        ],
    )
    assert block.started <= block.ended


def test_a_device_and_the_memory_that_the_host_shares_give_the_same_bits():
    shared, device = buffer(), buffer()
    device._shared = None  # as on a device that the host cannot look into
    generator = torch.Generator().manual_seed(0)
    for step in range(20):
        weights = torch.rand(2, generator=generator, dtype=torch.float64)  # not exact in float32
        terms = torch.randn(2, generator=generator) * 10.0**step
        auxiliary = None if step % 2 else torch.tensor([torch.nan, torch.inf, 0.1, 1e-45][step % 4])
        one = Fused(terms.sum().requires_grad_(), terms, weights, auxiliary, 0.1, torch.tensor(step % 3 > 0))
        shared.write(step, one, lr=1e-3)
        device.write(step, one, lr=1e-3)
    assert shared.drain().values.tobytes() == device.drain().values.tobytes()


def test_a_block_does_not_change_once_it_is_drained():
    rows = buffer()
    rows.write(0, fused(1.0), lr=0.5)
    block = rows.drain()
    before = block.values.copy()
    rows.write(1, fused(2.0), lr=0.25)
    np.testing.assert_array_equal(block.values, before)
    assert rows.drain().first_step == 1


def test_nothing_written_is_nothing_drained():
    rows = buffer()
    assert rows.drain() is None
    rows.write(0, fused(1.0), lr=0.5)
    rows.drain()
    assert rows.drain() is None


def test_a_buffer_is_full_at_its_capacity_and_empty_after_a_drain():
    rows, row = buffer(), fused(1.0)
    for step in range(CAPACITY):
        assert not rows.is_full
        rows.write(step, row, lr=0.5)
    assert rows.is_full
    assert len(rows.drain().values) == CAPACITY
    assert not rows.is_full


def test_a_bfloat16_auxiliary_is_stored_as_it_is():
    rows = buffer()
    rows.write(0, fused(1.0, auxiliary=torch.tensor(0.5, dtype=torch.bfloat16)), lr=0.5)
    assert rows.drain().values[0, 4] == 0.5


def test_blocks_carry_the_attempt():
    rows = buffer()
    rows.attempt = 3
    rows.write(0, fused(1.0), lr=0.5)
    assert rows.drain().attempt == 3
