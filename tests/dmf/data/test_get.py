import shutil
from pathlib import Path

import pytest

from dmf.data import Busi, Phantom, download
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
