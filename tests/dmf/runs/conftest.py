"""A store of each kind, with a clock that tests move, and an experiment of two runs in it."""

import numpy as np
import pytest

from dmf.records import TelemetryBlock
from dmf.runs import RunStore

COLUMNS = ("loss_ce", "weight_ce", "auxiliary", "gamma", "total", "lr", "finite")


class Clock:
    """Stands still until a test moves it."""

    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.processes)])
def location(request, tmp_path):
    """Where an empty store of each kind may be made."""
    if request.param == "sqlite":
        return tmp_path / "runs.sqlite"
    return request.getfixturevalue("postgresql").new_store()


@pytest.fixture
def store(location, clock):
    store = RunStore(location, clock=clock, monotonic=clock)
    yield store
    store.close()


@pytest.fixture
def experiment(store):
    return store.create_experiment(
        {"seed": 7, "weighting": ["mad", "variance"]},
        name="a race",
        labels=["MAD", "Variance"],
        run_configs=[{"weighting": "mad"}, {"weighting": "variance"}],
        environment={"torch": "2.15.0"},
    )


@pytest.fixture
def run(store, experiment):
    """The first run of the experiment; both are claimed by "me"."""
    store.claim([row.id for row in experiment.runs], "me")
    return experiment.runs[0].id


@pytest.fixture
def make_block():
    """A block whose row for step s holds s + column / 8 (exact in float32), one step taking 0.01 s."""

    def make(run, first_step, count, *, attempt=1, columns=COLUMNS, started=None, seconds_per_step=0.01):
        steps = np.arange(first_step, first_step + count, dtype=np.float32)
        values = steps[:, None] + np.arange(len(columns), dtype=np.float32) / 8
        started = Clock.now + first_step * seconds_per_step if started is None else started
        ended = started + (count - 1) * seconds_per_step
        return TelemetryBlock(run, attempt, first_step, tuple(columns), values, started, ended)

    return make


@pytest.fixture
def sqlite_file(store):
    """The store's file, for tests of what only a file does."""
    if store.file is None:
        pytest.skip("only an SQLite store is a file")
    return store.file
