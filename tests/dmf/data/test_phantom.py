import numpy as np
import pytest

from dmf.data import Case, Phantom, Phantom4
from dmf.errors import ConfigError, DataError


def test_the_same_seed_gives_the_same_images() -> None:
    first, second = Phantom(seed=4, images=2), Phantom(seed=4, images=2)
    for case in first.cases():
        assert np.array_equal(first.load(case).image, second.load(case).image)
        assert np.array_equal(first.load(case).mask, second.load(case).mask)


def test_another_seed_gives_other_images() -> None:
    case = Phantom().cases()[0]
    assert not np.array_equal(Phantom(seed=0).load(case).image, Phantom(seed=1).load(case).image)
    assert Phantom(seed=0).fingerprint() != Phantom(seed=1).fingerprint()


def test_an_image_does_not_depend_on_how_many_there_are() -> None:
    few, many = Phantom(images=3), Phantom(images=300)
    assert many.cases()[:3] == few.cases()
    assert np.array_equal(many.load(many.cases()[2]).image, few.load(few.cases()[2]).image)


@pytest.mark.parametrize("dataset", [Phantom(images=40), Phantom4(images=40)], ids=["phantom", "phantom-4"])
def test_every_image_shows_one_lesion_of_2_to_15_percent(dataset: Phantom) -> None:
    for case in dataset.cases():
        pair = dataset.load(case)
        assert pair.image.shape == pair.mask.shape == (128, 128)
        assert pair.image.dtype == pair.mask.dtype == np.uint8
        assert len(np.unique(pair.mask)) == 2
        assert 0.015 < np.mean(pair.mask > 0) < 0.15


def test_lesions_are_darker_than_what_is_beside_them() -> None:
    dataset = Phantom(images=40)
    contrasts = []
    for case in dataset.cases():
        pair = dataset.load(case)
        inside = pair.mask > 0
        beside = inside.any(axis=1)[:, None] & ~inside  # the same depths, outside
        contrasts.append(pair.image[beside].mean() - pair.image[inside].mean())
    assert np.mean(contrasts) > 25
    assert np.mean(np.array(contrasts) > 0) >= 0.9
    assert np.ptp(contrasts) > 30  # some are far harder to see than others


def test_images_use_the_grey_range_without_clipping_much_of_it() -> None:
    dataset = Phantom(images=20)
    images = np.stack([dataset.load(case).image for case in dataset.cases()])
    assert 50 < images.mean() < 130
    assert np.mean(images == 255) < 0.02
    assert images.std() > 30


def test_both_labels_occur_with_their_shares() -> None:
    labels = [case.label for case in Phantom(images=400).cases()]
    # 0.6 * 400 = 240, standard deviation sqrt(400 * 0.6 * 0.4) = 9.8; 5 of them either side
    assert 191 < labels.count("benign") < 289
    assert set(labels) == {"benign", "malignant"}


def test_malignant_outlines_are_longer_than_benign_ones_of_the_same_area() -> None:
    dataset = Phantom(images=60)
    raggedness: dict[str, list[float]] = {"benign": [], "malignant": []}
    for case in dataset.cases():
        inside = dataset.load(case).mask.astype(int)
        edges = np.abs(np.diff(inside, axis=0)).sum() + np.abs(np.diff(inside, axis=1)).sum()
        raggedness[case.label].append(edges / np.sqrt(inside.sum()))
    assert np.mean(raggedness["malignant"]) > 1.1 * np.mean(raggedness["benign"])


def test_the_four_class_phantom_numbers_lesions_by_kind() -> None:
    dataset = Phantom4(images=60)
    levels: dict[str, list[float]] = {"cyst": [], "benign": [], "malignant": []}
    for case in dataset.cases():
        pair = dataset.load(case)
        assert pair.mask.max() == dataset.class_names.index(case.label)
        levels[case.label].append(float(pair.image[pair.mask > 0].mean()))
    assert len(levels["cyst"]) < len(levels["malignant"]) < len(levels["benign"])
    assert np.mean(levels["cyst"]) < np.mean(levels["malignant"]) < np.mean(levels["benign"])


@pytest.mark.parametrize("images", [0, 100_000_000])
def test_a_phantom_with_no_images_or_far_too_many_is_refused(images: int) -> None:
    with pytest.raises(ConfigError, match=f"of dataset 'phantom' takes a number from 1 to 20,000; got {images}"):
        Phantom(images=images).cases()


@pytest.mark.parametrize("id", ["benign (1)", "phantom-4-00001", "phantom-x"])
def test_a_case_of_another_dataset_is_refused(id: str) -> None:
    with pytest.raises(DataError, match="is not of dataset 'phantom'; take cases from its cases"):
        Phantom().load(Case(id, "benign"))
