from pathlib import Path

import pytest

from dmf.paths import cache_folder, data_home, default_store, raw_folder


def test_data_lies_in_the_current_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DMF_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert data_home() == tmp_path / "data"
    assert raw_folder("busi") == tmp_path / "data" / "raw" / "busi"


def test_dmf_home_moves_everything(home: Path) -> None:
    assert data_home() == home
    assert cache_folder() == home / "cache"


def test_dmf_home_may_start_with_the_user_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", "~/somewhere")
    assert data_home() == Path.home() / "somewhere"


def test_the_store_lies_in_the_data_folder_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DMF_STORE", raising=False)
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    assert default_store() == str(tmp_path / "runs.sqlite")
    monkeypatch.setenv("DMF_STORE", "postgresql://somewhere/runs")
    assert default_store() == "postgresql://somewhere/runs"
