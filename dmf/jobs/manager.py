"""Experiments in background threads: a queue per device, one experiment at a time on each."""

import logging
import queue
import threading

from dmf import build
from dmf.config import ExperimentConfig
from dmf.errors import NotOwnerError, StoreError
from dmf.jobs.job import Job, create_experiment, new_owner
from dmf.runs import ExperimentRow, RunStore

logger = logging.getLogger(__name__)


class JobManager:
    """Trains experiments in threads of this process. One per server; survives page reruns and closed tabs.

    Args:
        store: Where everything is kept.
        kind: Named in the owner of the runs, e.g. "dashboard".
    """

    def __init__(self, store: RunStore, kind: str = "dashboard") -> None:
        self.store = store
        self.owner = new_owner(kind)
        self._lock = threading.Lock()
        self._queues: dict[str, queue.SimpleQueue[Job]] = {}
        self._jobs: dict[str, Job] = {}

    def launch(self, config: ExperimentConfig) -> str:
        """Queue a new experiment on its device; returns its id.

        Raises:
            ConfigError: If something cannot work; nothing is stored then.
        """
        experiment = create_experiment(self.store, config)
        self._enqueue(experiment)
        return experiment.id

    def resume(self, experiment_id: str) -> None:
        """Queue what is left of an experiment.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If there is nothing left to train.
            NotOwnerError: If another process trains it.
        """
        self.store.sweep_interrupted()
        self._enqueue(self.store.experiment(experiment_id))

    def is_busy(self) -> bool:
        """Whether anything is queued or training here."""
        with self._lock:
            return bool(self._jobs)

    def stop_all(self) -> None:
        """Ask everything here to stop, with checkpoints."""
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()

    def _enqueue(self, experiment: ExperimentRow) -> None:
        with self._lock:
            if experiment.id in self._jobs:
                raise NotOwnerError(f"Experiment {experiment.id!r} is already queued or training here.")
            job = Job(self.store, experiment, self.owner)
            self._jobs[experiment.id] = job
            device = str(build.resolve_device(job.config.training.device))
            if device not in self._queues:
                self._queues[device] = queue.SimpleQueue()
                name = f"dmf-train-{device}"
                threading.Thread(target=self._work, args=(self._queues[device],), name=name, daemon=True).start()
            self._queues[device].put(job)

    def _work(self, jobs: "queue.SimpleQueue[Job]") -> None:
        while True:
            job = jobs.get()
            try:
                job.train()
            except StoreError as error:
                logger.error("Experiment %s stopped: %s", job.experiment.id, error)
            except Exception:
                logger.exception("Experiment %s stopped", job.experiment.id)
            finally:
                with self._lock:
                    del self._jobs[job.experiment.id]
