"""A home and a store of each test's own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    return tmp_path
