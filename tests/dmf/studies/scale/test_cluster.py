"""A real Ray cluster of one head and two workers: the same numbers, and nothing lost where something dies.

Ray does not come with the program, so these run by ``make test-scale``.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from dmf.errors import ConfigError
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan

ray = pytest.importorskip("ray", reason="needs Ray: make test-scale")

from dmf.studies.cluster import train_on_cluster  # noqa: E402

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def nodes():
    """One head, which trains nothing, and two workers."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture
def cluster(nodes):
    """Its address."""
    return nodes.address


@pytest.fixture
def plan(small_plan, tiny_texts):
    return small_plan(base={**{k: v for k, v in tiny_texts.items() if k != "seed"}, "epochs": "20"}, repeats=3)


def outcome(store):
    return {
        (cell.key, run.label): (store.telemetry(run.id).values.tobytes(), run.summary["metrics"])
        for cell in store.study_cells("small")
        for run in (cell.experiment.runs if cell.experiment else ())
    }


@pytest.fixture
def whole(plan, tmp_path, home):
    """What comes out here, where nothing dies."""
    store = RunStore(tmp_path / "whole.sqlite")
    store_plan(store, plan)
    LocalEngine(store, "small").run()
    yield outcome(store)
    store.close()


def states(store):
    return [cell.state for cell in store.study_cells("small")]


def past_the_first_epoch(store):
    return [
        run
        for cell in store.study_cells("small")
        for run in (cell.experiment.runs if cell.experiment else ())
        if run.owner and run.state is RunState.RUNNING and run.summary["epoch"] >= 1
    ]


def kill_a_worker(store, killed):
    if not killed and (found := past_the_first_epoch(store)):
        killed.append(int(found[0].owner.partition("(process ")[2].partition(",")[0]))
        os.kill(killed[0], signal.SIGKILL)


def test_a_killed_worker_goes_on_from_its_checkpoint_to_the_same_numbers_as_here(cluster, store, plan, whole):
    store_plan(store, plan)
    killed = []
    train_on_cluster(store, "small", cluster, stop=threading.Event(), on_look=lambda: kill_a_worker(store, killed))
    assert killed
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store) == whole
    assert len(store.experiments()) == 3
    assert max(run.attempt for cell in store.study_cells("small") for run in cell.experiment.runs) == 2


def test_what_trained_on_a_node_that_is_lost_goes_on_elsewhere(cluster, nodes, store, plan, whole):
    store_plan(store, plan)
    lost = []

    def lose_a_node():
        busy = {run.experiment for run in past_the_first_epoch(store)}
        if not lost and len(busy) == 2:  # so that whichever is lost trained something
            lost.append(sorted(nodes.worker_nodes, key=lambda node: node.node_id)[0])
            nodes.remove_node(lost[0], allow_graceful=False)
            nodes.add_node(num_cpus=1)

    train_on_cluster(store, "small", cluster, stop=threading.Event(), on_look=lose_a_node)
    assert lost
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store) == whole
    assert len(store.experiments()) == 3
    assert max(run.attempt for cell in store.study_cells("small") for run in cell.experiment.runs) == 2


def test_a_driver_that_is_killed_takes_its_tasks_along_and_another_goes_on(cluster, store, plan, whole):
    store_plan(store, plan)
    words = ("study", "resume", "small", "--engine", "ray", "--address", cluster, "--store", str(store.file))
    driver = subprocess.Popen(
        [sys.executable, "-m", "dmf", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 300
        while not past_the_first_epoch(store):
            assert driver.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        driver.kill()
        driver.wait()
    train_on_cluster(store, "small", cluster, stop=threading.Event())
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store) == whole
    assert len(store.experiments()) == 3


def test_stopping_the_driver_stops_its_tasks_with_checkpoints(cluster, store, plan, whole):
    store_plan(store, plan)
    stop = threading.Event()
    train_on_cluster(
        store, "small", cluster, stop=stop, on_look=lambda: stop.set() if past_the_first_epoch(store) else None
    )
    assert RunState.STOPPED in states(store)
    assert RunState.RUNNING not in states(store)
    store.reopen_cells("small")
    train_on_cluster(store, "small", cluster, stop=threading.Event())
    assert outcome(store) == whole


@pytest.fixture
def served(postgresql, tmp_path, monkeypatch):
    """An empty store on a server."""
    monkeypatch.setenv("DMF_ARTIFACTS", str(tmp_path / "artifacts"))
    store = RunStore(postgresql.new_store())
    yield store
    store.close()


def test_a_server_that_restarts_in_mid_study_loses_nothing(cluster, postgresql, served, plan, whole):
    store = served
    store_plan(store, plan)
    restarted = []

    def restart():
        if not restarted and past_the_first_epoch(store):
            restarted.append(True)
            postgresql.stop("immediate")
            postgresql.start()

    train_on_cluster(store, "small", cluster, stop=threading.Event(), on_look=restart)
    assert restarted
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store) == whole
    assert len(store.experiments()) == 3


def test_an_address_without_a_cluster_is_told(store, plan):
    store_plan(store, plan)
    with pytest.raises(ConfigError, match=r"There is no Ray cluster at '127.0.0.1:1'"):
        train_on_cluster(store, "small", "127.0.0.1:1", stop=threading.Event())
