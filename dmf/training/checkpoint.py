"""Checkpoints: tensors in safetensors files, everything else as JSON in their header. No pickle."""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from dmf.errors import CheckpointError
from dmf.records import Artifact, SettingChange

FORMAT = "1"
_CHANGES = "knobs"  # what changes of settings are called in the file


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: Steps taken.
        best_epoch, best_score: Epoch with the best validation headline metric so far; -1 and None before the first.
        bad_in_row: Steps with a non-finite loss just before this point.
        changes: Changes of settings applied so far, in their order.
        watched_epoch, watched_score: The same as the best of the score that patience and the learning rate watch.
        lr_falls, lr_fell_at: How often the learning rate has fallen because it stood still, and after which epoch.
    """

    step: int = 0
    best_epoch: int = -1
    best_score: float | None = None
    bad_in_row: int = 0
    changes: tuple[SettingChange, ...] = ()
    watched_epoch: int = -1
    watched_score: float | None = None
    lr_falls: int = 0
    lr_fell_at: int = 0


@dataclass(frozen=True)
class Saved:
    """A checkpoint as it was written: its size in bytes, and the SHA-256 of the whole file in hexadecimal."""

    bytes: int
    sha256: str


def save(path: Path, tensors: Mapping[str, Tensor], progress: Progress, fingerprint: str) -> Saved:
    """Write a checkpoint so that a crash at any moment leaves either the old file or the new one.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    metadata = {"format": FORMAT, "fingerprint": fingerprint, "progress": json.dumps(_as_written(progress))}
    here = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(here, draft, metadata | {"content": _content_hash(here, metadata)})
        saved = Saved(draft.stat().st_size, _file_hash(draft))
        draft.replace(path)
        return saved
    except (OSError, SafetensorError) as error:  # safetensors wraps what the disk says
        with suppress(OSError):
            draft.unlink()
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"Cannot write checkpoint {path}: {reason}. Check the folder and the free space of its disk, "
            "then resume the run from its last good checkpoint."
        ) from error


def remove_drafts(folder: Path) -> None:
    """Delete what a process that was killed while it wrote a checkpoint left in ``folder``."""
    for pattern in ("*.tmp", ".tmp*"):  # ours, and the one in which safetensors writes ours
        for draft in folder.glob(pattern):
            with suppress(OSError):  # it only takes room
                draft.unlink()


def sweep(folder: Path, keep: Collection[str]) -> None:
    """Delete what a process that was killed left in the folder of a run: drafts, and files that no record names."""
    remove_drafts(folder)
    for pattern in ("best-*.safetensors", "probabilities-*.zip"):
        for file in folder.glob(pattern):
            if file.name not in keep:
                with suppress(OSError):  # it only takes room
                    file.unlink()


def read(path: Path, kind: Literal["checkpoint_last", "checkpoint_best"], run: str, steps_per_epoch: int) -> Artifact:
    """What there is to record of a checkpoint, as the file itself says.

    Raises:
        CheckpointError: If it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            step = int(json.loads((file.metadata() or {})["progress"])["step"])
        return Artifact(run, kind, step // steps_per_epoch, step, path.name, path.stat().st_size, _file_hash(path))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"Checkpoint {path} cannot be read ({error}). Start a new run.") from error


def load(
    path: Path, fingerprints: Collection[str], known: Artifact | None = None
) -> tuple[dict[str, Tensor], Progress]:
    """Read a checkpoint and check that it holds what was written.

    Args:
        path: The file.
        fingerprints: Of the configuration that it must be of; any one of them will do.
        known: What is recorded of it. The file may have been written later: then who wrote it was killed before it
            could record that.

    Raises:
        CheckpointError: If it is missing, damaged, was made under another configuration or is another file than is
            recorded.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"No checkpoint at {path}; the run cannot be continued. Start a new run.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Checkpoint {path} is damaged ({error}). Start a new run.") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"Checkpoint {path} has format {metadata.get('format')!r}, expected {FORMAT!r}.")
    if metadata.get("fingerprint") not in fingerprints:
        raise CheckpointError(f"Checkpoint {path} was made under another configuration. Start a new run.")
    if "content" in metadata and metadata["content"] != _content_hash(tensors, metadata):  # earlier programs wrote none
        raise CheckpointError(
            f"Checkpoint {path} is damaged: it does not hold what was written into it. Put a copy of it in its place, "
            "or start a new run."
        )
    progress = json.loads(metadata["progress"])
    if known is not None and known.sha256 and _is_another(path, progress["step"], known, "content" in metadata):
        raise CheckpointError(
            f"Checkpoint {path} is not the file that the store knows (SHA-256 {known.sha256[:10]}…). Put that file "
            "back, or start a new run."
        )
    changes = tuple(SettingChange(**change) for change in progress.pop(_CHANGES, ()))  # earlier programs wrote none
    return tensors, Progress(**progress, changes=changes)


def _as_written(progress: Progress) -> dict[str, Any]:
    fields = asdict(progress)
    return {**{name: value for name, value in fields.items() if name != "changes"}, _CHANGES: fields["changes"]}


def _is_another(path: Path, step: int, known: Artifact, is_whole: bool) -> bool:
    """Whether a file is not what is recorded, nor what came after it and could not be recorded before a kill.

    The latter may be of the same step: a change of settings between two steps is saved at once. That it ``is_whole``
    says the hash of what it holds.
    """
    if step != known.step:
        return step < known.step
    return not is_whole and _file_hash(path) != known.sha256


def _content_hash(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 of the tensors, their names, types and shapes, and of what is said beside them."""
    digest = hashlib.sha256(json.dumps([metadata[key] for key in ("format", "fingerprint", "progress")]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` under ``prefix/name``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def under_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What :func:`with_prefix` put under ``prefix``."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The state of every parameter, as ``<number of the parameter>/<name>``."""
    state = optimizer.state_dict()["state"]
    return {f"{number}/{name}": tensor for number, entry in state.items() for name, tensor in entry.items()}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what :func:`optimizer_tensors` returned."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split("/")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            # A fused optimizer walks through memory, so moments must lie there as their parameter does (channels-last).
            tensor = torch.empty_like(parameter).copy_(tensor)  # noqa: PLW2901
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
