import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data import LIMITS, ArchiveError, build_dataset, prepare, unpack, uploaded

WritePng = Callable[[Path, NDArray[np.generic]], None]


def zip_of(folder: Path, extra: dict[str, bytes] | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
        for name, content in (extra or {}).items():
            file.writestr(name, content)
    return stream


def refused(home: Path, stream: io.BytesIO, name: str = "up.zip") -> list[str]:
    """Problems of an upload that is refused and, as every refused one, leaves nothing behind."""
    with pytest.raises(ArchiveError) as caught:
        unpack(stream, name)
    left = [path for path in home.rglob("*") if not path.is_dir() or path.name not in ("raw", "folder")]
    assert left == []
    return [f"{problem.where}: {problem.what}" for problem in caught.value.problems]


def test_volumes_become_a_dataset_with_the_options_they_ask_for(tmp_path: Path, home: Path) -> None:
    grey = np.arange(8 * 9 * 4, dtype=np.int16).reshape(8, 9, 4)
    for name, voxels in (("imagesTr/a_0000.nii.gz", grey), ("labelsTr/a.nii.gz", (grey % 3).astype(np.uint8))):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "set" / name)
    sheet = b'{"labels": {"background": 0, "liver": 1, "tumour": 2}}'
    unpacked = unpack(zip_of(tmp_path / "set", {"dataset.json": sheet}), "liver.zip")
    assert (unpacked.dataset, unpacked.root, unpacked.report.cases) == ("nifti", home / "raw" / "nifti", 4)
    assert unpacked.options == {"values": "0:1:2", "names": "background:liver:tumour"}


def test_bytes_that_are_no_volume_are_named_as_such() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("images/a.nii.gz", gzip.compress(b"\0" * 400))
        file.writestr("labels/a.nii.gz", gzip.compress(b"\0" * 400))
    with pytest.raises(ArchiveError, match=r"images/a\.nii\.gz: cannot be read as NIfTI, it is damaged"):
        unpack(stream, "up.zip")


@pytest.mark.parametrize(
    ("made", "dataset", "cases"),
    [
        ("fake_busi", "busi", 6),
        ("fake_busc", "busc", 3),
        ("fake_bus_synthetic", "bus_synthetic", 4),
        ("fake_pets", "pets", 3),
        ("fake_coco", "coco", 2),
        ("fake_labelme", "labelme", 2),
        ("fake_cvat", "cvat", 2),
        ("fake_ddti", "ddti", 3),
    ],
)
def test_an_archive_becomes_the_dataset_it_holds(
    made: str, dataset: str, cases: int, home: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(made)
    if dataset == "busi":
        folder = folder.parent
    seen: list[tuple[int, int]] = []
    unpacked = unpack(zip_of(folder), "download.zip", on_progress=lambda *done: seen.append(done))
    assert (unpacked.dataset, unpacked.root) == (dataset, home / "raw" / dataset)
    assert (unpacked.report.cases, unpacked.report.is_sound) == (cases, True)
    config = DataConfig(dataset=dataset, dataset_options=unpacked.options, image_size=16)
    assert len(prepare(build_dataset(config), config).cases) == cases
    assert [path.name for path in (home / "raw").iterdir()] == [dataset]
    shares = [done / total for done, total in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_images_of_ones_own_are_named_after_their_archive(fake_folder: Path, home: Path) -> None:
    unpacked = unpack(zip_of(fake_folder), "My scans (2024).zip")
    assert (unpacked.dataset, unpacked.root) == ("folder", home / "raw" / "folder" / "my-scans-2024")
    assert unpacked.options == {}
    again = unpack(zip_of(fake_folder), "../../..zip")
    assert again.root == home / "raw" / "folder" / "upload"
    config = DataConfig(dataset="folder", root=str(again.root))
    assert [case.id for case in build_dataset(config).cases()] == ["a", "left/b"]


def test_what_was_uploaded_is_listed(fake_folder: Path, home: Path) -> None:
    assert uploaded() == []
    for name in ("b.zip", "a.zip"):
        unpack(zip_of(fake_folder), name)
    (home / "raw" / "folder" / ".unpacking-x").mkdir()
    (home / "raw" / "folder" / "images").mkdir()
    assert [root.name for root in uploaded()] == ["a", "b"]


def test_options_follow_from_what_the_masks_hold(fake_folder: Path, write_png: WritePng) -> None:
    for name in ("a.png", "left/b_mask.png"):
        write_png(fake_folder / "masks" / name, np.eye(20, 30, dtype=np.uint8) * np.uint8(2))
    assert unpack(zip_of(fake_folder), "own.zip").options == {"values": "0:2"}


def test_a_file_on_disk_is_unpacked_too(fake_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "up.zip").write_bytes(zip_of(fake_folder).getvalue())
    assert unpack(tmp_path / "up.zip", "own.zip").report.cases == 2
    with pytest.raises(
        ArchiveError, match=r"none\.zip: cannot be opened \(No such file or directory\)\. Check the path"
    ):
        unpack(tmp_path / "none.zip", "own.zip")


def test_files_that_are_not_needed_are_left_out_and_told(fake_folder: Path) -> None:
    extra = {"readme.txt": b"hello", "images/notes.doc": b""}
    unpacked = unpack(zip_of(fake_folder, extra), "own.zip")
    assert unpacked.report.notes == (
        "readme.txt: not part of the dataset, left out",
        "images/notes.doc: not part of the dataset, left out",
    )
    assert not (unpacked.root / "readme.txt").exists()
    many = unpack(zip_of(fake_folder, {f"{n}.txt": b"" for n in range(25)}), "many.zip")
    assert len(many.report.notes) == 21
    assert many.report.notes[-1] == "5 more files left out"


def test_every_file_that_is_wrong_is_reported_by_its_place_in_the_dataset(
    fake_folder: Path, home: Path, write_png: WritePng
) -> None:
    image = (fake_folder / "images/a.png").read_bytes()
    write_png(fake_folder / "masks" / "left" / "b_mask.png", np.zeros((10, 10), dtype=np.uint8))
    (fake_folder / "images" / "a.png").write_bytes(image[: len(image) // 2])
    (fake_folder / "images" / "c.png").write_bytes(image)
    shutil.copy(fake_folder / "masks/a.png", fake_folder / "masks/d.png")
    assert sorted(refused(home, zip_of(fake_folder))) == [
        "images/a.png: cannot be read as an image; it is damaged or of another format",
        "masks/d.png: is a mask without an image",
        "masks/left/b_mask.png: is 10 x 10 pixels, but its image is 30 x 20",
        "the archive: holds no mask for 1 of 3 images (c)",
    ]


def test_masks_that_cannot_be_read_at_all_are_reported(fake_folder: Path, home: Path) -> None:
    for mask in ("a.png", "left/b_mask.png"):
        path = fake_folder / "masks" / mask
        path.write_bytes(path.read_bytes()[:40])
    problems = refused(home, zip_of(fake_folder))
    assert [problem.split(":")[0] for problem in problems] == ["masks/a.png", "masks/left/b_mask.png"]


def test_half_a_busi_is_refused(fake_busi: Path, home: Path) -> None:
    shutil.rmtree(fake_busi / "malignant")
    assert refused(home, zip_of(fake_busi.parent)) == ["malignant: is missing"]


def test_wrong_names_are_told_with_what_would_be_understood(home: Path) -> None:
    png = cv2.imencode(".png", np.zeros((4, 4), dtype=np.uint8))[1].tobytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("first/a.png", png)
        file.writestr("second/b.png", png)
    (problem,) = refused(home, stream)
    assert problem.startswith("up.zip: holds no folder of images beside a folder of masks")


def test_a_hostile_archive_leaves_nothing_outside_or_inside(fake_folder: Path, home: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert refused(home, zip_of(fake_folder, {"../../evil.png": b"x"})) == ["../../evil.png: leads out of its folder"]
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] == []


def test_a_bomb_leaves_nothing_behind(fake_folder: Path, home: Path) -> None:
    bomb = (fake_folder / "images/a.png").read_bytes() + bytes(60 * 2**20)
    (problem,) = refused(home, zip_of(fake_folder, {"images/z.png": bomb}))
    assert problem == "images/z.png: makes the archive unpack to more than 100 times its size"


def test_an_upload_that_is_given_up_leaves_nothing_behind(fake_folder: Path, home: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == total // 2 + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(zip_of(fake_folder), "own.zip", on_progress=stop)
    assert list((home / "raw" / "folder").iterdir()) == []


def test_what_is_there_is_never_overwritten(fake_busi: Path, home: Path) -> None:
    stream = zip_of(fake_busi.parent)
    (home / "raw" / "busi").mkdir(parents=True)  # empty: nothing is lost
    root = unpack(stream, "busi.zip").root
    mark = root / "mine.txt"
    mark.touch()
    with pytest.raises(ArchiveError, match=r"raw/busi: is there already and is never overwritten\. Remove that folder"):
        unpack(stream, "busi.zip")
    assert mark.exists()
    assert [path.name for path in root.parent.iterdir()] == ["busi"]


def test_of_two_uploads_at_once_the_second_is_refused(fake_folder: Path, home: Path) -> None:
    target = home / "raw" / "folder" / "own"

    def be_faster(done: int, total: int) -> None:
        (target / "images").mkdir(parents=True, exist_ok=True)

    with pytest.raises(ArchiveError, match="own: is there already"):
        unpack(zip_of(fake_folder), "own.zip", on_progress=be_faster)
    assert [path.name for path in target.parent.iterdir()] == ["own"]


def test_a_disk_that_is_full_or_closed_is_told(fake_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(
            ArchiveError, match=r"cannot be written \(No space left on device\)\. Free some space, or set"
        ):
            unpack(zip_of(fake_folder), "own.zip")
    assert list((home / "raw" / "folder").iterdir()) == []
    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(ArchiveError, match=r"raw/folder: cannot be written \(No space left"):
        unpack(zip_of(fake_folder), "own.zip")


def test_limits_can_be_chosen(fake_folder: Path) -> None:
    with pytest.raises(ArchiveError, match="holds more than 3 entries"):
        unpack(zip_of(fake_folder), "own.zip", limits=replace(LIMITS, files=3))


def test_the_real_originals_come_through_an_archive(shared: Callable[[str], Path], home: Path) -> None:
    unpacked = unpack(zip_of(shared("BUSI_originals")), "archive.zip")
    assert (unpacked.dataset, unpacked.options, unpacked.report.cases) == ("busi", {"normal": True}, 11)
    assert unpacked.report.masks == 18
    assert any("has transparency" in note for note in unpacked.report.notes)
