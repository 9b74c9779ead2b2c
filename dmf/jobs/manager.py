"""Experiments in background threads: a queue per device, one experiment at a time on each."""

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from dmf import build
from dmf.config import ExperimentConfig
from dmf.errors import NotOwnerError, StoreError, reason
from dmf.jobs.job import Job, create_experiment
from dmf.records import RunState, SettingChange
from dmf.runs import ExperimentRow, RunStore, new_owner
from dmf.runs.sink import HEARTBEAT_SECONDS

logger = logging.getLogger(__name__)


class JobManager:
    """Trains experiments in threads of this process. One per server; survives page reruns and closed tabs.

    The order of the queue is the store's, so that any process may move and cancel what waits here. A thread per device
    trains what waits for it, another keeps the lease of all that waits; each ends when nothing is left for it.

    Args:
        store: Where everything is kept.
        kind: Named in the owner of the runs, e.g. "dashboard".
    """

    def __init__(self, store: RunStore, kind: str = "dashboard") -> None:
        self.store = store
        self.owner = new_owner(kind)
        self._changed = threading.Condition()  # guards all that follows; notified when something is to be done
        self._entering: set[str] = set()  # being claimed
        self._waiting: dict[str, Job] = {}
        self._training: dict[str, Job] = {}
        self._devices: dict[str, str] = {}  # of what waits
        self._threads: set[str] = set()  # devices with a worker, and "" for the keeper
        self._troubles: dict[str, str] = {}  # of what ended, until it is resumed
        self._keeper_trouble: str | None = None

    def launch(self, config: ExperimentConfig, changes: Mapping[str, Sequence[SettingChange]] | None = None) -> str:
        """Queue a new experiment on its device; returns its id.

        Args:
            config: The experiment.
            changes: Changes of settings known beforehand, by the label of their run; see ``create_experiment``.

        Raises:
            ConfigError: If something cannot work; nothing is stored then.
            StoreError: If the store refuses.
        """
        experiment = create_experiment(self.store, config, changes)
        self._enqueue(experiment)
        return experiment.id

    def resume(self, experiment_id: str) -> None:
        """Queue what is left of an experiment, after all others.

        Raises:
            RunNotFoundError: If there is no such experiment.
            RunFinishedError: If there is nothing left to train.
            NotOwnerError: If it trains already, here or in another process.
            ConfigError: If a plug-in that it uses is gone or has changed.
            StoreError: If the store refuses.
        """
        self._places()
        self._enqueue(self.store.experiment(experiment_id))

    def is_busy(self) -> bool:
        """Whether anything is queued or training here."""
        with self._changed:
            return bool(self._entering or self._waiting or self._training)

    def trouble(self, experiment_id: str) -> str | None:
        """What keeps the store from keeping an experiment that is here, or made it end; None if nothing does.

        The message of one that ended stays until it is resumed here.
        """
        with self._changed:
            if experiment_id in self._training:
                return self._training[experiment_id].trouble
            if experiment_id in self._waiting:
                return self._keeper_trouble
            return self._troubles.get(experiment_id)

    def stop_all(self) -> None:
        """Ask everything here to stop, with checkpoints; what waits is stopped at once and can be resumed."""
        with self._changed:
            for job in self._training.values():
                job.stop.set()
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for id in waiting:
            # One that was cancelled a moment ago is well; of a store that cannot be written, the leases run out.
            with suppress(StoreError):
                self.store.cancel(id, "stopped before its turn")

    def _enqueue(self, experiment: ExperimentRow) -> None:
        id = experiment.id
        with self._changed:
            if id in self._entering or id in self._waiting or id in self._training:
                raise NotOwnerError(f"Experiment {id!r} is already queued or training here.")
            self._entering.add(id)
        try:
            # Outside the lock: a store that is locked must not keep `is_busy` and `trouble` waiting.
            job = Job(self.store, experiment, self.owner)
            device = str(build.resolve_device(job.config.training.device))
            with self._changed:
                self._troubles.pop(id, None)
                self._waiting[id] = job
                self._devices[id] = device
                self._start(device, f"dmf-train-{device}")
                self._start("", "dmf-queue-keeper")
        finally:
            with self._changed:
                self._entering.discard(id)

    def _start(self, device: str, name: str) -> None:
        """Start the worker of a device, or the keeper, unless there is one. Under the lock."""
        if device not in self._threads:
            self._threads.add(device)
            work = (lambda: self._work(device)) if device else self._keep
            threading.Thread(target=work, name=name, daemon=True).start()

    # What the thread of a device does

    def _work(self, device: str) -> None:
        while (job := self._next(device)) is not None:
            trouble = self._trained(job)
            with self._changed:
                if trouble is not None:
                    self._troubles[job.experiment.id] = trouble
                del self._training[job.experiment.id]

    def _next(self, device: str) -> Job | None:
        """Take what is first in the queue of a device; None, and the thread is to end, if nothing waits for it."""
        while True:
            try:
                places = self._places()
            except StoreError:
                places = {}  # in the order of coming, then; training meets the error as well, and tells it
            with self._changed:
                ours = [id for id in self._waiting if self._devices[id] == device]
                if not ours:
                    self._threads.discard(device)
                    return None
                # One without a place came in since it was asked, so it is the last.
                id = min(ours, key=lambda id: places.get(id, math.inf))
                job = self._training[id] = self._waiting.pop(id)
            try:
                # Another may cancel it at this moment: one UPDATE decides.
                self.store.heartbeat([run.id for run in job.runs], self.owner)
            except NotOwnerError:
                with suppress(StoreError):
                    job.abandon()
                with self._changed:
                    del self._training[id]
                continue
            except StoreError:
                pass
            return job

    def _trained(self, job: Job) -> str | None:
        """Train; returns what made it end before its time, if that is not in the store."""
        try:
            job.train()
        except StoreError as error:
            logger.error("Experiment %s stopped: %s", job.experiment.id, error)
            return str(error)
        except Exception as error:
            logger.exception("Experiment %s stopped", job.experiment.id)
            return f"The program failed while it trained: {reason(error)}"
        return None

    # What the keeper does

    def _keep(self) -> None:
        """Renew the leases of all that waits, in one UPDATE, until nothing waits."""
        while True:
            with self._changed:
                if not self._waiting:
                    self._threads.discard("")
                    return
                self._changed.wait(HEARTBEAT_SECONDS)
                ids = [run.id for job in self._waiting.values() for run in job.runs]
            trouble = None
            try:
                try:
                    self.store.heartbeat(ids, self.owner)
                except NotOwnerError:
                    self._places()
            except StoreError as error:
                trouble = str(error)
            with self._changed:
                self._keeper_trouble = trouble

    def _places(self) -> dict[str, float]:
        """The place of each experiment that waits here; forgets what was cancelled or whose lease ran out.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._changed:
            known = dict(self._waiting)
        places = {
            experiment.id: experiment.place
            for experiment in self.store.queue()
            if any(run.owner == self.owner and run.state is RunState.QUEUED for run in experiment.runs)
        }
        with self._changed:
            for id, job in known.items():
                if id not in places and self._waiting.get(id) is job:
                    del self._waiting[id]
        return places
