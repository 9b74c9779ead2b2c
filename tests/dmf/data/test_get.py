import hashlib
import io
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dmf.data import DATASETS, Busc, Busi, BusSynthetic, Folder, Link, Pets, Phantom, download
from dmf.errors import ConfigError, DataError


@pytest.fixture
def kaggle(fake_busi: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kaggle knows the second mirror only."""
    asked: list[str] = []

    def fetch(handle: str) -> str:
        asked.append(handle)
        if handle == Busi.kaggle[0]:
            raise RuntimeError("404 Client Error.\nmore words")
        return str(fake_busi.parent)

    monkeypatch.setattr("kagglehub.dataset_download", fetch)
    return asked


def test_a_download_lands_in_the_root_and_can_be_read(kaggle: list[str], home: Path) -> None:
    root = download(Busi())
    assert kaggle == list(Busi.kaggle)
    assert root == home / "raw" / "busi"
    assert len(Busi().cases()) == 5
    assert [file.name for file in root.parent.iterdir()] == ["busi"]


def test_an_empty_root_is_filled(kaggle: list[str], tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    assert len(Busi(download(Busi(tmp_path / "scans"))).cases()) == 5


def test_files_in_the_way_are_never_overwritten(kaggle: list[str], fake_busi: Path) -> None:
    with pytest.raises(DataError, match=r"is not empty; `dmf data check busi` says what is in it\. Remove it"):
        download(Busi(fake_busi))
    assert kaggle == []


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: str) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("kagglehub.dataset_download", fail)
    with pytest.raises(DataError, match="Could not download 'busi'") as caught:
        download(Busi())
    text = str(caught.value)
    assert "aryashah2k/breast-ultrasound-images-dataset: ConnectionError: no route to host" in text
    assert "unpack it, so that the folder Dataset_BUSI_with_GT" in text
    assert "data/raw/busi" in text


def test_a_download_that_cannot_be_placed_is_not_lost(
    kaggle: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(DataError, match=r"Cannot put the download into .*scans: No space left on device\. It lies in"):
        download(Busi(tmp_path / "scans"))
    assert not (tmp_path / "scans").exists()


def test_simulated_data_needs_no_download() -> None:
    with pytest.raises(ConfigError, match=r"'phantom' needs no download\. Nothing to get") as caught:
        download(Phantom())
    assert caught.value.field == "dataset"


def test_a_folder_of_ones_own_lies_nowhere_to_download() -> None:
    with pytest.raises(
        ConfigError, match=r"'folder' lies nowhere to download\. Put images into a folder called images"
    ):
        download(Folder())


@pytest.mark.parametrize("name", [name for name in DATASETS if DATASETS[name].kaggle or DATASETS[name].links])
def test_offline_every_dataset_says_what_was_tried_and_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("kagglehub.dataset_download", offline)
    monkeypatch.setattr("urllib.request.urlopen", offline)
    dataset = DATASETS.build(name)
    with pytest.raises(DataError, match=f"Could not download '{name}'\\. Tried .*no route to host") as caught:
        download(dataset)
    assert str(caught.value).endswith(dataset.how_to_get)
    assert not dataset.root.exists()
    assert not (home / "raw").exists() or list((home / "raw").iterdir()) == []


def test_bus_synthetic_comes_from_kaggle(fake_bus_synthetic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kagglehub.dataset_download", lambda slug: str(fake_bus_synthetic))
    assert len(BusSynthetic(download(BusSynthetic())).cases()) == 4


@pytest.fixture
def served() -> Iterator[dict[str, bytes]]:
    """A web server in this process: path to content; ``base`` is its address."""
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"only this")
                return
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is not None and not self.path.startswith("/unsized"):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        files["base"] = f"http://127.0.0.1:{server.server_port}".encode()
        yield files
        server.shutdown()
        thread.join()


def tarred(folder: Path, *parts: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for part in parts:
            tar.add(folder / part, part)
    return stream.getvalue()


def pets_from(served: dict[str, bytes], **changes: object) -> type[Pets]:
    base = served["base"].decode()
    images, annotations = served["/images.tar.gz"], served["/annotations.tar.gz"]
    sizes = {"size": len(images), "md5": hashlib.md5(images).hexdigest()} | changes

    class Served(Pets):
        links = (
            Link(f"{base}/images.tar.gz", **sizes),  # type: ignore[arg-type]
            Link(f"{base}/annotations.tar.gz", md5=hashlib.md5(annotations).hexdigest()),
        )

    return Served


@pytest.fixture
def pets(served: dict[str, bytes], fake_pets: Path) -> dict[str, bytes]:
    served["/images.tar.gz"] = tarred(fake_pets, "images")
    served["/annotations.tar.gz"] = tarred(fake_pets, "annotations")
    return served


def test_two_archives_together_become_the_pets(pets: dict[str, bytes], home: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    root = download(pets_from(pets)(), on_progress=lambda *done: seen.append(done))
    assert root == home / "raw" / "pets"
    assert [case.id for case in Pets().cases()] == ["Abyssinian_1", "Bombay_10", "beagle_2"]
    assert [file.name for file in root.parent.iterdir()] == ["pets"]
    lengths = [len(pets["/images.tar.gz"]), len(pets["/annotations.tar.gz"])]
    assert seen == [(length, length) for length in lengths]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 10}, "images.tar.gz: DataError: more than 10 bytes came"),
        ({"size": 10**6}, "of 1,000,000 bytes came"),
        ({"md5": "0" * 32}, "DataError: the checksum is .*, not 00000000000000000000000000000000"),
    ],
)
def test_an_archive_that_is_not_the_known_one_is_refused(
    pets: dict[str, bytes], home: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        download(pets_from(pets, **changes)())
    assert list((home / "raw").iterdir()) == []


def test_an_archive_that_leads_outside_is_refused(pets: dict[str, bytes], home: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        entry = tarfile.TarInfo("../evil.png")
        tar.addfile(entry)
    pets["/annotations.tar.gz"] = stream.getvalue()
    with pytest.raises(DataError, match=r"annotations\.tar\.gz: OutsideDestinationError: "):
        download(pets_from(pets)())
    assert list((home / "raw").iterdir()) == []


def busc_at(url: str) -> Busc:
    class Served(Busc):
        links = (Link(url),)

    return Served()


def test_busc_comes_as_a_zip(served: dict[str, bytes], fake_busc: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for path in fake_busc.rglob("*.png"):
            file.write(path, path.relative_to(fake_busc))
        file.writestr("BUSC Dataset/readme.txt", b"hello")
    served["/unsized"] = stream.getvalue()
    root = download(busc_at(f"{served['base'].decode()}/unsized"))
    assert len(Busc(root).cases()) == 3


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nothing", "HTTPError: HTTP Error 404: Not Found"),
        ("/page", r"ArchiveError: .*/page: is damaged, or no zip \(File is not a zip file\)"),
        ("/short", "9 of 1,000 bytes came|IncompleteRead"),
    ],
)
def test_an_answer_that_is_no_archive_is_told(served: dict[str, bytes], home: Path, path: str, words: str) -> None:
    served["/page"] = b"<html>Please log in</html>"
    with pytest.raises(DataError, match=words):
        download(busc_at(f"{served['base'].decode()}{path}"))
    assert list((home / "raw").iterdir()) == []
