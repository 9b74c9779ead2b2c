"""Cells of a study trained on a Ray cluster, through a store that all of its nodes reach.

Needs the extra ``dmf[scale]``; see docs/scale.md.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from dmf.errors import ConfigError, StoreError
from dmf.runs import RunStore
from dmf.studies.local import MOST_DEATHS, LocalEngine, finished_cells, is_anything_left, may_pass

LOOK_SECONDS = 1.0  # how often the driver looks at its tasks, and a task whether it is to stop
CONNECT_SECONDS = 10.0  # how long the head of a cluster may take to answer
_PASSED_ON = ("DMF_HOME", "DMF_ARTIFACTS", "DMF_PLUGINS", "PYTHONPATH", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


class Flag:
    """Whether the tasks of a driver are to stop: an actor of Ray, which ends with its driver."""

    def __init__(self) -> None:
        self._is_up = False

    def raise_it(self) -> None:
        """Have all tasks stop."""
        self._is_up = True

    def is_up(self) -> bool:
        """Whether they are to."""
        return self._is_up


def train_on_cluster(
    store: RunStore,
    study: str,
    address: str,
    *,
    stop: threading.Event,
    cpus: float = 1,
    gpus: float = 0,
    sends: bool = False,
    on_look: Callable[[], None] | None = None,
) -> None:
    """Train the cells of a study as tasks of a Ray cluster, one cell to a task, as many at once as fit.

    A task whose worker or node dies is put again, and goes on from the checkpoint of the cell. When this process ends,
    however that happens, its tasks end too.

    Args:
        store: Where the study is kept: a server, or a file in a folder that all nodes see.
        study: Its name.
        address: Of the cluster, as Ray takes it: ``auto``, or ``HOST:PORT`` of its head.
        stop: Once set, all tasks stop with a checkpoint.
        cpus: What a task asks for.
        gpus: What a task asks for; a fraction where several are to share one.
        sends: Whether nodes share no folder: images are sent to them, and files of runs kept here.
        on_look: Called about once a second.

    Raises:
        ConfigError: If Ray is not installed, there is no cluster at the address, or nothing can be sent.
        DataError: If images that are to be sent are not here.
        StoreError: If tasks die again and again without a cell that comes to its end.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError("The engine ray needs Ray: pip install 'dmf[scale]'", "engine") from error
    from dmf.studies import sending

    if sends:
        sending.refuse_unsendable(store, address)
    _refuse_unreachable(address)
    with _connected(address, store):
        sent = sending.send(store, study) if sends else None
        try:
            # On another node it could be lost, and all tasks with it.
            flag = sending.on_this_node(ray.remote(num_cpus=0)(Flag)).remote()
            # Ray would begin a task whose worker died three times more without a word: we count instead. A worker is
            # used once, because what one cell leaves in its memory is not another's.
            task = ray.remote(max_retries=0, max_calls=1, num_cpus=cpus, num_gpus=gpus)(_train_one)
            running: list[Any] = []
            deaths, ended = 0, finished_cells(store, study)
            while not stop.is_set() and (running or _is_left(store, study)):
                there = ray.cluster_resources()
                wanted = (("CPU", cpus), ("GPU", gpus))
                fitting = max(1, int(min(there.get(kind, 0) / each for kind, each in wanted if each)))
                if _is_left(store, study):
                    running += [task.remote(study, flag, sent) for _ in range(fitting - len(running))]
                done, running = ray.wait(running, timeout=LOOK_SECONDS)
                if on_look is not None:
                    on_look()
                now = finished_cells(store, study)
                deaths, ended = (0, now) if now > ended else (deaths, ended)
                for death in _deaths(done, study):
                    deaths += 1
                    if deaths > MOST_DEATHS * fitting:
                        raise StoreError(
                            f"Tasks of study {study!r} died {deaths} times without finishing a cell: {death}"
                        ) from death
            ray.get(flag.raise_it.remote())
            if running:
                ray.wait(running, num_returns=len(running))
        finally:
            if sent is not None:
                sending.clean_nodes(sent)


@contextmanager
def _connected(address: str, store: RunStore) -> Iterator[None]:
    """Be a driver of the cluster, whose tasks find the store and what else this process was told of.

    Raises:
        ConfigError: If there is no cluster at the address.
    """
    import ray

    url = str(store.file.absolute()) if store.file else store.url.render_as_string(hide_password=False)
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"DMF_STORE": url}
    heard = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": variables})
    except (ConnectionError, ValueError) as error:
        raise ConfigError(f"There is no Ray cluster at {address!r}. Start one: ray start --head", "address") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, heard)  # Ray's own would leave at once, without stopping anything
    try:
        yield
    finally:
        ray.shutdown()


def _deaths(done: Sequence[Any], study: str) -> Iterator[Exception]:
    """Why tasks ended that did not come to their end: a worker that crashed or was out of memory, a node that is lost.

    Raises:
        StoreError: If a task itself failed.
    """
    import ray

    for each in done:
        try:
            ray.get(each)
        except ray.exceptions.RayTaskError as error:
            raise StoreError(f"A task of study {study!r} failed: {error.cause}") from error
        except ray.exceptions.RayError as error:
            yield error


def _refuse_unreachable(address: str) -> None:
    """Look whether anybody listens at ``HOST:PORT``: Ray itself tries for minutes.

    Raises:
        ConfigError: If nobody does.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "://" in address:
        return  # auto, or a way of Ray's own
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"There is no Ray cluster at {address!r} ({error}). Start one: ray start --head", "address"
        ) from error


def _is_left(store: RunStore, study: str) -> bool:
    with suppress(StoreError):
        return is_anything_left(store, study)
    return True  # a server that restarts


def _train_one(study: str, flag: Any, sent: Any) -> None:
    """What a task does: it trains one cell, or finds that none is left."""
    import ray

    from dmf.cores import share_cores
    from dmf.plugins import load_plugins
    from dmf.studies.sending import open_store

    share_cores()
    stop, ended = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                up = ray.get(flag.is_up.remote())
            except ray.exceptions.RayError:  # the driver has ended, and its flag with it
                up = True
            if up:
                stop.set()
                return

    watcher = threading.Thread(target=watch, name="dmf-study-flag", daemon=True)
    watcher.start()
    load_plugins(())
    try:
        while not stop.is_set():
            try:
                with closing(RunStore() if sent is None else open_store(sent)) as store:
                    return LocalEngine(store, study, stop=stop, kind="dmf study task").run(most=1)
            except StoreError as error:
                if not may_pass(error):
                    raise
                stop.wait(LOOK_SECONDS)  # a server that restarts while this task begins
    finally:
        ended.set()
        watcher.join()
