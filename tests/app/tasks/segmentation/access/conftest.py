"""A home and a store of each test's own."""

from pathlib import Path

import pytest

from app.access.inspecting import inspected_runs
from app.tasks.segmentation.access.cases import segmented
from app.tasks.segmentation.views import SegmentedRun


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    return tmp_path


@pytest.fixture
def runs(trained_runs: dict[str, list[str]]) -> list[SegmentedRun]:
    """Two trained runs of one race."""
    return segmented(inspected_runs(trained_runs["race"])[0])
