from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import BrokenDataError, Pets, check, prepare

WritePng = Callable[[Path, NDArray[np.generic]], None]


def test_cats_and_dogs_are_told_apart_and_other_files_left_alone(fake_pets: Path) -> None:
    dataset = Pets(fake_pets)
    assert [(case.id, case.label) for case in dataset.cases()] == [
        ("Abyssinian_1", "cat"),
        ("Bombay_10", "cat"),
        ("beagle_2", "dog"),
    ]
    assert dataset.problems() == dataset.remarks() == []


def test_the_folder_above_is_accepted_too(fake_pets: Path) -> None:
    assert Pets(fake_pets.parent).cases() == Pets(fake_pets).cases()


def test_trimaps_become_background_animal_and_border(fake_pets: Path) -> None:
    dataset = Pets(fake_pets)
    for case in dataset.cases():
        pair = dataset.load(case)
        assert pair.image.shape == (30, 40, 3)
        assert (pair.mask[0, 0], pair.mask[15, 20], pair.mask[6, 11]) == (0, 1, 2)
        # 14 x 14 animal, 20 x 20 minus that border, the rest of 30 x 40 background
        assert np.bincount(pair.mask.ravel()).tolist() == [800, 196, 204]


def test_pets_are_prepared_in_colour(fake_pets: Path) -> None:
    data = prepare(Pets(fake_pets), DataConfig(dataset="pets", image_size=16))
    assert data.images.shape == (3, 3, 16, 16)
    assert check(Pets(fake_pets)).is_sound


def test_a_value_no_trimap_holds_is_named(fake_pets: Path, write_png: WritePng) -> None:
    write_png(fake_pets / "annotations/trimaps/beagle_2.png", np.full((30, 40), 4, dtype=np.uint8))
    dataset = Pets(fake_pets)
    with pytest.raises(BrokenDataError, match=r"beagle_2\.png: holds 4, but a trimap holds 1 \(animal\), 2 \(backgr"):
        dataset.load(dataset.cases()[2])


def test_an_absent_or_half_unpacked_folder_says_what_to_fetch(home: Path, fake_pets: Path) -> None:
    with pytest.raises(BrokenDataError, match=r"raw/pets: is missing\. Run `dmf data get pets`"):
        Pets().cases()
    (fake_pets / "annotations" / "trimaps").rename(fake_pets / "annotations" / "elsewhere")
    with pytest.raises(BrokenDataError, match="holds no images beside annotations/trimaps"):
        Pets(fake_pets).cases()
