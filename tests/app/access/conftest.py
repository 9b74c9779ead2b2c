"""A home and a store of each test's own."""

from pathlib import Path

import pytest

from app.access.inspecting import inspected_runs
from app.views import InspectedRun


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    return tmp_path


@pytest.fixture
def runs(trained_runs: dict[str, list[str]]) -> list[InspectedRun]:
    """Two trained runs of one race."""
    found, _ = inspected_runs(trained_runs["race"])
    return found
