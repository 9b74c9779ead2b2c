"""SIGKILL of a server at random moments, again and again: nothing is lost, and the outcome is as if nothing had been.

Settings change before and after the kills. The uninterrupted race is given the stored changes from a file.
"""

import random
import selectors
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from dmf.errors import RunFinishedError
from dmf.jobs import Job, create_experiment
from dmf.live_settings import changes_of, read_events
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.runs.export import export_run
from dmf.tasks import TASKS

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL"),
]

RACE = ("bayesian", "mad,auxiliary=none")
EPOCHS = 48
STEPS = 4 * EPOCHS
KILLS = ["anywhere"] * 2 + ["training"] * 3 + ["checkpoint"] * 2 + ["commit"] * 2

# One process imports; each of its children is a server that goes on with the experiment and kills itself in the midst
# of what it is told. When each step was taken stays in a file that is mapped into memory, which a kill does not touch.
SERVERS = """
import mmap, os, random, signal, sys, threading, time

import numpy as np
from sqlalchemy import event
from dmf.jobs import JobManager
from dmf.runs import RunStore
from dmf.training import TrainingRun, lockstep

file, id, taken_file, steps = *sys.argv[1:4], int(sys.argv[4])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_soon(seconds):
    threading.Thread(target=lambda: (time.sleep(random.uniform(0, seconds)), die()), daemon=True).start()

def serve(where, chance):
    random.seed(chance)
    store = RunStore(file)
    if where == "never":
        manager = JobManager(store)
        manager.resume(id)
        while manager.is_busy():
            time.sleep(0.02)
        os._exit(0)
    lockstep.CHECKPOINT_EVERY = random.choice((0.2, 60.0))
    with open(taken_file, "r+b") as opened:
        taken = np.frombuffer(mmap.mmap(opened.fileno(), 0), np.float64).reshape(2, steps)
    own = TrainingRun.take_step

    def take_step(run, batch):
        time.sleep(0.04)
        fused = own(run, batch)
        taken[int(run.id[-2:]) - 1, run.step - 1] = time.time()
        return fused

    TrainingRun.take_step = take_step
    left = random.randint(1, 5 if where == "checkpoint" else 16)  # its end comes with so many checkpoints, or commits

    def reached():
        nonlocal left
        left -= 1
        return left == 0

    if where == "checkpoint":  # while the draft is being written, or once it is, around the moment it takes its place
        from safetensors import torch as safetensors
        write = safetensors.save_file

        def save_file(tensors, draft, metadata):
            last = reached()
            if last and random.random() < 0.5:
                die_soon(0.002)
            write(tensors, draft, metadata)
            if last:
                die_soon(0.001)

        safetensors.save_file = save_file
    if where == "commit":  # before it is sent, or while it is at work
        event.listen(store._engine, "commit", lambda _: reached() and random.choice((die, lambda: die_soon(0.002)))())
    manager = JobManager(store)
    manager.resume(id)
    if where == "training":
        while not taken.any():
            time.sleep(0.005)
    if where in ("training", "anywhere"):
        time.sleep(random.uniform(0, 0.8))
        die()
    while manager.is_busy():
        time.sleep(0.02)
    os._exit(0)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        serve(*line.split())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), time.time(), flush=True)
"""


def turn_a_knob(store, id, choice):
    field, values = choice.choice(
        [("lr", (1e-4, 1e-3, 0.01)), ("weighting", ("fixed", "variance", "mad", "bayesian")), ("gamma", (0, 0.5, 3))]
    )
    run = choice.choice(store.experiment(id).runs[: 1 if field == "gamma" else 2]).id
    with suppress(RunFinishedError):  # just interrupted
        store.add_command(run, "set", field, choice.choice(values))


def attempts_with_changes(store, id):
    runs = [run.id for run in store.experiment(id).runs]
    return {event.attempt for event in store.events(runs) if event.kind == "knob"}


def has_line(pipe):
    with selectors.DefaultSelector() as selector:  # select() takes no descriptor above 1023, and a worker has many
        selector.register(pipe, selectors.EVENT_READ)
        return bool(selector.select(0))


def wait_for(condition):
    while not condition():
        time.sleep(0.005)


def assert_same_files(here, there):
    assert sorted(file.name for file in here.iterdir()) == sorted(file.name for file in there.iterdir())
    for file in there.glob("*.zip"):  # what the networks believe of the test images
        assert file.read_bytes() == (here / file.name).read_bytes()
    for file in there.glob("*.safetensors"):
        expected, found = load_file(file), load_file(here / file.name)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():  # weights, history, optimizer, random state
            assert found[name].numpy().tobytes() == tensor.numpy().tobytes(), name


@pytest.mark.parametrize("task", TASKS, indirect=True)
def test_a_server_killed_at_any_moment_loses_nothing(store, tiny, tmp_path, hasty):
    choice = random.Random(3)
    id = create_experiment(store, tiny(*RACE, epochs=str(EPOCHS))).id
    Path(tmp_path / "taken").write_bytes(bytes(8 * 2 * STEPS))
    taken = np.memmap(tmp_path / "taken", np.float64, "r+", shape=(2, STEPS))
    command = [sys.executable, "-c", SERVERS, str(store.file), id, str(tmp_path / "taken"), str(STEPS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as servers:
        rounds = choice.sample(KILLS, len(KILLS))
        # Changes come before and after kills. On a busy machine a server may be dead before it has followed any: then
        # more of them are killed.
        while rounds or len(attempts_with_changes(store, id)) < 4:
            where = rounds.pop() if rounds else "training"
            taken[:] = 0
            print(where, choice.random(), file=servers.stdin)
            wait_for(lambda: taken.any() or has_line(servers.stdout))
            for _ in range(3):
                time.sleep(choice.uniform(0, 0.15))
                turn_a_knob(store, id, choice)
            status, _ = servers.stdout.readline().split()
            assert status == "-9", where
            with sqlite3.connect(store.file) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
            # What one reader has watched, the server that goes on need not watch again.
            later = RunStore(store.file, monotonic=hasty)
            later.runs()
            for run in later.experiment(id).runs:
                assert run.state is RunState.INTERRUPTED
                telemetry = later.telemetry(run.id)
                np.testing.assert_array_equal(telemetry.steps, np.arange(len(telemetry.steps)))
            later.runs()
            later.close()
        print("never", 0, file=servers.stdin)
        assert servers.stdout.readline().split()[0] == "0"
        servers.stdin.close()

    runs = store.experiment(id).runs
    changes = {}
    for run in runs:
        export_run(store, run.id, "events", tmp_path / "events.json")
        changes |= read_events(tmp_path / "events.json")
    whole_store = RunStore(tmp_path / "uninterrupted" / "runs.sqlite")
    whole = create_experiment(whole_store, tiny(*RACE, epochs=str(EPOCHS)), changes)
    Job(whole_store, whole, "another").train()
    for run, other in zip(runs, whole_store.experiment(whole.id).runs, strict=True):
        assert run.state is other.state is RunState.FINISHED
        assert changes_of(store.events([run.id])) == changes_of(whole_store.events([other.id]))
        files = [tmp_path / name for name in ("killed.csv", "uninterrupted.csv")]
        for file, opened, row in zip(files, (store, whole_store), (run, other), strict=True):
            export_run(opened, row.id, "csv", file)
        assert files[0].read_bytes() == files[1].read_bytes()
        here, there = (opened.artifact_folder(row.id) for opened, row in ((store, run), (whole_store, other)))
        assert_same_files(here, there)
        scores = [
            opened.epoch_metrics([row.id]).drop(columns="run") for opened, row in ((store, run), (whole_store, other))
        ]
        assert scores[0].equals(scores[1])
    whole_store.close()
