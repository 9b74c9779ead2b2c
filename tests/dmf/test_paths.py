from pathlib import Path

import pytest

from dmf.config import DataConfig
from dmf.data import build_dataset
from dmf.errors import ConfigError
from dmf.importing import import_predictions
from dmf.paths import cache_folder, data_home, default_store, raw_folder, refuse_outside
from dmf.runs import RunStore


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


def test_folders_outside_the_named_roots_are_not_looked_into(
    home: Path, store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "roots" / "inside"
    for folder in (outside, inside):
        folder.mkdir(parents=True)
    (inside.parent / "link").symlink_to(outside)
    refuse_outside(outside)  # nothing was named
    monkeypatch.setenv("DMF_DATA_ROOTS", str(inside.parent))
    refuse_outside(inside)
    refuse_outside(home / "raw" / "folder")
    for folder in (outside, inside / ".." / ".." / "outside", inside.parent / "link", tmp_path / "not there"):
        with pytest.raises(ConfigError, match=r"does not lie below .*roots: this program was started to look into no"):
            refuse_outside(folder)
        with pytest.raises(ConfigError, match="does not lie below"):
            build_dataset(DataConfig(dataset="folder", root=str(folder)))
        with pytest.raises(ConfigError, match="does not lie below"):
            import_predictions(store, folder)
    build_dataset(DataConfig(dataset="folder", root=str(inside)))
