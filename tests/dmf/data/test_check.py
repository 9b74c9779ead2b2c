import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.data import Busi, Phantom, Problem, check

WritePng = Callable[[Path, NDArray[np.generic]], None]


def test_a_sound_dataset_is_counted(fake_busi: Path) -> None:
    report = check(Busi(fake_busi, normal=True))
    assert report.is_sound
    assert (report.cases, report.masks) == (6, 7)
    assert report.labels == {"benign": 3, "malignant": 2, "normal": 1}
    assert (report.heights, report.widths) == ((60, 60, 60), (80, 80, 80))
    # five lesions of 10 x 20 pixels and one of 5 x 10 among six images of 60 x 80
    assert report.class_shares["lesion"] == pytest.approx(1050 / 28800)
    assert sum(report.class_shares.values()) == pytest.approx(1)
    assert report.notes == ("benign (2)_mask_1.png: has transparency, laid over black",)


def test_every_problem_is_reported_at_once(fake_busi: Path, write_png: WritePng) -> None:
    benign, malignant = fake_busi / "benign", fake_busi / "malignant"
    (benign / "benign (1)_mask.png").unlink()
    (benign / "benign (2).png").write_bytes(b"broken")
    write_png(benign / "benign (10)_mask.png", np.full((6, 8), 255, dtype=np.uint8))
    write_png(benign / "benign (11)_mask.png", np.full((6, 8), 255, dtype=np.uint8))
    shutil.rmtree(malignant)
    report = check(Busi(fake_busi))
    assert not report.is_sound
    assert {(Path(problem.where).name, problem.what) for problem in report.problems} == {
        ("benign (1).png", "has no mask"),
        ("benign (2).png", "cannot be read as an image; it is damaged or of another format"),
        ("benign (10)_mask.png", "is 8 x 6 pixels, but its image is 80 x 60"),
        ("benign (11)_mask.png", "is a mask without an image"),
        ("malignant", "is missing"),
    }
    assert all(problem.remedy for problem in report.problems)
    assert report.heights is None
    for problem in report.problems:
        assert str(problem) in str(report)


def test_an_absent_dataset_is_one_report_not_an_error() -> None:
    report = check(Busi())
    assert report.cases == 0
    assert any("dmf data get busi" in str(problem) for problem in report.problems)
    assert "0 cases (none)" in str(report)


def test_two_copies_of_one_picture_are_noted(fake_busi: Path) -> None:
    shutil.copy(fake_busi / "benign" / "benign (1).png", fake_busi / "malignant" / "malignant (2).png")
    notes = check(Busi(fake_busi)).notes
    assert notes[-1] == "benign (1) and malignant (2): the same picture, so they may fall into different splits"


def test_a_report_reads_well(fake_busi: Path) -> None:
    assert str(check(Busi(fake_busi))) == (
        "busi: 5 cases (3 benign, 2 malignant), 6 mask files\n"
        f"  in {fake_busi}\n"
        "  height: 60 to 60 pixels, median 60\n"
        "  width: 80 to 80 pixels, median 80\n"
        "  stored as: 5 8-bit colour; read as grey\n"
        "  share of pixels: background 95.62%, lesion 4.38%\n"  # 1050 / 24000 = 4.375 %
        "  share of images: background 100.00%, lesion 100.00%\n"
        "  groups: none, so each image is split on its own\n"
        "  split: dealt by shares and seed\n"
        "  problems: none\n"
        "  doubts: none\n"
        "  notes: 1\n"
        "    benign (2)_mask_1.png: has transparency, laid over black"
    )


def test_simulated_data_has_no_folder() -> None:
    report = check(Phantom(images=4))
    assert report.is_sound
    assert report.root == ""
    assert " in " not in str(report)


def test_the_real_images_are_sound(shared: Callable[[str], Path]) -> None:
    report = check(Busi(shared("BUSI"), normal=True))
    assert report.is_sound
    assert (report.cases, report.masks) == (702, 717)
    assert report.labels == {"benign": 393, "malignant": 189, "normal": 120}
    assert any("benign (433) and malignant (145)" in note for note in report.notes)


def test_the_real_originals_are_sound(shared: Callable[[str], Path]) -> None:
    report = check(Busi(shared("BUSI_originals"), normal=True))
    assert report.is_sound
    assert report.labels == {"benign": 6, "malignant": 3, "normal": 2}
    assert [note.split(":")[0] for note in report.notes] == ["benign (4)_mask_1.png", "benign (54)_mask_1.png"]


def test_long_lists_are_cut_with_a_count() -> None:
    many = tuple(Problem(f"{n}.png", "is empty", "Fetch it again.") for n in range(20))
    lines = str(replace(check(Phantom(images=4)), problems=many)).splitlines()
    assert lines[lines.index("  problems: 20") + 9] == "    and 12 more"
