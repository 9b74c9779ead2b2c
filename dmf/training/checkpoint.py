"""Checkpoints: tensors in safetensors files, everything else as JSON in their header. No pickle."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from dmf.errors import CheckpointError
from dmf.records import Knob

FORMAT = "1"


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        step: Steps taken.
        best_epoch, best_score: Epoch with the best validation headline metric so far; -1 and None before the first.
        bad_in_row: Steps with a non-finite loss just before this point.
        knobs: Changes of settings applied so far, in their order.
    """

    step: int = 0
    best_epoch: int = -1
    best_score: float | None = None
    bad_in_row: int = 0
    knobs: tuple[Knob, ...] = ()


def save(path: Path, tensors: Mapping[str, Tensor], progress: Progress, fingerprint: str) -> int:
    """Write a checkpoint so that a crash at any moment leaves either the old file or the new one; returns its bytes.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    metadata = {"format": FORMAT, "fingerprint": fingerprint, "progress": json.dumps(asdict(progress))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft, metadata)
        draft.replace(path)
        return path.stat().st_size
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


def load(path: Path, fingerprint: str) -> tuple[dict[str, Tensor], Progress]:
    """Read a checkpoint.

    Raises:
        CheckpointError: If it is missing, damaged or was made under another configuration.
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
    if metadata.get("fingerprint") != fingerprint:
        raise CheckpointError(f"Checkpoint {path} was made under another configuration. Start a new run.")
    progress = json.loads(metadata["progress"])
    knobs = tuple(Knob(**knob) for knob in progress.pop("knobs", ()))  # earlier programs wrote none
    return tensors, Progress(**progress, knobs=knobs)


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
            # The fused Adam walks through memory, so moments must lie there as their parameter does (channels-last).
            tensor = torch.empty_like(parameter).copy_(tensor)  # noqa: PLW2901
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
