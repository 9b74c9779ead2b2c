"""A store with one experiment."""

from pathlib import Path

import pytest

from dmf.config import FusionConfig
from dmf.runs import ExperimentRow, RunStore


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs.sqlite")


@pytest.fixture
def experiment(store: RunStore) -> ExperimentRow:
    """Two runs, owned by "me"."""
    fusions = [FusionConfig(weighting=name).recorded() for name in ("variance", "mad")]
    found = store.create_experiment({}, name="e", labels=["variance", "mad"], run_configs=fusions, environment={})
    store.claim([run.id for run in found.runs], "me")
    return found
