import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import (
    Busi,
    Case,
    Dataset,
    DuplicatePair,
    Indices,
    Phantom,
    find_duplicates,
    findings,
    hash_cases,
    split_cases,
    split_indices,
)
from dmf.data.duplicates import BITS, NEAR, groups_of, picture_hash


def scene(seed: int, height: int = 300, width: int = 400) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width))
    smooth = cv2.GaussianBlur(noise, (0, 0), 12)
    return np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Bits that differ, counted one by one."""
    return int((np.unpackbits(picture_hash(one)) != np.unpackbits(picture_hash(other))).sum())


def test_a_hash_holds_255_bits_and_about_half_of_them_are_set() -> None:
    bits = np.unpackbits(picture_hash(scene(0)))
    assert bits.shape == (256,)
    assert bits.sum() == BITS // 2  # above the median of 255 numbers are 127
    assert bits[-1] == 0


def test_a_single_wave_sets_its_own_bit() -> None:
    # Column n of a DCT-II basis vector of frequency 3 is cos(pi (n + 1/2) 3 / 64): only coefficient (0, 3) is not 0.
    # Counted without (0, 0), it is the third bit; all others equal the median 0, up to rounding of the grey levels.
    wave = np.cos(np.pi * (np.arange(64) + 0.5) * 3 / 64)
    coefficients = cv2.dct(np.tile(wave, (64, 1)).astype(np.float32))
    assert np.unravel_index(np.abs(coefficients).argmax(), coefficients.shape) == (0, 3)
    image = np.tile((128 + 100 * wave).round(), (64, 1)).astype(np.uint8)
    assert np.unpackbits(picture_hash(image))[2] == 1


def test_resizing_brightness_noise_and_small_marks_keep_a_picture_near() -> None:
    picture = scene(1)
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
    marked = picture.copy()
    cv2.putText(marked, "+ 12 mm", (250, 280), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    changed = {
        "smaller": cv2.resize(picture, (180, 140), interpolation=cv2.INTER_AREA),
        "darker": (picture * 0.6).astype(np.uint8),
        "noisy": noisy,
        "marked": marked,
        "jpeg": cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE),
        "colour": np.dstack([picture] * 3),
    }
    assert {name for name, other in changed.items() if apart(picture, other) > NEAR} == set()
    assert apart(picture, picture) == 0


def test_other_pictures_are_about_half_of_the_bits_apart() -> None:
    distances = [apart(scene(2 * n), scene(2 * n + 1)) for n in range(10)]
    assert min(distances) > NEAR
    assert 110 < np.mean(distances) < 145  # 127.5 expected


def test_duplicates_are_all_pairs_within_reach() -> None:
    hashes = np.zeros((4, 32), dtype=np.uint8)
    hashes[1, 0] = 0b11  # 2 bits from the first
    hashes[2, :10] = 255  # 80 bits from the first, 78 from the second
    hashes[3, 0] = 0b1  # 1 bit from the first two, 79 from the third
    assert find_duplicates(hashes, near=2) == [DuplicatePair(0, 1, 2), DuplicatePair(0, 3, 1), DuplicatePair(1, 3, 1)]
    assert len(find_duplicates(hashes, near=78)) == 4
    assert find_duplicates(hashes[:1]) == find_duplicates(hashes[:0]) == []


def test_duplicates_of_duplicates_are_one_group() -> None:
    assert groups_of(
        [DuplicatePair(4, 7, 1), DuplicatePair(0, 2, 0), DuplicatePair(2, 9, 5), DuplicatePair(1, 7, 3)]
    ) == [(0, 2, 9), (1, 4, 7)]
    assert groups_of([]) == []


class Doubled(Dataset):
    """Twelve scenes, each twice: as it is and darker; remembers how often one was loaded."""

    name = "doubled"
    title = "Doubled"
    class_names = ("background", "lesion")
    how_to_get = licence = citation = "None."
    loads = 0

    def cases(self) -> list[Case]:
        return [Case(f"{number}{half}", "benign") for half in "ab" for number in range(12)]

    def load(self, case: Case):  # type: ignore[no-untyped-def]
        from dmf.data import RawPair

        type(self).loads += 1
        image = scene(int(case.id[:-1]), 90, 120)
        image = image if case.id.endswith("a") else (image * 0.8).astype(np.uint8)
        return RawPair(image, np.zeros_like(image))


def straddling(cases: list[Case], indices: Indices) -> list[str]:
    split_of = {cases[n].id: name for name in ("train", "validation", "test") for n in getattr(indices, name)}
    return [id for id in split_of if id.endswith("a") and split_of[id] != split_of[f"{id[:-1]}b"]]


def test_grouped_duplicates_never_straddle_a_split() -> None:
    dataset = Doubled()
    cases = dataset.cases()
    config = DataConfig(dataset="doubled", duplicates="group")
    for seed in range(5):
        indices = split_cases(dataset, cases, config, seed)
        assert straddling(cases, indices) == []
        assert sorted(np.concatenate([indices.train, indices.validation, indices.test])) == list(range(24))
        again = split_cases(dataset, cases, config, seed)
        assert np.array_equal(indices.train, again.train)
    assert straddling(cases, split_cases(dataset, cases, DataConfig(dataset="doubled"), 0)) != []


def test_pictures_are_read_once_and_their_hashes_kept() -> None:
    dataset = Doubled()
    seen: list[tuple[int, int]] = []
    first = hash_cases(dataset, dataset.cases(), on_progress=lambda *done: seen.append(done))
    assert seen == [(n, 24) for n in range(1, 25)]
    before = Doubled.loads
    assert np.array_equal(hash_cases(Doubled(), dataset.cases()), first)
    assert Doubled.loads == before


def test_without_grouping_no_picture_is_read_and_the_split_is_that_of_the_cases() -> None:
    dataset = Phantom(images=40)
    cases = dataset.cases()
    plain = split_indices(cases, (0.7, 0.15, 0.15), seed=3)
    for duplicates in ("keep", "group"):  # no two phantoms look the same
        indices = split_cases(dataset, cases, DataConfig(duplicates=duplicates), 3)
        for name in ("train", "validation", "test"):
            assert np.array_equal(getattr(indices, name), getattr(plain, name))


def test_findings_say_which_duplicates_lie_across_splits_and_labels() -> None:
    cases = [Case("a", "benign"), Case("b", "malignant"), Case("c", "benign"), Case("d", "benign")]
    indices = Indices(np.array([0, 2]), np.array([3]), np.array([1]))
    pairs = [DuplicatePair(0, 2, 5), DuplicatePair(0, 1, 0), DuplicatePair(2, 3, 9)]
    found = findings(cases, pairs, indices)
    assert [(one.first.id, one.second.id, one.across_splits, one.across_labels) for one in found] == [
        ("a", "b", True, True),
        ("c", "d", True, False),
        ("a", "c", False, False),
    ]
    assert str(found[0]) == "a (benign, train) and b (malignant, test) are the same picture"
    assert str(found[1]) == "c (benign, train) and d (benign, validation) look the same (9 of 255 bits differ)"


def test_a_copied_picture_is_found_among_files(fake_busi: Path) -> None:
    shutil.copy(fake_busi / "benign/benign (1).png", fake_busi / "malignant/malignant (2).png")
    dataset = Busi(fake_busi)
    (pair,) = find_duplicates(hash_cases(dataset, dataset.cases()))
    assert (dataset.cases()[pair.first].id, pair.second, pair.distance) == ("benign (1)", 4, 0)


def test_the_real_images_hold_the_duplicates_that_were_seen_by_eye(shared: Callable[[str], Path]) -> None:
    dataset = Busi(shared("BUSI"), normal=True)
    cases = dataset.cases()
    found = find_duplicates(hash_cases(dataset, cases))
    pairs = {(cases[one.first].id, cases[one.second].id): one for one in found}
    assert pairs["benign (433)", "malignant (145)"].distance == 0
    assert len(pairs) == 189
    assert len({position for one in found for position in (one.first, one.second)}) == 273
    across = [pair for pair, one in pairs.items() if cases[one.first].label != cases[one.second].label]
    assert len(across) == 8
    plain = split_indices(cases, (0.7, 0.15, 0.15), seed=0)
    assert any(finding.across_splits for finding in findings(cases, found, plain))
    grouped = split_indices(cases, (0.7, 0.15, 0.15), 0, groups_of(found))
    assert not any(finding.across_splits for finding in findings(cases, found, grouped))
    assert abs(len(grouped.train) - 0.7 * len(cases)) <= 3
