"""``python -m benchmarks.scale``: cells per hour on a Ray cluster of this machine; needs ``dmf[scale]``."""

import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import machine, seconds, temporary_store
from dmf.runs import RunStore
from dmf.studies import StudyPlan
from dmf.studies.cluster import train_on_cluster
from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan

WORKERS = (1, 2, 4)
CELLS = 4
PLAN = StudyPlan(
    name="scale",
    base={"image_size": 48, "filters": 8, "epochs": 3, "threads": 1, "device": "cpu", "auxiliary": "none"},
    configurations=({"weighting": "mad"}, {"weighting": "fixed"}),
    repeats=CELLS,
)


def main() -> None:
    header = machine()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DMF_HOME"] = folder  # prepared images; nothing stays in data/
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        _trained(lambda store: LocalEngine(store, PLAN.name).run(most=1))  # prepares the images
        alone = _trained(lambda store: LocalEngine(store, PLAN.name).run())
        print(f"{header}\n\n| engine | cells per hour | overhead per cell |\n|---|---|---|")
        print(f"| local, one process | {_an_hour(alone)} | – |", flush=True)
        for workers in WORKERS:
            took = _on_cluster(workers)
            overhead = (took * workers - alone) / CELLS
            print(f"| ray, workers: {workers} | {_an_hour(took)} | {overhead:.1f} s |", flush=True)


def _an_hour(took: float) -> str:
    return f"{CELLS / took * 3600:,.0f}"


def _trained(train: Callable[[RunStore], None]) -> float:
    with temporary_store() as store:
        store_plan(store, PLAN)
        return seconds(lambda: train(store))


def _on_cluster(workers: int) -> float:
    """Seconds that a cluster which is there already takes; its start is not among them."""
    from ray.cluster_utils import Cluster

    logging.disable()
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(workers):
            made.add_node(num_cpus=1)
        made.wait_for_nodes()
        return _trained(lambda store: train_on_cluster(store, PLAN.name, made.address, stop=threading.Event()))
    finally:
        made.shutdown()


if __name__ == "__main__":
    main()
