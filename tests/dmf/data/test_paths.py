from pathlib import Path

import pytest

from dmf.data.paths import cache_folder, data_home, raw_folder


def test_data_lies_in_the_current_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DMF_HOME")
    monkeypatch.chdir(tmp_path)
    assert data_home() == tmp_path / "data"
    assert raw_folder("busi") == tmp_path / "data" / "raw" / "busi"


def test_dmf_home_moves_everything(home: Path) -> None:
    assert data_home() == home
    assert cache_folder() == home / "cache"


def test_dmf_home_may_start_with_the_user_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", "~/somewhere")
    assert data_home() == Path.home() / "somewhere"
