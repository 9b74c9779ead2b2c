import numpy as np
import pytest
import torch

from dmf import build
from dmf.errors import ConfigError
from dmf.tasks.feed import Feed


@pytest.fixture
def feed(tiny):
    return build.build_workbench(tiny()).feed


def test_images_of_each_split_and_steps_are_counted(feed):
    assert feed.images == {"train": 17, "validation": 3, "test": 4}
    assert feed.steps_per_epoch == 4
    assert feed.batch_size == 4


def test_a_training_batch_is_a_function_of_the_step_alone(feed):
    forward = [feed.training_batch(step).index.tolist() for step in range(8)]
    backward = [feed.training_batch(step).index.tolist() for step in reversed(range(8))]
    assert forward == backward[::-1]


def test_an_epoch_shows_no_image_twice_and_the_next_another_order(feed):
    first, second = (
        [position for step in range(start, start + 4) for position in feed.training_batch(step).index.tolist()]
        for start in (0, 4)
    )
    assert len(set(first)) == len(set(second)) == 16
    assert first != second


def test_a_batch_is_ready_for_the_network(feed):
    batch = feed.training_batch(0)
    assert batch.input.shape == (4, 1, 32, 32)
    assert batch.input.dtype is torch.float32
    assert 0 <= batch.input.min() <= batch.input.max() <= 1
    assert batch.target.shape == (4, 32, 32)
    assert batch.target.dtype is torch.int64
    assert batch.input.is_contiguous(memory_format=torch.channels_last)


def test_training_images_grow_and_what_is_judged_does_not(tiny, feed):
    growing = build.build_workbench(tiny(sizes="16,24,32", epochs="5")).feed
    sides = [growing.training_batch(step).input.shape[-1] for step in range(20)]
    assert sides == [16] * 8 + [24] * 8 + [32] * 4
    assert [growing.training_batch(step).index.tolist() for step in range(20)] == [
        feed.training_batch(step).index.tolist() for step in range(20)
    ]
    assert torch.equal(growing.training_batch(17).target, feed.training_batch(17).target)
    changes = {step: growing.size_change(step) for step in range(20) if growing.size_change(step)}
    assert changes == {8: (16, 24), 16: (24, 32)}
    assert {batch.input.shape[-1] for batch in growing.evaluation("validation")} == {32}
    assert growing.sample(5).input.shape == (1, 1, 32, 32)
    assert not any(feed.size_change(step) for step in range(20))


def test_oversampling_draws_an_epoch_anew_with_what_is_rare_more_often(tiny):
    rare = build.build_workbench(tiny(dataset="phantom-4", dataset_options="images=60", oversample="class")).feed
    positions = np.array([rare.training_batch(step).index.tolist() for step in range(100)]).ravel()
    _, counts = np.unique(positions, return_counts=True)
    assert counts.max() > 2 * counts.min()
    assert rare.training_batch(7).index.tolist() == rare.training_batch(7).index.tolist()
    assert (
        rare.images["train"]
        == build.build_workbench(tiny(dataset="phantom-4", dataset_options="images=60")).feed.images["train"]
    )


def test_only_training_batches_are_augmented(tiny, feed):
    changed = build.build_workbench(tiny(augment="flip,rotate,intensity")).feed
    assert changed.training_batch(3).index.tolist() == feed.training_batch(3).index.tolist()
    assert not torch.equal(changed.training_batch(3).input, feed.training_batch(3).input)
    assert torch.equal(changed.training_batch(3).input, changed.training_batch(3).input)
    for one, other in zip(changed.evaluation("validation"), feed.evaluation("validation"), strict=True):
        assert torch.equal(one.input, other.input)


def test_oversampling_by_class_is_refused_where_targets_are_images(tiny, task_texts):
    with pytest.raises(ConfigError, match="targets of this task are images"):
        build.validate(tiny(**task_texts["synthesis"], oversample="class"))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_case_of_a_split_is_evaluated_once(feed, split):
    positions = [position for batch in feed.evaluation(split) for position in batch.index.tolist()]
    assert len(positions) == len(set(positions)) == feed.images[split]


def test_splits_share_no_case(feed):
    splits = [
        {position for batch in feed.evaluation(split) for position in batch.index.tolist()}
        for split in ("train", "validation", "test")
    ]
    assert sum(len(split) for split in splits) == len(set.union(*splits)) == 24


def test_a_sample_is_a_batch_of_one_of_that_case(feed):
    batch = feed.sample(5)
    assert batch.index.tolist() == [5]
    assert batch.input.shape == (1, 1, 32, 32)
    assert feed.case_id(5) == "phantom-00005"


def test_sizes_are_those_of_the_original_images(feed):
    np.testing.assert_array_equal(feed.original_sizes(np.array([0, 3])), [[128, 128], [128, 128]])


def test_a_batch_larger_than_the_training_split_is_refused(feed):
    with pytest.raises(ConfigError, match="the largest batch size that works is 17") as caught:
        Feed(feed._data, feed._device_data, feed._indices, batch_size=18, seed=0)
    assert caught.value.field == "batch_size"


def test_cases_of_a_split_come_in_the_order_of_its_batches(feed):
    for split in ("train", "validation", "test"):
        positions = [place for batch in feed.evaluation(split) for place in batch.index.tolist()]
        assert feed.cases(split) == tuple(feed.case_id(position) for position in positions)
