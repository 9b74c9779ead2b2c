"""Images sent to the nodes of a Ray cluster, and files of runs kept at its driver, where nodes share no folder.

Images go through Ray's object store, so they reach each node once, and are unpacked into a temporary folder of it.
Nothing of the store is looked at in place: what two tasks share there could be written to.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmf.build import folder_of_images
from dmf.config import ExperimentConfig
from dmf.errors import ConfigError, StoreError
from dmf.paths import data_home
from dmf.records import Artifact, Record, RunState
from dmf.runs import RunStore

CHUNK = 64 * 2**20  # bytes of files that travel together
_OF_A_RUN = (".safetensors", ".zip")  # how names of whole files end; drafts are called otherwise

File = tuple[str, int, bytes]
"""Path below its folder, time of its last change in ns, and content."""


class Keeper:
    """Keeps the files of runs in a folder of the driver's machine: an actor of Ray, which ends with its driver."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def files(self, run: str) -> dict[str, bytes]:
        """What is kept of a run, by name."""
        return {file.name: file.read_bytes() for file in _whole(self._root / run)}

    def keep(self, run: str, names: Sequence[str], changed: Mapping[str, bytes]) -> None:
        """Keep what changed; of the rest stays what ``names`` holds. A crash leaves each file old or new."""
        folder = self._root / run
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in changed.items():
            draft = folder / f"{name}.kept.tmp"
            draft.write_bytes(content)
            draft.replace(folder / name)
        for file in folder.iterdir():
            if file.name not in names:
                file.unlink()


@dataclass(frozen=True)
class Sent:
    """What a task needs where nodes share no folder. It is small: images lie in Ray's object store.

    Attributes:
        name: Of the folder of this driver in the temporary folder of every node.
        images: References to chunks of files, by the folder below a node's that they belong into.
        keeper: The actor that keeps files of runs.
    """

    name: str
    images: Mapping[str, Sequence[Any]]
    keeper: Any


def send(store: RunStore, study: str) -> Sent:
    """Put the images of a study into the object store of the cluster that this process is connected to.

    Args:
        store: A database server; files of its runs are kept where this machine has them.
        study: Of which those cells count that have not come to their end.

    Raises:
        DataError: If images are not here.
    """
    import ray

    images = {}
    for cell in store.study_cells(study):
        config = ExperimentConfig.model_validate(cell.config)
        folder = None if cell.state is RunState.FINISHED else folder_of_images(config)
        if folder is not None and (place := _place_of(folder, config.data.root)) not in images:
            images[place] = [ray.put(chunk) for chunk in _chunks(folder)]
    actor = on_this_node(ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Keeper))
    keeper = actor.remote(str(store.artifact_folder("run").parent))
    return Sent(f"dmf-{os.urandom(8).hex()}", images, keeper)


def on_this_node(actor: Any) -> Any:
    """A class of actors whose actors live on the node of this process, and with it."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return actor.options(scheduling_strategy=here)


def refuse_unsendable(store: RunStore, address: str) -> None:
    """Make sure that nodes without a shared folder can reach the store, and their driver them.

    Raises:
        ConfigError: If the store is a file, or the driver is not to be on a node of the cluster.
    """
    if store.file is not None:
        raise ConfigError(
            f"Nodes that share no folder cannot reach the store {store.file}. Name a PostgreSQL server with `--store` "
            "or DMF_STORE.",
            "store",
        )
    if "://" in address:
        raise ConfigError(
            f"Only a machine of the cluster can send; {address!r} is reached from outside. Start the study on a node, "
            "with `--address auto`.",
            "address",
        )


def clean_nodes(sent: Sent) -> None:
    """Remove from every node that can be reached what was unpacked there."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=0)(_remove)
    there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in ray.nodes() if node["Alive"]]
    ray.wait([task.options(scheduling_strategy=one).remote(sent) for one in there], num_returns=len(there), timeout=60)


def open_store(sent: Sent) -> RunStore:
    """Unpack the images on this node, if no task did, and open the store with the files of runs kept at the driver.

    Every folder of this program lies below the one that was sent from here on.
    """
    folder = _folder(sent)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when this process ends, however that happens
        whole = folder / "whole"
        if not whole.exists():
            _unpack(sent, folder)
            whole.touch()
    os.environ |= {
        "DMF_HOME": str(folder / "home"),
        "DMF_SENT": str(folder / "sent"),
        "DMF_ARTIFACTS": str(folder / "artifacts"),
    }
    return _SendingStore(sent.keeper)


class _SendingStore(RunStore):
    """The store, where files of runs are kept at the driver before they are recorded, and come from there."""

    def __init__(self, keeper: Any) -> None:
        super().__init__()
        self._keeper = keeper
        self._kept: dict[str, dict[str, tuple[int, int]]] = {}

    def write(self, records: Sequence[Record], owner: str | None) -> None:
        """See :meth:`RunStore.write`."""
        for run in dict.fromkeys(record.run for record in records if isinstance(record, Artifact)):
            self._send(run)
        super().write(records, owner)

    def check_reach(self, run_ids: Sequence[str]) -> None:
        """Have the files of these runs here; see :meth:`RunStore.check_reach`."""
        for run in run_ids:
            if run not in self._kept:
                self._bring(run)
        super().check_reach(run_ids)

    def _send(self, run: str) -> None:
        folder = self.artifact_folder(run)
        while True:  # until nothing was written meanwhile: a checkpoint names the best one, which lies beside it
            there = _changes(folder)
            with suppress(FileNotFoundError):
                new = [name for name, change in there.items() if self._kept.get(run, {}).get(name) != change]
                changed = {name: (folder / name).read_bytes() for name in new}
                if _changes(folder) == there:
                    break
        self._ask("keep", run, list(there), changed)
        self._kept[run] = there

    def _bring(self, run: str) -> None:
        folder = self.artifact_folder(run)
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt here; another node went on since
        for name, content in self._ask("files", run).items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        self._kept[run] = _changes(folder)

    def _ask(self, what: str, *words: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self._keeper, what).remote(*words))
        except ray.exceptions.RayError as error:
            raise StoreError(f"The driver, where files of runs are kept, cannot be reached: {error}") from error


def _folder(sent: Sent) -> Path:
    import ray

    return Path(tempfile.gettempdir(), sent.name, ray.get_runtime_context().get_node_id())


def _remove(sent: Sent) -> None:
    """Remove what lies on this node."""
    shutil.rmtree(_folder(sent), ignore_errors=True)
    with suppress(OSError):
        _folder(sent).parent.rmdir()


def _place_of(folder: Path, root: str | None) -> str:
    """Where images belong below the folder of a node, so that they are found there: see :mod:`dmf.paths`.

    Args:
        folder: Where they lie here.
        root: Where a configuration says that they lie; None where it leaves that to the dataset.
    """
    if root is None:
        return str(Path("home", folder.absolute().relative_to(data_home().absolute())))
    return str(Path("sent", *folder.absolute().parts[1:]))


def _chunks(root: Path) -> Iterator[list[File]]:
    """All files of a folder, of which no two chunks hold the same."""
    chunk: list[File] = []
    size = 0
    for folder, _, names in os.walk(root):
        for name in names:
            file = Path(folder, name)
            content = file.read_bytes()
            chunk.append((str(file.relative_to(root)), file.stat().st_mtime_ns, content))
            size += len(content)
            if size >= CHUNK:
                yield chunk
                chunk, size = [], 0
    yield chunk


def _unpack(sent: Sent, folder: Path) -> None:
    import ray

    for place, chunks in sent.images.items():
        for chunk in chunks:
            for name, changed, content in ray.get(chunk):
                file = folder / place / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                os.utime(file, ns=(changed, changed))


def _whole(folder: Path) -> list[Path]:
    """Files of a run that are whole."""
    return [file for file in folder.glob("*") if file.suffix in _OF_A_RUN]


def _changes(folder: Path) -> dict[str, tuple[int, int]]:
    """Of each file of a run, what tells that it is another."""
    changes = {}
    for file in _whole(folder):
        with suppress(FileNotFoundError):
            status = file.stat()
            changes[file.name] = (status.st_ino, status.st_mtime_ns)
    return changes
