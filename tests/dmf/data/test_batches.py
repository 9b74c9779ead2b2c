import dataclasses

import numpy as np
import pytest
import torch

from dmf.data import PreparedData
from dmf.data.base import Case
from dmf.data.batches import DeviceData, TrainingBatches, evaluation_batches
from dmf.errors import ConfigError


@pytest.fixture
def data() -> PreparedData:
    """Ten cases; image n is n everywhere, its mask is class n % 2 everywhere."""
    number = np.arange(10, dtype=np.uint8)
    return PreparedData(
        images=np.broadcast_to(number[:, None, None, None], (10, 3, 4, 4)).copy(),
        targets=np.broadcast_to((number % 2)[:, None, None], (10, 4, 4)).copy(),
        cases=tuple(Case(f"c{n}", "benign") for n in number),
        sizes=np.full((10, 2), 4),
        class_names=("background", "lesion"),
    )


TRAIN = np.array([0, 1, 3, 4, 5, 8, 9])


def test_a_batch_holds_scaled_images_class_numbers_and_positions(data: PreparedData) -> None:
    batch = DeviceData(data).batch(torch.tensor([5, 2]))
    assert batch.input.shape == (2, 3, 4, 4)
    assert batch.input.dtype == torch.float32
    assert torch.equal(batch.input[:, 0, 0, 0], torch.tensor([5.0, 2.0]) / 255)
    assert batch.target.dtype == torch.int64
    assert batch.target[:, 0, 0].tolist() == [1, 0]
    assert batch.index.tolist() == [5, 2]


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255.0), (np.uint16, 40_000.0), (np.float32, 2.5)])
def test_targets_that_are_images_come_on_their_own_scale(data: PreparedData, kind: type, white: float) -> None:
    values = np.array([0, 1, 200], np.float64) / 200 * white
    images = np.broadcast_to(values[:, None, None, None], (3, 2, 4, 4)).astype(kind)
    paired = dataclasses.replace(data, images=images, targets=images[:, :1], white=white, target_white=2 * white)
    batch = DeviceData(paired).batch(torch.tensor([2, 1, 0]))
    assert batch.input.dtype == batch.target.dtype == torch.float32
    assert batch.target.shape == (3, 1, 4, 4)
    stored = torch.from_numpy(images[::-1, 0, 0, 0].astype(np.float64))
    torch.testing.assert_close(batch.input[:, 1, 2, 3].double(), stored / white, rtol=1e-6, atol=0)
    torch.testing.assert_close(batch.target[:, 0, 2, 3].double(), stored / white / 2, rtol=1e-6, atol=0)
    assert batch.input[0].max() == 1  # 40,000 is beyond what int16 holds


def test_batches_leave_float_images_as_they_are(data: PreparedData) -> None:
    images = np.full((2, 1, 4, 4), 3.0, np.float32)
    paired = DeviceData(dataclasses.replace(data, images=images, targets=images, white=2.0, target_white=2.0))
    for _ in range(2):
        assert paired.batch(torch.tensor([0])).target.unique().tolist() == [1.5]


def test_inputs_lie_in_memory_as_asked(data: PreparedData) -> None:
    index = torch.arange(2)
    plain = DeviceData(data).batch(index).input
    last = DeviceData(data, channels_last=True).batch(index).input
    assert plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, last)


def test_an_epoch_has_full_batches_of_distinct_training_cases(data: PreparedData) -> None:
    batches = TrainingBatches(DeviceData(data), TRAIN, batch_size=3, seed=0)
    assert len(batches) == 2  # 7 // 3
    seen = torch.cat([batch.index for batch in batches.batches(epoch=0)]).tolist()
    assert len(seen) == len(set(seen)) == 6
    assert set(seen) <= set(TRAIN)


def test_the_order_depends_on_seed_and_epoch_alone(data: PreparedData) -> None:
    first = TrainingBatches(DeviceData(data), TRAIN, 2, seed=0)
    again = TrainingBatches(DeviceData(data), TRAIN, 2, seed=0)
    list(first.batches(0))
    assert np.array_equal(first.order(5), again.order(5))
    assert not np.array_equal(first.order(5), first.order(6))
    assert not np.array_equal(first.order(5), TrainingBatches(DeviceData(data), TRAIN, 2, seed=1).order(5))


def test_drawing_batches_leaves_the_global_random_state_alone(data: PreparedData) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    list(TrainingBatches(DeviceData(data), TRAIN, 2, seed=0).batches(0))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()


def test_an_epoch_can_be_continued_at_any_step(data: PreparedData) -> None:
    batches = TrainingBatches(DeviceData(data), TRAIN, 2, seed=0)
    whole = [batch.index.tolist() for batch in batches.batches(4)]
    assert [batch.index.tolist() for batch in batches.batches(4, start=1)] == whole[1:]
    assert list(batches.batches(4, start=3)) == []


def test_a_batch_larger_than_the_training_split_is_refused(data: PreparedData) -> None:
    wanted = "A batch of 8 cannot be filled from 7 training images; the largest batch size that works is 7"
    with pytest.raises(ConfigError, match=wanted) as caught:
        TrainingBatches(DeviceData(data), TRAIN, batch_size=8, seed=0)
    assert caught.value.field == "batch_size"


def test_evaluation_keeps_every_case_in_order(data: PreparedData) -> None:
    batches = list(evaluation_batches(DeviceData(data), TRAIN, 3))
    assert [len(batch.index) for batch in batches] == [3, 3, 1]
    assert torch.cat([batch.index for batch in batches]).tolist() == TRAIN.tolist()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fits", [True, False])
def test_on_a_gpu_batches_arrive_without_waiting(
    data: PreparedData, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmf.data.batches._fits", lambda *_: fits)
    on_device = DeviceData(data, "cuda", channels_last=True)
    assert on_device.is_resident is fits
    torch.cuda.set_sync_debug_mode("error")
    try:
        batches = list(TrainingBatches(on_device, TRAIN, 2, seed=0).batches(0))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    on_cpu = list(TrainingBatches(DeviceData(data), TRAIN, 2, seed=0).batches(0))
    for ours, expected in zip(batches, on_cpu, strict=True):
        assert ours.input.device.type == "cuda"
        assert torch.equal(ours.input.cpu(), expected.input)
        assert torch.equal(ours.target.cpu(), expected.target)
        assert torch.equal(ours.index.cpu(), expected.index)
