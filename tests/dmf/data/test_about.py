import shutil
from collections.abc import Callable
from pathlib import Path

from dmf.config import DataConfig
from dmf.data import Busi, Folder, Phantom, describe, is_here


def test_a_card_says_what_is_here_and_how_it_is_split(fake_busi: Path) -> None:
    seen: list[tuple[int, int]] = []
    card = describe(Busi(fake_busi), on_progress=lambda *done: seen.append(done))
    assert card.is_here
    assert card.is_sound
    assert (card.name, card.class_names) == ("busi", ("background", "lesion"))
    assert card.report is not None
    assert card.report.labels == {"benign": 3, "malignant": 2}
    # 5 cases: 0.7 of 5 is 3.5, nearest 3 (the first of two as near); then 0.85 of 5 is 4.25, so 1; 1 is left
    assert [sum(labels.values()) for labels in card.splits.values()] == [3, 1, 1]
    assert list(card.splits) == ["train", "validation", "test"]
    assert sum(labels.get("benign", 0) for labels in card.splits.values()) == 3
    assert card.duplicates == ()
    assert seen == [(n, 5) for n in range(1, 6)] * 2


def test_duplicates_across_splits_are_reported_and_the_way_out_named(fake_busi: Path) -> None:
    pictures = sorted(file for file in fake_busi.rglob("*).png") if "normal" not in file.name)
    for copy in pictures[1:]:
        shutil.copy(pictures[0], copy)
    card = describe(Busi(fake_busi))
    assert len(card.duplicates) == 10  # every two of five
    assert card.duplicates[0].across_splits
    # 3 + 1 + 1 cases: 3 pairs within training; 3 benign and 2 malignant: 3 + 1 pairs within a label
    text = str(card)
    assert "  pairs that look the same: 10, 7 in different splits, 6 with different labels\n" in text
    assert text.endswith("train with duplicates=group to keep them in one split")


def test_the_configuration_decides_the_split() -> None:
    config = DataConfig(limit=10, split=(0.5, 0.3, 0.2))
    card = describe(Phantom(images=40), config, seed=1)
    assert [sum(labels.values()) for labels in card.splits.values()] == [5, 3, 2]


def test_what_is_not_here_says_how_to_get_it(home: Path) -> None:
    card = describe(Busi())
    assert (card.is_here, card.is_sound, card.report, card.splits) == (False, False, None, {})
    assert str(card).splitlines()[0] == "Breast Ultrasound Images (BUSI)"
    assert str(card).endswith(f"not here. {Busi.how_to_get}")


def test_an_empty_folder_or_a_half_made_one_is_not_here(home: Path) -> None:
    assert is_here(Phantom())
    (home / "raw" / "folder" / ".unpacking-x").mkdir(parents=True)
    assert not is_here(Folder())
    (home / "raw" / "folder" / "own").mkdir()
    assert is_here(Folder())


def test_what_is_wrong_is_on_the_card(fake_busi: Path) -> None:
    (fake_busi / "benign" / "benign (1)_mask.png").unlink()
    card = describe(Busi(fake_busi))
    assert not card.is_sound
    assert card.splits == {}
    assert "has no mask" in str(card)


def test_too_few_cases_to_be_split_are_still_described(fake_folder: Path) -> None:
    card = describe(Folder(fake_folder))
    assert card.is_sound
    assert card.splits == {}
    assert "2 cases" in str(card)


def test_the_real_images_are_described(shared: Callable[[str], Path]) -> None:
    card = describe(Busi(shared("BUSI_originals")))
    assert card.is_sound
    assert sum(sum(labels.values()) for labels in card.splits.values()) == 9
