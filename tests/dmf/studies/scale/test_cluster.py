"""A real Ray cluster of one head and two workers: the same numbers, and nothing lost where something dies.

Ray does not come with the program, so these run by ``make test-scale``.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from dmf.errors import ConfigError
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan

ray = pytest.importorskip("ray", reason="needs Ray: make test-scale")

from dmf.studies.cluster import train_on_cluster  # noqa: E402

LOOKS_AWAY = 15  # of the driver, about a second each, while a server is away: tasks begin meanwhile

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


@pytest.fixture
def lose_the_workers(nodes):
    """Loses both nodes that train, once both of them do, and adds two; says which are lost."""
    lost = []

    def lose(store):
        if not lost and len({run.experiment for run in past_the_first_epoch(store)}) == 2:
            lost.extend(nodes.worker_nodes)
            for node in lost:
                nodes.remove_node(node, allow_graceful=False)
            for _ in lost:
                nodes.add_node(num_cpus=1)
        return lost

    return lose


def test_what_trained_on_nodes_that_are_lost_goes_on_elsewhere(cluster, lose_the_workers, store, plan, whole):
    store_plan(store, plan)
    train_on_cluster(store, "small", cluster, stop=threading.Event(), on_look=lambda: lose_the_workers(store))
    assert lose_the_workers(store)
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


def test_a_server_that_restarts_or_is_away_while_tasks_begin_loses_nothing(cluster, postgresql, served, plan, whole):
    store = served
    store_plan(store, plan)
    looks, restarted = itertools.count(), []

    def restart():
        look = next(looks)
        if look == 0:
            postgresql.stop("immediate")
        elif look == LOOKS_AWAY:
            postgresql.start()
        elif look > LOOKS_AWAY and not restarted and past_the_first_epoch(store):
            restarted.append(True)
            postgresql.stop("immediate")
            postgresql.start()

    train_on_cluster(store, "small", cluster, stop=threading.Event(), on_look=restart)
    assert restarted
    assert states(store) == [RunState.FINISHED] * 3
    assert outcome(store) == whole
    assert len(store.experiments()) == 3


@pytest.fixture
def pictures(tmp_path, plan, picture_folder):
    """A plan of images and masks in a folder, the folder, and what comes out of it here, where nothing dies."""
    root = picture_folder
    base = {name: value for name, value in plan.base.items() if name != "dataset_options"}
    plan = plan.changed({"base": base, "datasets": ({"dataset": "folder", "root": str(root)},)})
    store = RunStore(tmp_path / "alone" / "runs.sqlite")
    store_plan(store, plan)
    LocalEngine(store, "small").run()
    yield plan, root, outcome(store)
    store.close()


@pytest.fixture
def folders_of_nodes():
    """Those that appeared in the temporary folder; removed in the end."""
    before = set(Path(tempfile.gettempdir()).glob("dmf-*"))

    def folders():
        return set(Path(tempfile.gettempdir()).glob("dmf-*")) - before

    yield folders
    for folder in folders():
        shutil.rmtree(folder)


def test_nodes_that_share_no_folder_get_the_images_and_their_checkpoints_are_kept_here(
    cluster, lose_the_workers, served, pictures, folders_of_nodes
):
    plan, folder, expected = pictures
    store_plan(served, plan)

    def look():
        if past_the_first_epoch(served) and folder.exists():
            folder.rename(folder.with_name("away"))  # from now on they are only where they were sent
        lose_the_workers(served)

    train_on_cluster(served, "small", cluster, stop=threading.Event(), sends=True, on_look=look)
    assert lose_the_workers(served)
    assert states(served) == [RunState.FINISHED] * 3
    assert outcome(served) == expected
    runs = [run for cell in served.study_cells("small") for run in cell.experiment.runs]
    assert max(run.attempt for run in runs) == 2
    for run in runs:
        there = {file.name for file in served.artifact_folder(run.id).iterdir()}
        assert there == {file.path for file in served.artifacts(run.id)}
        assert "last.safetensors" in there
    left = {node.name for folder in folders_of_nodes() for node in folder.iterdir()}
    assert left <= {node.node_id for node in lose_the_workers(served)}  # of the others nothing is left


def test_an_address_without_a_cluster_is_told(store, plan):
    store_plan(store, plan)
    with pytest.raises(ConfigError, match=r"There is no Ray cluster at '127.0.0.1:1'"):
        train_on_cluster(store, "small", "127.0.0.1:1", stop=threading.Event())
