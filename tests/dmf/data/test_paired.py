"""Paired pictures: what is read of them, on which scale, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import PairedImages, check, describe, identify, prepare, split_indices, suggest
from dmf.data.base import OptionValue
from dmf.data.batches import DeviceData
from dmf.errors import ConfigError

Write = Callable[[Path, np.ndarray], None]
Make = Callable[..., Path]


def noise(seed: int, most: int = 200, kind: type = np.uint8, shape: tuple[int, ...] = (20, 24)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most + 1, shape).astype(kind)


@pytest.fixture
def pairs(tmp_path: Path, write_png: Write) -> Make:
    """Four subjects with two pictures each; the target is 55 levels brighter, or twice as bright where deeper."""

    def make(most: int = 200, kind: type = np.uint8, shape: tuple[int, ...] = (20, 24)) -> Path:
        for subject in range(4):
            for slice in range(2):
                source = noise(10 * subject + slice, most, kind, shape)
                target = source + np.asarray(55, kind) if kind == np.uint8 else source * np.asarray(2, kind)
                name = f"p{subject}/s{slice}.png"
                write_png(tmp_path / "mr" / "source" / name, source)
                write_png(tmp_path / "mr" / "target" / name, target)
        return tmp_path / "mr"

    return make


def said(root: Path, **options: OptionValue) -> list[str]:
    return [str(problem) for problem in check(PairedImages(root, **options)).problems]


def test_pictures_are_paired_by_name_and_subjects_stay_together(pairs: Make) -> None:
    dataset = PairedImages(pairs(), group="folder:1")
    cases = dataset.cases()
    assert [case.id for case in cases[:3]] == ["p0/s0", "p0/s1", "p1/s0"]
    assert dataset.problems() == []
    indices = split_indices(cases, (0.5, 0.25, 0.25), 0)
    groups = [{cases[n].group for n in part} for part in (indices.train, indices.validation, indices.test)]
    assert sorted(name for part in groups for name in part) == ["p0", "p1", "p2", "p3"]
    doubt = next(doubt for doubt in PairedImages(dataset.root).doubts() if "patients" in doubt.what)
    assert doubt.options == ("group=folder:1", "group=none")


def test_pictures_of_8_bits_keep_their_values(pairs: Make) -> None:
    dataset = PairedImages(pairs())
    pair = dataset.load(dataset.cases()[0])
    np.testing.assert_array_equal(pair.image, noise(0).astype(np.uint16) * 257)  # 65535 = 255 * 257
    np.testing.assert_array_equal(pair.mask, (noise(0).astype(np.uint16) + 55) * 257)
    assert dataset.doubts()[0].what.startswith("names suggest")


def test_one_range_of_both_folders_holds_for_every_picture_of_16_bits(pairs: Make) -> None:
    dataset = PairedImages(pairs(most=2000, kind=np.uint16))
    low = min(noise(10 * s + n, 2000, np.uint16).min() for s in range(4) for n in range(2))
    high = max(2 * int(noise(10 * s + n, 2000, np.uint16).max()) for s in range(4) for n in range(2))
    for case, seed in zip(dataset.cases(), (0, 1, 10, 11, 20, 21, 30, 31), strict=True):
        pair, source = dataset.load(case), noise(seed, 2000, np.uint16).astype(float)
        for levels, stored in ((pair.image, source), (pair.mask, 2 * source)):
            np.testing.assert_allclose(levels / 65535, (stored - low) / (high - low), atol=1e-5)
    assert f"window={low}:{high}" in dataset.doubts()[-1].options


def test_each_folder_may_have_a_range_of_its_own(pairs: Make) -> None:
    dataset = PairedImages(pairs(most=2000, kind=np.uint16), scale="own")
    pair = dataset.load(dataset.cases()[0])
    np.testing.assert_array_equal(pair.image, pair.mask)  # twice as bright on a scale twice as long
    assert any("is a copy of its source" in note for note in pair.notes)


def test_a_window_cuts_off_what_lies_outside(pairs: Make) -> None:
    dataset = PairedImages(pairs(most=2000, kind=np.uint16), window="500:1500")
    stored = noise(0, 2000, np.uint16).astype(float)
    levels = dataset.load(dataset.cases()[0]).image / 65535
    np.testing.assert_allclose(levels, ((stored - 500) / 1000).clip(0, 1), atol=1e-5)


def test_pictures_in_floating_point_are_read(tmp_path: Path) -> None:
    for side, factor in (("source", 1.0), ("target", -3.0)):
        for number in range(3):
            (tmp_path / side).mkdir(exist_ok=True)
            picture = (noise(number) * factor).astype(np.float32)
            assert cv2.imwrite(str(tmp_path / side / f"{number}.tiff"), picture)
    pair = (dataset := PairedImages(tmp_path)).load(dataset.cases()[0])
    low = -3.0 * max(noise(number).max() for number in range(3))
    high = max(noise(number).max() for number in range(3))
    np.testing.assert_allclose(pair.mask / 65535, (noise(0) * -3.0 - low) / (high - low), atol=3e-5)


def test_a_network_gets_three_channels_of_coloured_pictures(pairs: Make, home: Path) -> None:
    root = pairs(shape=(20, 24, 3))
    assert suggest("paired", root) == {"colour": "both"}
    config = DataConfig(dataset="paired", root=str(root), image_size=16, dataset_options={"colour": "both"})
    dataset = PairedImages(root, colour="both")
    assert (dataset.in_channels, dataset.target_channels) == (3, 3)
    data = prepare(dataset, config)
    import torch

    batch = DeviceData(data).batch(torch.tensor([0, 3]))
    assert batch.input.shape == batch.target.shape == (2, 3, 16, 16)
    assert torch.allclose(batch.target, batch.input + 55 / 255, atol=1e-4)  # resizing is linear


def test_files_of_one_end_may_be_matched_by_what_their_names_share(tmp_path: Path, write_png: Write) -> None:
    for number in range(3):
        write_png(tmp_path / "train" / "source" / f"{number}_early.png", noise(number))
        write_png(tmp_path / "train" / "target" / f"{number}_late.png", noise(number) + np.uint8(3))
    write_png(tmp_path / "test" / "source" / "9_early.png", noise(9))
    write_png(tmp_path / "test" / "target" / "9_late.png", noise(9) + np.uint8(3))
    dataset = PairedImages(tmp_path)
    assert [(case.masks[0].name, case.split) for case in dataset.cases()] == [
        ("9_late.png", "test"),
        *((f"{number}_late.png", "train") for number in range(3)),
    ]
    assert "sources called *_early go with targets called *_late" in dataset.remarks()


def test_other_folders_may_be_named(pairs: Make) -> None:
    root = pairs()
    (root / "source").rename(root / "T1")
    (root / "target").rename(root / "CT")
    assert len(PairedImages(root, source="T1", target="CT").cases()) == 8
    assert said(root)[0].startswith(f"{root}: holds no pictures in source, which the option source names")


def test_a_missing_partner_is_named_on_either_side(pairs: Make) -> None:
    root = pairs()
    (root / "target" / "p1" / "s0.png").unlink()
    (root / "source" / "p2" / "s1.png").unlink()
    orphan, bare = said(root)
    assert orphan.startswith(str(root / "target" / "p2" / "s1.png"))
    assert "is a target without a source. Put a source called s1.png among the sources, or remove the target." in orphan
    assert (
        "holds no target for 1 of 7 sources (p1/s0). Add their targets, or leave them out with missing=leave." in bare
    )
    (root / "target" / "p2" / "s1.png").unlink()
    left = PairedImages(root, missing="leave")
    assert (len(left.cases()), left.problems()) == (6, [])
    assert "1 sources without a target are left out: p1/s0" in left.remarks()


def test_pairs_of_different_sizes_are_refused(pairs: Make, write_png: Write) -> None:
    root = pairs()
    write_png(root / "target" / "p0" / "s1.png", noise(1, shape=(20, 25)))
    (problem,) = said(root)
    assert "is 25 x 20 pixels, but its source s1.png is 24 x 20. Register and resample one of them" in problem


def test_different_depths_under_one_scale_are_refused(pairs: Make, write_png: Write) -> None:
    root = pairs()
    write_png(root / "target" / "p0" / "s1.png", noise(1, 3000, np.uint16))
    (problem,) = said(root)
    assert "mixes depths under one scale: 8 of 8 bits in source (s0.png, s1.png and 6 more), 7 of 8 bits in target" in (
        problem
    )
    assert problem.endswith("1 of 16 bits in target (s1.png). Save all with the same depth.")


def test_a_folder_of_each_depth_may_have_its_own_scale(pairs: Make, write_png: Write) -> None:
    root = pairs()
    for case in PairedImages(root).cases():
        write_png(case.masks[0], noise(1, 3000, np.uint16))
    (problem,) = said(root)
    assert "or give each folder a range of its own with scale=own." in problem
    assert said(root, scale="own") == []


def test_colour_where_one_channel_is_read_is_refused_with_the_way_out(pairs: Make, write_png: Write) -> None:
    root = pairs()
    write_png(root / "source" / "p0" / "s0.png", noise(0, shape=(20, 24, 3)))
    (problem,) = said(root)
    assert "is coloured, but a source has one channel. Set the option colour=source." in problem
    grey = np.dstack([noise(0)] * 3)  # saved in colour, but grey: nothing is lost
    write_png(root / "source" / "p0" / "s0.png", grey)
    assert said(root) == []


def test_a_second_target_transparency_and_damage_are_named(pairs: Make, write_png: Write) -> None:
    root = pairs()
    write_png(root / "target" / "p0" / "s0_gt.png", noise(0))
    see_through = np.dstack([noise(1)] * 3 + [noise(2)])
    write_png(root / "source" / "p1" / "s1.png", see_through)
    (root / "target" / "p3" / "s1.png").write_bytes(b"no picture")
    problems = " ".join(said(root))
    assert "is a second target of p0/s0. Keep one." in problems
    assert "has transparency. Save it without transparency" in problems
    assert "s1.png: cannot be read as an image" in problems


def test_constant_and_equal_pictures_are_told_and_twins_found(pairs: Make, write_png: Write) -> None:
    root = pairs()
    write_png(root / "target" / "p0" / "s0.png", np.full((20, 24), 90, np.uint8))
    write_png(root / "source" / "p3" / "s0.png", noise(0))
    card = describe(PairedImages(root))
    assert card.report is not None
    assert card.is_sound
    assert "s0.png: one value all over" in card.report.notes
    assert any("p0/s0 and p3/s0: the same picture" in note for note in card.report.notes)
    assert [(pair.first.id, pair.second.id, pair.distance) for pair in card.duplicates] == [("p0/s0", "p3/s0", 0)]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"colour": "all"}, "takes none, source, target or both; got 'all'"),
        ({"scale": "each"}, "takes common or own; got 'each'"),
        ({"intensity": "window"}, "takes the values that become black and white"),
        ({"low": 60.0, "high": 50.0}, "takes a percentile from 0 to 100"),
        ({"missing": "empty"}, "takes refuse or leave; got 'empty'"),
        ({"source": ""}, "takes a folder below the root"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, OptionValue], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        PairedImages(**options)


def test_a_folder_of_pairs_is_recognised_with_its_tables(pairs: Make) -> None:
    root = pairs()
    (root / "patients.csv").write_text("image,patient\np0/s0,a\n")
    layout = identify(root.parent)
    assert (layout.dataset, str(layout.base)) == ("paired", "mr")
    assert {file.name for file in layout.files} == {"s0.png", "s1.png", "patients.csv"}
