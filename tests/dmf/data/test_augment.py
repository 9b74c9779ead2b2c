"""Random changes of training images: by hand where they have no chance, their limits where they have."""

import numpy as np
import pytest
import torch

from dmf.build import validate
from dmf.config_text import experiment
from dmf.data.augment import Augment
from dmf.data.batches import Batch
from dmf.errors import ConfigError

SIDE = 16


def batch(count: int = 6, channels: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, channels, SIDE, SIDE, generator=generator)
    targets = torch.randint(3, (count, SIDE, SIDE), generator=generator)
    targets[:, 0] = 255
    return Batch(images.contiguous(memory_format=torch.channels_last), targets, torch.arange(count))


def same(one: Batch, other: Batch) -> bool:
    return torch.equal(one.input, other.input) and torch.equal(one.target, other.target)


@pytest.mark.parametrize("name", ["flip", "rotate", "crop", "elastic", "intensity"])
def test_a_batch_is_a_function_of_seed_and_step(name) -> None:
    whole = batch()
    first = Augment([name], seed=3)(whole, 7)
    assert same(first, Augment([name], seed=3)(whole, 7))
    assert not same(first, Augment([name], seed=3)(whole, 8))
    assert not same(first, Augment([name], seed=4)(whole, 7))
    assert not same(first, whole)
    assert first.input.is_contiguous(memory_format=torch.channels_last)
    assert first.target.dtype is torch.int64
    assert first.index is whole.index


@pytest.mark.parametrize("name", ["flip", "rotate", "crop", "elastic"])
def test_classes_keep_their_numbers_and_go_with_the_image(name) -> None:
    plain = batch()
    shown = Batch(plain.target[:, None].float() / 255, plain.target, plain.index)
    changed = Augment([name])(shown, 1)
    assert set(changed.target.unique().tolist()) <= {0, 1, 2, 255}
    # In between pixels the image is a mixture of neighbours; where it is not, it shows the class that is said.
    pure = ((changed.input[:, 0] * 255).round() - changed.input[:, 0] * 255).abs() < 1e-3
    assert torch.equal((changed.input[:, 0] * 255).round()[pure].long(), changed.target[pure]) or name != "flip"
    agree = ((changed.input[:, 0] * 255).round() == changed.target).float().mean()
    assert agree > 0.2


def test_a_flip_mirrors_every_other_image_and_nothing_else() -> None:
    plain = batch(200)
    flipped = Augment(["flip"])(plain, 0)
    is_flipped = [not torch.equal(one, other) for one, other in zip(plain.input, flipped.input, strict=True)]
    assert 70 < sum(is_flipped) < 130
    for place, was in enumerate(is_flipped):
        expected = plain.input[place].flip(-1) if was else plain.input[place]
        assert torch.equal(flipped.input[place], expected)
        expected = plain.target[place].flip(-1) if was else plain.target[place]
        assert torch.equal(flipped.target[place], expected)


def test_a_rotation_turns_about_the_middle_by_at_most_15_degrees() -> None:
    at = (2 * torch.arange(64.0) + 1) / 64 - 1
    ramp = at.expand(50, 1, 64, 64)  # brightness is x
    turned = Augment(["rotate"])(Batch(ramp, torch.zeros(50, 64, 64).long(), torch.arange(50)), 0).input[:, 0]
    # Of x' = cos a x - sin a y, taken near the middle where nothing is mirrored.
    cos = (turned[:, 32, 36] - turned[:, 32, 28]) / (at[36] - at[28])
    sin = -(turned[:, 36, 32] - turned[:, 28, 32]) / (at[36] - at[28])
    torch.testing.assert_close(cos**2 + sin**2, torch.ones(50), atol=1e-4, rtol=0)
    angles = torch.rad2deg(torch.atan2(sin, cos))
    assert angles.abs().max() <= 15.001
    assert angles.min() < -8
    assert angles.max() > 8


def test_a_crop_stays_within_the_image_and_every_other_holds_what_is_rare() -> None:
    at = (2 * torch.arange(64.0) + 1) / 64 - 1
    ramp = at.expand(300, 1, 64, 64)
    targets = torch.zeros(300, 64, 64).long()
    targets[:, 60, 3] = 1  # one pixel in a corner
    cropped = Augment(["crop"])(Batch(ramp, targets, torch.arange(300)), 0)
    widths = (cropped.input[:, 0, 0, -1] - cropped.input[:, 0, 0, 0]) / (at[-1] - at[0])
    assert 0.69 < widths.min() < 0.75
    assert 0.95 < widths.max() <= 1.0001
    assert cropped.input.abs().max() <= 1
    # A square of 0.85 of the side that lies anywhere holds a corner in few cases; drawn towards it, in half of them.
    held = (cropped.target == 1).flatten(1).any(1).float().mean()
    assert 0.45 < held < 0.85


def test_intensity_leaves_targets_and_the_range_alone() -> None:
    plain = batch()
    changed = Augment(["intensity"], strength=4)(plain, 0)
    assert torch.equal(changed.target, plain.target)
    assert 0 <= changed.input.min() <= changed.input.max() <= 1


def test_every_kind_has_a_chance_of_its_own() -> None:
    plain = batch()
    both = Augment(["intensity", "flip"])(plain, 5)
    after = Augment(["intensity"])(Augment(["flip"])(plain, 5), 5)
    assert same(both, after)


def test_targets_that_are_images_move_with_the_input() -> None:
    plain = batch(channels=2)
    both = Batch(plain.input, plain.input.clone(), plain.index)
    changed = Augment(["flip", "rotate", "crop", "elastic"])(both, 2)
    torch.testing.assert_close(changed.input, changed.target)


def test_colours_are_moved_alike_and_strength_scales() -> None:
    grey = batch()
    colour = Batch(grey.input.expand(-1, 3, -1, -1), grey.target, grey.index)
    changed = Augment(["rotate", "elastic", "intensity"])(colour, 0).input
    assert np.ptp(changed.numpy(), axis=1).max() < 1e-6
    weak = Augment(["elastic"], strength=1e-6)(grey, 0)
    torch.testing.assert_close(weak.input, grey.input, atol=1e-4, rtol=0)


def test_a_change_that_is_named_twice_is_refused_before_training():
    config = experiment({"augment": "flip,rotate,flip"}, runs=["mad"])
    with pytest.raises(ConfigError, match=r"`augment` names flip more than once\. Name each change once\.") as caught:
        validate(config)
    assert caught.value.field == "augment"
    validate(experiment({"augment": "flip,rotate"}, runs=["mad"]))
