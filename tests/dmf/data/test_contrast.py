import time

import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import build_dataset, check, prepare, split_cases
from dmf.data.base import Case, RawPair
from dmf.data.batches import DeviceData
from dmf.data.contrast import HIGHEST, LOWEST, Contrast, simulate
from dmf.data.heads import SCAR, TUMOUR, make_head, tissue_maps
from dmf.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def early_and_late():
    """Means of early and late pixels of each kind of lesion, away from motion and noise by their number."""
    found = {TUMOUR: [], SCAR: []}
    for subject in range(12):
        head = make_head(0, subject)
        kinds = tissue_maps(head, 0.1).kinds
        early, late = simulate(head, 0.1, np.random.default_rng(subject))
        for kind, pairs in found.items():
            if (kinds == kind).sum() > 30:
                pairs.append((early[kinds == kind].mean() / 65535, late[kinds == kind].mean() / 65535))
    return found


def test_tumours_wash_out_and_scars_fill_on_one_scale(early_and_late):
    assert len(early_and_late[TUMOUR]) > 2
    assert len(early_and_late[SCAR]) > 2
    assert all(late < early - 0.05 for early, late in early_and_late[TUMOUR])
    assert all(late > early + 0.02 for early, late in early_and_late[SCAR])


def test_a_slice_is_16_bits_and_not_clipped():
    early, late = simulate(make_head(0, 0), 0.0, np.random.default_rng(0))
    for image in (early, late):
        assert image.dtype == np.uint16
        assert image.shape == (128, 128)
        assert len(np.unique(image)) > 256
        assert 0.6 < image.max() / 65535 < 1


def test_background_is_rayleigh():
    # Magnitude of two Gaussian channels of standard deviation s without signal: mean s * sqrt(pi / 2).
    early, _ = simulate(make_head(0, 0), 0.0, np.random.default_rng(0))
    corner = early[:15, :15] / 65535
    assert corner.mean() == pytest.approx(0.012 * np.sqrt(np.pi / 2), rel=0.1)


def test_the_same_seed_makes_the_same_slice_and_subjects_do_not_depend_on_their_number():
    few, many = Contrast(seed=3, subjects=4), Contrast(seed=3, subjects=9)
    case = few.cases()[10]
    assert case in many.cases()
    first, again, other = few.load(case), many.load(case), Contrast(seed=4).load(case)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert (first.image != other.image).any()


def test_subjects_stay_in_one_part_and_the_default_is_80_of_them():
    config = DataConfig(dataset="contrast")
    dataset = build_dataset(config)
    cases = dataset.cases()
    assert len(cases) == 480
    assert len({case.group for case in cases}) == 80
    indices = split_cases(dataset, cases, config, 0)
    groups = [{cases[n].group for n in part} for part in (indices.train, indices.validation, indices.test)]
    assert sum(map(len, groups)) == 80


def test_half_of_all_slices_are_made_in_under_four_seconds_even_on_a_busy_machine():
    dataset = Contrast(subjects=40)
    start = time.process_time()  # of this process: others may be busy
    for case in dataset.cases():
        dataset.load(case)
    assert time.process_time() - start < 4


def test_a_batch_holds_both_images_between_black_and_white(tmp_path, monkeypatch):
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    config = DataConfig(dataset="contrast", dataset_options={"subjects": 3, "slices": 2}, image_size=64)
    dataset = build_dataset(config)
    data = prepare(dataset, config)
    import torch

    batch = DeviceData(data).batch(torch.tensor([4, 1]))
    assert batch.input.shape == batch.target.shape == (2, 1, 64, 64)
    whole = dataset.load(data.cases[4])
    for images, raw in ((batch.input, whole.image), (batch.target, whole.mask)):
        assert images.dtype == torch.float32
        halved = raw.reshape(64, 2, 64, 2).mean((1, 3)) / 65535
        np.testing.assert_allclose(images[0, 0].numpy(), halved, atol=2e-5)


def test_slices_lie_between_base_and_top():
    dataset = Contrast(subjects=1, slices=2)
    assert LOWEST < 0 < HIGHEST
    first, second = (dataset.load(case).image for case in dataset.cases())
    assert (first != second).any()


@pytest.mark.parametrize("options", [{"subjects": 0}, {"slices": 51}])
def test_impossible_numbers_are_refused(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"Option '{name}' of dataset 'contrast' takes a number from 1 to"):
        Contrast(**options).cases()


@pytest.mark.parametrize("id", ["phantom-0001-01", "contrast-0001", "contrast-a-b"])
def test_a_case_of_another_dataset_is_refused(id):
    with pytest.raises(DataError, match="is not of dataset 'contrast'"):
        Contrast().load(Case(id, ""))


def test_the_check_finds_it_sound_and_says_nothing_of_classes():
    report = check(Contrast(subjects=4, slices=2))
    assert report.is_sound
    assert (report.cases, report.groups, report.heights) == (8, 4, (128, 128, 128))
    assert not report.doubts
    assert "share of" not in str(report)


def test_a_black_image_is_doubted_whatever_its_bits(monkeypatch):
    black = np.full((128, 128), 300, dtype=np.uint16)  # of 65535
    monkeypatch.setattr(Contrast, "load", lambda self, case: RawPair(black, black))
    (doubt,) = check(Contrast(subjects=1, slices=1)).doubts
    assert "nearly black" in doubt.what
