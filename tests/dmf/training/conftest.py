"""A race without a store: records are kept in memory, commands come from a script."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from dmf import build
from dmf.errors import ConfigError
from dmf.records import Event, RunState, StateChange, TelemetryBlock
from dmf.training import Lockstep, TrainingRun
from dmf.training.checkpoint import load


class MemorySink:
    """Keeps every record, in order."""

    def __init__(self):
        self.records = []

    def write(self, record):
        self.records.append(record)

    def flush(self):
        pass

    def of(self, kind, run=None):
        return [record for record in self.records if isinstance(record, kind) and run in (None, record.run)]

    def telemetry(self, run):
        """(steps, columns) of a run, and the steps."""
        blocks = self.of(TelemetryBlock, run)
        steps = [block.first_step + np.arange(len(block.values)) for block in blocks]
        return np.concatenate(steps), np.concatenate([block.values for block in blocks])

    def events(self, run, kind):
        return [event for event in self.of(Event, run) if event.kind == kind]

    def reason(self, run):
        """Why the run ended as it did."""
        return self.of(StateChange, run)[-1].reason


class NoCommands:
    def take(self, run):
        return ()


@dataclass
class Race:
    """What came out of a race."""

    runs: dict[str, TrainingRun]
    states: dict[str, RunState]
    sink: MemorySink

    def telemetry(self, run):
        return self.sink.telemetry(run)[1]

    def network(self, run):
        return self.runs[run].model.state_dict()


@pytest.fixture
def race(tmp_path):
    """Trains an experiment; the id of each run is its label. ``change`` may spoil the runs before they start."""
    numbers = itertools.count()

    def train(config, *, change=None, commands=None, **options):
        workbench, folder = build.build_workbench(config), tmp_path / f"race-{next(numbers)}"
        runs = {run.label: workbench.run(run.label, run, folder / run.label) for run in config.runs}
        if change:
            change(runs)
        sink = MemorySink()
        lockstep = Lockstep(
            list(runs.values()),
            feed=workbench.feed,
            task=workbench.task,
            samples=workbench.samples,
            sink=sink,
            commands=commands or NoCommands(),
            plan=workbench.plan("e-1"),
            numerics=workbench.numerics,
            **options,
        )
        return Race(runs, lockstep.train(), sink)

    return train


@pytest.fixture
def workbench(tiny):
    """Data and settings of a tiny experiment of one run."""
    return build.build_workbench(tiny())


@pytest.fixture
def make_run(workbench, tmp_path):
    """A fresh run of the tiny experiment, and its batches by step."""

    def make(name="mad"):
        return workbench.run(name, workbench.config.runs[0], tmp_path / name)

    return make


@pytest.fixture
def snapshot():
    """Everything that a run would need to continue, as tensors by name."""

    def take(run):
        run.save_last(0)
        return load(run.folder / "last.safetensors", run.fingerprint)[0]

    return take


@pytest.fixture
def assert_same_bits():
    def check(left, right):
        assert left.keys() == right.keys()
        for name, tensor in left.items():
            assert torch.equal(tensor, right[name]), name

    return check


@pytest.fixture
def spoil():
    """Puts a bank in front of a run's own that changes one term at chosen steps: ``spoil(run, "iou", nan, {3})``."""

    def replace(run, term, factor, steps):
        own, calls = run.bank, itertools.count()

        def bank(logits, target):
            parts = own(logits, target)
            if next(calls) not in steps:
                return parts
            if term == "auxiliary":
                return type(parts)(parts.terms, parts.auxiliary * factor, parts.logits)
            if term not in own.names:
                raise ConfigError(f"no term {term}")
            factors = torch.tensor([factor if name == term else 1.0 for name in own.names])
            return type(parts)(parts.terms * factors, parts.auxiliary, parts.logits)

        run.bank = bank

    return replace
