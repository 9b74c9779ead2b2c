from pathlib import Path

import numpy as np
import pytest

from dmf.data import Busi, Folder, Phantom, original
from dmf.data.original import read_labels, read_original
from dmf.errors import DataError


def test_a_case_of_files_comes_at_its_own_size_with_its_label(fake_busi: Path) -> None:
    found = read_original(Busi(fake_busi), "malignant (2)")
    assert found.image.shape == found.truth.shape == (60, 80)
    assert found.truth.sum() == 10 * 20
    assert (found.label, found.spacing) == ("malignant", None)


def test_a_simulated_case_is_the_one_of_its_seed() -> None:
    found = read_original(Phantom(seed=3), "phantom-00002")
    pair = Phantom(seed=3).load(Phantom(seed=3).cases()[2])
    np.testing.assert_array_equal(found.image, pair.image)
    np.testing.assert_array_equal(found.truth, pair.mask)
    assert found.label in ("benign", "malignant")
    assert (read_original(Phantom(seed=4), "phantom-00002").image != found.image).any()


def test_where_nothing_says_what_an_image_shows_there_is_no_label(fake_folder: Path) -> None:
    dataset = Folder(fake_folder, spacing="0.2:0.1")
    found = read_original(dataset, dataset.cases()[0].id)
    assert (found.label, found.spacing) == (None, (0.2, 0.1))
    assert read_labels(dataset) == {"left/b": "left"}  # its folder says it


def test_labels_come_by_case(fake_busi: Path) -> None:
    assert read_labels(Busi(fake_busi)) == {
        **{f"benign ({number})": "benign" for number in (1, 2, 10)},
        **{f"malignant ({number})": "malignant" for number in (1, 2)},
    }


def test_folders_are_listed_once_and_again_only_for_a_case_that_is_new(
    fake_busi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    own = Busi.cases
    monkeypatch.setattr(Busi, "cases", lambda self: counted.append(1) or own(self))
    for case in ("benign (1)", "benign (2)"):
        read_original(Busi(fake_busi), case)
    assert len(counted) == 1
    for end in (".png", "_mask.png"):
        (fake_busi / "benign" / f"benign (3){end}").write_bytes(
            (fake_busi / "benign" / f"benign (1){end}").read_bytes()
        )
    assert read_original(Busi(fake_busi), "benign (3)").label == "benign"
    assert len(counted) == 2


def test_only_the_latest_lists_are_kept() -> None:
    for seed in range(20):
        read_original(Phantom(seed=seed, images=2), "phantom-00001")
    assert len(original._lists) <= original.MOST_LISTS


def test_a_case_that_is_not_there_is_told(fake_busi: Path) -> None:
    with pytest.raises(DataError, match=r"'busi' has no case 'benign \(99\)' in .*its files were changed or removed"):
        read_original(Busi(fake_busi), "benign (99)")
    with pytest.raises(DataError, match="'phantom' has no case 'x'; its"):
        read_original(Phantom(), "x")


def test_a_dataset_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dmf data get busi"):
        read_original(Busi(tmp_path / "nowhere"), "benign (1)")
