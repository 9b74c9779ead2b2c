"""A home and a store of each test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.access.inspecting import InspectedRun, inspected_runs
from dmf.config import ExperimentConfig
from dmf.runs import RunStore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    return tmp_path


@pytest.fixture
def train(store: RunStore) -> Callable[[ExperimentConfig], list[str]]:
    """Trains an experiment; returns the ids of its runs."""
    from dmf.jobs import Job, create_experiment

    def run(config: ExperimentConfig) -> list[str]:
        made = create_experiment(store, config)
        Job(store, made, "test").train()
        return [run.id for run in made.runs]

    return run


@pytest.fixture
def runs(train: Callable[[ExperimentConfig], list[str]], tiny: Any) -> list[InspectedRun]:
    """Two trained runs of one race."""
    found, _ = inspected_runs(train(tiny("mad", "variance")))
    return found
