"""What the Datasets page reads: which datasets there are, what they hold, how they split, those brought along."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from app import access
from app.access import datasets
from app.views import Source
from dmf.data import LIMITS, ArchiveError, BrokenDataError
from dmf.errors import DataError, UnknownNameError

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Every test opens its files anew, as if three seconds had passed."""
    datasets._opened.clear()
    datasets._reports().clear()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def scan(number: int) -> np.ndarray:
    """A picture of its own, 30 x 40 pixels."""
    noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
    return cv2.resize(noise, (40, 30), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def own(tmp_path: Path) -> Make:
    """Makes a folder of images and masks; ``pictures`` are numbers of scans, equal ones look the same."""

    def make(pictures: tuple[int, ...] = tuple(range(10)), marked: int = 255, name: str = "scans") -> Path:
        root = tmp_path / name
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True)
        for position, number in enumerate(pictures):
            (root / "images" / f"{position}.png").write_bytes(png(scan(number)))
            mask = np.zeros((30, 40), np.uint8)
            mask[:15] = marked  # half of the pixels
            (root / "masks" / f"{position}.png").write_bytes(png(mask))
        return root

    return make


def zip_of(root: Path) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for path in sorted(root.rglob("*.png")):
            file.write(path, path.relative_to(root))
    return stream


def test_every_dataset_is_offered_and_says_whether_it_is_here() -> None:
    here = {source.dataset: access.facts(source).is_here for source in access.sources()}
    assert here.keys() >= {"phantom", "phantom-4", "busi", "busc", "bus_synthetic", "pets", "folder"}
    assert [name for name, found in here.items() if found] == ["phantom", "phantom-4", "contrast"]


def test_facts_hold_what_a_download_that_fails_says() -> None:
    from dmf.data import DATASETS

    facts = access.facts(Source("busi"))
    assert facts.how_to_get == DATASETS.build("busi").how_to_get
    assert "dmf data get busi" in facts.how_to_get
    assert facts.root.endswith("raw/busi")
    assert access.facts(Source("phantom")).root == ""


@pytest.mark.parametrize("source", [Source("busi"), Source("folder", "/scans/a@b")])
def test_the_url_names_a_dataset_and_its_folder(source: Source) -> None:
    assert access.find_source(source.key) == source


def test_an_unknown_dataset_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="busy"):
        access.find_source("busy@/scans")


def test_a_folder_is_read_in_place_with_the_options_its_masks_ask_for(own: Make) -> None:
    root = own(marked=2)
    source = access.bring_folder(str(root.parent))  # the folder above will do
    assert source == Source("folder", str(root), (("values", "0:2"),))
    assert source.settings == {"dataset": "folder", "root": str(root), "dataset_options": {"values": "0:2"}}
    assert access.cases(source) == [str(number) for number in range(10)]
    assert access.with_options(Source("folder", str(root))) == source


def test_options_that_cannot_be_guessed_are_left_alone(tmp_path: Path) -> None:
    source = Source("folder", str(tmp_path / "nowhere"))
    assert access.with_options(source) == source
    assert access.with_options(Source("busi")) == Source("busi")


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenDataError, match="is no folder on this machine"):
        access.bring_folder(str(tmp_path / "nowhere"))


def test_a_folder_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(
        BrokenDataError, match=r"holds no folder of images beside a folder of masks\. What is understood"
    ):
        access.bring_folder(str(tmp_path))


def test_a_folder_of_too_many_files_is_refused(own: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(datasets, "LIMITS", replace(LIMITS, files=5))
    with pytest.raises(BrokenDataError, match="holds more than 5 files"):
        access.bring_folder(str(own()))


def test_an_archive_becomes_a_dataset_that_is_offered_from_then_on(own: Make) -> None:
    steps: list[tuple[int, int]] = []
    brought = access.bring_archive(zip_of(own(marked=7)), "My scans.zip", lambda *step: steps.append(step))
    assert brought.report.cases == 10
    assert brought.source.options == (("values", "0:7"),)
    assert Path(brought.source.root or "").name == "my-scans"
    assert brought.source.key in [source.key for source in access.sources()]
    assert steps[-1] == (20, 20)


def test_a_refused_archive_leaves_nothing(own: Make, home: Path) -> None:
    root = own()
    (root / "masks" / "3.png").write_bytes(png(np.zeros((9, 9), np.uint8)))
    with pytest.raises(ArchiveError, match=r"3\.png"):
        access.bring_archive(zip_of(root), "scans.zip")
    assert list((home / "raw").rglob("*.png")) == []
    assert "2,048 MiB" in access.limits()


def test_examples_are_spread_over_the_dataset_and_small(own: Make) -> None:
    source = access.bring_folder(str(own()))
    (first, last) = access.examples(source, 0, 2)
    assert (first.case, last.case) == ("0", "9")
    assert first.image.shape == first.mask.shape == (30, 40)
    (drawn,) = access.examples(Source("phantom", None, (("images", 24),)), 0, 1)
    assert drawn.image.shape == (128, 128)


def test_large_pictures_are_shrunk_and_keep_their_shape(own: Make) -> None:
    root = own((1,))
    (root / "images" / "0.png").write_bytes(png(cv2.resize(scan(1), (800, 600))))
    (root / "masks" / "0.png").write_bytes(png(np.zeros((600, 800), np.uint8)))
    drawn = access.picture(access.bring_folder(str(root)), 0, "0")
    assert drawn.image.shape == drawn.mask.shape == (240, 320)


def test_examples_leave_out_what_cannot_be_loaded(own: Make) -> None:
    root = own()
    (root / "images" / "9.png").write_bytes(b"no picture")
    assert [each.case for each in access.examples(access.bring_folder(str(root)), 0, 2)] == ["0"]


def test_a_case_that_is_gone_is_told(own: Make) -> None:
    source = access.bring_folder(str(own()))
    with pytest.raises(DataError, match="Case '99' is not in this dataset any more"):
        access.picture(source, 0, "99")


def test_a_look_is_kept_until_a_file_changes(own: Make) -> None:
    root = own()
    source = access.bring_folder(str(root))
    assert access.seen(source, 0) is None
    steps: list[tuple[int, int]] = []
    report = access.look(source, 0, lambda *step: steps.append(step))
    assert (report.cases, report.class_shares) == (10, {"background": 0.5, "foreground": 0.5})
    shares = [done / total for done, total in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert access.seen(source, 0) == access.seen(source, 5) == report  # files do not depend on the seed
    (root / "images" / "0.png").write_bytes(png(scan(77)))
    datasets._opened.clear()
    assert access.seen(source, 0) is None


def test_only_so_many_looks_are_kept(own: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "KEPT", 1)
    first, second = (access.bring_folder(str(own(name=name))) for name in ("first", "second"))
    for source in (first, second):
        access.look(source, 0)
    assert access.seen(first, 0) is None
    assert access.seen(second, 0) is not None


def test_a_look_at_what_is_broken_says_what_is_wrong(own: Make, tmp_path: Path) -> None:
    root = own()
    (root / "images" / "2.png").write_bytes(png(scan(2))[:60])
    source = access.bring_folder(str(root))
    report = access.look(source, 0)
    assert [Path(problem.where).name for problem in report.problems] == ["2.png"]
    assert access.seen(source, 0) == report
    missing = Source("folder", str(tmp_path / "nowhere"))
    assert "is missing" in access.look(missing, 0).problems[0].what
    assert access.seen(missing, 0) is None


def test_the_split_tells_of_every_case_and_finds_what_straddles_it(own: Make) -> None:
    source = access.bring_folder(str(own((0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3))))  # four scans are there twice
    found = access.split(source, 0, keep_together=False)
    assert found.cases.columns.to_list() == ["case", "label", "split", "width", "height"]
    assert found.cases["case"].to_list() == [str(number) for number in range(12)]
    assert set(zip(found.cases["width"], found.cases["height"], strict=True)) == {(40, 30)}
    assert {name: sum(labels.values()) for name, labels in found.counts.items()} == {
        name: int((found.cases["split"] == name).sum()) for name in ("train", "validation", "test")
    }
    pairs = {(pair.first.id, pair.second.id) for pair in found.duplicates}
    assert pairs == {("0", "8"), ("1", "9"), ("2", "10"), ("3", "11")}
    assert any(pair.across_splits for pair in found.duplicates)
    together = access.split(source, 0, keep_together=True)
    assert {(pair.first.id, pair.second.id) for pair in together.duplicates} == pairs
    assert not any(pair.across_splits for pair in together.duplicates)


def test_sizes_of_simulated_images_follow_from_a_look() -> None:
    source = Source("phantom", None, (("images", 12),))
    access.look(source, 3)
    frame = access.split(source, 3, keep_together=False).cases
    assert set(frame["width"]) == set(frame["height"]) == {128}
    assert access.seen(source, 4) is None  # another seed simulates other images


def test_the_preview_is_what_training_would_see(own: Make) -> None:
    from dmf.config import DataConfig
    from dmf.data import build_dataset, prepare

    root = own()
    source = access.bring_folder(str(root))
    settings = {"filter": True, "filter_diameter": 5, "filter_sigma_space": 20.0, "image_size": 16, "fit": "pad"}
    shown = access.preview(source, 0, "4", settings)
    config = DataConfig(**source.settings, **settings)
    prepared = prepare(build_dataset(config), config)
    at = [case.id for case in prepared.cases].index("4")
    assert (shown.resized == prepared.images[at, 0]).all()
    assert shown.original.shape == shown.filtered.shape == (30, 40)
    assert (shown.original != shown.filtered).any()
    shares = shown.histogram.groupby("picture", sort=False)["share"].sum()
    assert shares.index.to_list() == ["as it is", "after the filter", "as the network sees it"]
    assert shares.to_list() == pytest.approx([100, 100, 100])


def test_without_the_filter_there_is_nothing_between(own: Make) -> None:
    shown = access.preview(access.bring_folder(str(own())), 0, "0", {"filter": False, "image_size": 32})
    assert (shown.original == shown.filtered).all()
    assert list(shown.histogram["picture"].unique()) == ["as it is", "as the network sees it"]


def test_an_image_that_is_to_be_made_is_shown_in_eight_bits_with_its_source() -> None:
    source = Source("contrast", None, (("subjects", 2), ("slices", 1)))
    case = access.cases(source)[0]
    drawn = access.picture(source, 0, case)
    assert drawn.mask is None
    assert drawn.target is not None
    assert drawn.image.dtype == drawn.target.dtype == np.uint8
    assert drawn.image.max() > 150
    assert (drawn.image != drawn.target).any()
    assert not access.facts(source).can_filter
    shown = access.preview(source, 0, case, {"filter": False, "image_size": 64})
    assert (shown.original.shape, shown.resized.shape, shown.resized.dtype) == ((128, 128), (64, 64), np.uint8)
    assert shown.histogram.groupby("picture")["share"].sum().round(6).tolist() == [100.0, 100.0]
