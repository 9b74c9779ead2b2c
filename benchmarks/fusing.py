"""What losses that may be absent, micro-batches and several processes cost a loop of one's own.

``python -m benchmarks.fusing RANK FOLDER STEPS BLOCKS SIZE`` is one of the two processes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.harness import CannotMeasureError, Pair, Row, milliseconds
from dmf.config import FusionConfig, ModelConfig
from dmf.fusion import Fusion
from dmf.models import build_model
from dmf.tasks.segmentation.losses import LossBank, build_bank
from dmf.weighting import build_weighting

TARGET_DDP = 1.05
WARM_UP = 2  # blocks that are not counted
MICRO = 4
BATCH, CLASSES = 8, 2
CONFIG = FusionConfig(weighting="bayesian", auxiliary="none")


def rows(quick: bool) -> list[Row]:
    size, blocks, steps = (32, 2, 2) if quick else (128, 16, 4)
    sides: dict[str, Callable[[], None]] = {
        "plain": loop(size, "bayesian"),
        "present": loop(size, "bayesian", present=True),
        "accumulated": loop(size, "bayesian", micro=MICRO),
        "by hand": loop(size, "fixed", micro=MICRO),
    }
    taken = by_turns(sides, blocks, steps)
    ranks = of_two_processes(size, blocks, steps)
    step = f"{size} px, batch {BATCH}"
    return [
        row(
            f"step, bayesian, a mask says that all losses are present, {step}",
            Pair(taken["present"], taken["plain"]),
            "no mask",
        ),
        row(
            f"step of {MICRO} micro-batches, bayesian, accumulate={MICRO}, {step} each",
            Pair(taken["accumulated"], taken["by hand"]),
            "fixed weights",
        ),
        row(
            f"step of two processes (DDP, gloo, a thread each), bayesian, {step} each",
            ranks,
            "fixed weights",
            TARGET_DDP,
        ),
    ]


def row(what: str, pair: Pair, beside: str, target: float | None = None) -> Row:
    mine, other = pair.seconds
    promised = "" if target is None else f"<= {target}"
    is_met = None if target is None else pair.ratio <= target
    return Row(what, milliseconds(mine), f"{beside} {milliseconds(other)}", f"{pair.ratio:.3f}", promised, is_met)


def loop(
    size: int, weighting: str, *, present: bool = False, micro: int = 1, processes: bool = False
) -> Callable[[], None]:
    """A step as one writes it; with fixed weights nothing of ours is in it but the losses."""
    torch.manual_seed(0)
    bank: LossBank = build_bank(CONFIG)
    model: nn.Module = build_model(ModelConfig(), 1, CLASSES, size, 0)
    network = DistributedDataParallel(model) if processes else model
    fusion = Fusion(build_weighting(CONFIG), accumulate=micro) if weighting != "fixed" else None
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images, masks = torch.rand(BATCH, 1, size, size), torch.randint(CLASSES, (BATCH, size, size))
    all_present = (True,) * len(bank.names) if present else None
    weights = torch.full((len(bank.names),), 1 / len(bank.names))

    def total() -> Tensor:
        parts = bank(network(images), masks)
        if fusion is None:
            fixed: Tensor = (weights * parts.terms).sum()
            return fixed
        fused = fusion(parts) if all_present is None else fusion(parts, all_present)
        return fused.total

    def take() -> None:
        optimizer.zero_grad()
        for _ in range(micro):
            (total() / micro).backward()
        optimizer.step()

    return take


def by_turns(sides: Mapping[str, Callable[[], None]], blocks: int, steps: int) -> dict[str, list[float]]:
    """Seconds per step of each side, one entry per block; neighbours in time share the state of the machine."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(blocks + WARM_UP):
        for name in sides if turn % 2 == 0 else reversed([*sides]):
            start = time.perf_counter()
            for _ in range(steps):
                sides[name]()
            taken[name].append((time.perf_counter() - start) / steps)
    return {name: values[WARM_UP:] for name, values in taken.items()}


def of_two_processes(size: int, blocks: int, steps: int) -> Pair:
    """What the first of two processes saw of a loop that exchanges its losses, and of one with fixed weights."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fusing"]
        numbers = [str(number) for number in (steps, blocks, size)]
        both = [
            subprocess.Popen([*command, str(rank), folder, *numbers], cwd=Path(__file__).parents[1], env=environment)
            for rank in range(2)
        ]
        codes = [one.wait() for one in both]
        if any(codes):
            raise CannotMeasureError("two processes on one machine cannot train together with gloo here.")
        taken = json.loads((Path(folder) / "taken.json").read_text())
    return Pair(taken["bayesian"], taken["fixed"])


def one_of_two(arguments: Sequence[str]) -> None:
    """Take both sides by turns, in step with the other process."""
    rank, folder, steps, blocks, size = int(arguments[0]), Path(arguments[1]), *map(int, arguments[2:])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    sides = {name: loop(size, name, processes=True) for name in ("bayesian", "fixed")}
    taken = by_turns(sides, blocks, steps)
    if rank == 0:
        (folder / "taken.json").write_text(json.dumps(taken))
    dist.destroy_process_group()


if __name__ == "__main__":
    one_of_two(sys.argv[1:])
