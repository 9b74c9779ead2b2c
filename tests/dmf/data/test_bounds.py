"""Small files that would make much are refused by their headers, wherever they come from."""

import os
import re
import socket
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dmf.config import DataConfig
from dmf.data import ArchiveError, BrokenDataError, Folder, check, prepare, sweep_unpacking, unpack
from dmf.data.bounds import MIB, most_decoded, refuse_large_set
from dmf.data.folder import suggest_options
from dmf.importing import import_predictions
from dmf.runs import RunStore


def promise(width: int, height: int, *, bits: int = 16, colour: int = 6) -> bytes:
    """A PNG of two pixels whose header promises more: 4 x 16 bits a pixel, if nothing else is said."""
    content = bytearray(cv2.imencode(".png", np.zeros((1, 2, 4), np.uint16))[1].tobytes())
    content[16:26] = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, colour])
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def put(root: Path, content: bytes, count: int = 6) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
        for n in range(count):
            (root / folder / f"{n}.png").write_bytes(content)
    return root


LARGE = promise(4000, 4000)  # 122 MiB: within the bound of one picture, 12 of them are not within that of a set


def test_a_set_may_make_200_times_its_files_or_a_gibibyte() -> None:
    assert most_decoded(1000) == 1024 * MIB
    assert most_decoded(100 * MIB) == 20_000 * MIB


def test_a_folder_that_would_make_too_much_is_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: RunStore
) -> None:
    root = put(tmp_path / "own", LARGE)
    (root / "predictions" / "m").mkdir(parents=True)
    monkeypatch.setattr("dmf.data.decode.cv2.imdecode", None)  # would fail if it were called
    said = re.escape("that would make 1,465 MiB once decoded, more than 1,024 MiB")
    dataset = Folder(root)
    assert re.search(said, str(check(dataset).problems[0]))
    with pytest.raises(BrokenDataError, match=said):
        prepare(dataset, DataConfig(dataset="folder", root=str(root)))
    with pytest.raises(BrokenDataError, match="MiB once decoded, more than 1,024 MiB"):
        import_predictions(store, root)
    with pytest.raises(BrokenDataError, match="MiB once decoded, more than 1,024 MiB"):
        suggest_options([root / "masks" / f"{n % 6}.png" for n in range(12)])


def test_each_page_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmf.data.bounds.SET", MIB)
    pages = [Image.new("L", (1024, 1024))] * 3  # a MiB each, a few kilobytes when packed
    pages[0].save(tmp_path / "one.tif", compression="tiff_adobe_deflate")
    pages[0].save(tmp_path / "three.tif", compression="tiff_adobe_deflate", save_all=True, append_images=pages[1:])
    refuse_large_set("here", [tmp_path / "one.tif"])
    with pytest.raises(BrokenDataError, match="would make 3 MiB once decoded, more than 1 MiB"):
        refuse_large_set("here", [tmp_path / "three.tif"])


@pytest.mark.parametrize(
    ("content", "said"),
    [(promise(5990, 5990), "would make 273 MiB once decoded, more than 256 MiB"), (LARGE, "more than 1,024 MiB once")],
)
def test_an_archive_that_would_make_too_much_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    put(tmp_path / "own", content)
    with zipfile.ZipFile(tmp_path / "up.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((tmp_path / "own").rglob("*.png")):
            file.write(path, path.relative_to(tmp_path / "own").as_posix())
    with pytest.raises(ArchiveError) as caught:
        unpack(tmp_path / "up.zip", "up.zip")
    assert said in str(caught.value)


def test_what_a_killed_upload_left_is_swept_and_what_runs_is_not(tmp_path: Path) -> None:
    host = socket.gethostname()
    ended = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(ended, 0)
    mine, gone = tmp_path / f".unpacking-{host}-{os.getpid()}-abc", tmp_path / f".unpacking-{host}-{ended}-abc"
    elsewhere, old = tmp_path / ".unpacking-another-host-7-abc", tmp_path / ".unpacking-old"
    for folder in (mine, gone, elsewhere, old):
        folder.mkdir()
    os.utime(old, (0, 0))
    assert sorted(sweep_unpacking(tmp_path)) == sorted([gone, old])
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere])
