"""Several processes that train from one store at the same time."""

import subprocess
import sys

import numpy as np
import pytest

from dmf.jobs import create_experiment
from dmf.records import RunState, StateChange
from dmf.runs import schema

pytestmark = [pytest.mark.processes, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")]

# One process imports, its children are the servers: torch is imported once, and they start at the same moment.
SERVERS = """
import os, sys, time
from dmf.errors import DMFError
from dmf.jobs import Job, JobManager
from dmf.runs import RunStore

kind, file, count, ids = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]

def train(store, owner):
    experiment = store.experiment(ids[0])
    time.sleep(max(0.0, start - time.time()))
    try:
        Job(store, experiment, owner).train()
        return "trained"
    except DMFError as error:
        return type(error).__name__

def serve(store, owner):
    manager = JobManager(store, owner)
    for id in ids[int(owner)::count]:
        manager.resume(id)
    kept = len(store.queue())
    while manager.is_busy():
        time.sleep(0.02)
    return f"saw {kept}"

start = time.time() + 1.0
for index in range(count):
    if os.fork() == 0:
        said = {"train": train, "serve": serve}[kind](RunStore(file), str(index))
        os.write(1, f"{said}\\n".encode())  # in one piece
        os._exit(0)
for _ in range(count):
    assert os.wait()[1] == 0
"""


def run_servers(kind, store, count, ids):
    command = [sys.executable, "-c", SERVERS, kind, str(store.file), str(count), *ids]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(done.stdout.split("\n")[:-1])


@pytest.mark.parametrize("interrupted", [False, True])
def test_of_processes_that_train_the_same_experiment_at_the_same_moment_exactly_one_does(store, tiny, interrupted):
    experiment = create_experiment(store, tiny())
    (run,) = experiment.runs
    if interrupted:
        store.write([StateChange(run.id, 0, RunState.INTERRUPTED)], None)
    with store._writing() as connection:  # so that a queued one still is when all servers have started
        connection.execute(schema.runs.update().values(lease=schema.runs.c.lease + 100))
    assert run_servers("train", store, 3, [experiment.id]) == ["NotOwnerError", "NotOwnerError", "trained"]
    (run,) = store.experiment(experiment.id).runs
    assert (run.state, run.attempt) == (RunState.FINISHED, 2 if interrupted else 1)
    np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(8))
    assert len([event for event in store.events([run.id]) if event.data.get("state") == "running"]) == 1


def test_two_servers_on_one_store_each_train_their_own_queue(store, tiny):
    experiments = [create_experiment(store, tiny(seed=str(seed))) for seed in range(4)]
    run_servers("serve", store, 2, [experiment.id for experiment in experiments])
    for experiment in experiments:
        (run,) = store.experiment(experiment.id).runs
        assert run.state is RunState.FINISHED
        np.testing.assert_array_equal(store.telemetry(run.id).steps, np.arange(8))
    assert store.queue() == []
