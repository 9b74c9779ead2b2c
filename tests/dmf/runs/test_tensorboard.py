import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from dmf.runs import tensorboard


@pytest.fixture
def read(tmp_path):
    """What TensorBoard reads of records: tag to (steps, wall times, values)."""

    def accumulate(*parts):
        (tmp_path / "events.out.tfevents.1.dmf").write_bytes(b"".join(parts))
        found = EventAccumulator(str(tmp_path), {SCALARS: 0}).Reload()
        return {
            tag: tuple(map(list, zip(*((e.step, e.wall_time, e.value) for e in found.Scalars(tag)), strict=True)))
            for tag in found.Tags()["scalars"]
        }

    return accumulate


def test_the_checksum_is_that_of_the_format():
    # The check value of CRC-32C: of the digits 1 to 9 it is E3069283. Masked: turned right by 15 bits, plus a constant.
    crc = 0xE3069283
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    rows = np.frombuffer(b"123456789987654321", np.uint8).reshape(2, 9)
    found = tensorboard._checksum(rows).view("<u4")[:, 0].tolist()
    assert found == [masked, masked_crc32c(b"987654321")]


def test_tensorboard_reads_every_number_bit_for_bit(read):
    generator = np.random.default_rng(0)
    # Steps that take one to five bytes, more of one kind than are made at once.
    steps = np.concatenate([np.arange(20_000), [2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**31 - 1]])
    times = 1.8e9 + np.cumsum(generator.random(len(steps)))
    values = generator.standard_normal((len(steps), 2)).astype(np.float32)
    values[:4, 0] = [1e-45, np.finfo(np.float32).max, np.inf, -0.0]
    names = ["loss/ce", "weight/" + "ä" * 100]  # a name that takes more than 127 bytes

    found = read(tensorboard.first_record(times[0]), *tensorboard.scalar_records(names, steps, times, values))

    assert list(found) == names
    for name, column in zip(names, values.T, strict=True):
        assert found[name][0] == steps.tolist()
        assert found[name][1] == times.tolist()
        assert np.float32(found[name][2]).tobytes() == column.tobytes()


def test_what_is_not_a_number_stays_so(read):
    values = np.array([[1.0], [np.nan], [2.0]], np.float32)
    found = read(
        tensorboard.first_record(1.0), *tensorboard.scalar_records(["a"], np.arange(3), np.arange(3.0), values)
    )
    np.testing.assert_array_equal(found["a"][2], [1.0, np.nan, 2.0])


def test_without_steps_there_are_no_records(read):
    nothing = tensorboard.scalar_records(["a"], np.empty(0, np.int64), np.empty(0), np.empty((0, 1), np.float32))
    assert read(tensorboard.first_record(1.0), *nothing) == {}
