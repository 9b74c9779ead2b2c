"""What two processes of one training do; run by ``test_ranks``, which reads what they saw.

``python ranks.py RANK FOLDER``
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fused, Fusion
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import WEIGHTINGS, build_weighting

STEPS = 8
ROWS = 8  # of the large batch; each process has half of them
SCENARIOS = ("plain", "nan", "scaler", "evaluation", "no_sync", "absent")


def make(name: str, **options: Any) -> Fusion:
    config = {"terms": ("a", "b", "c"), "history_min": 3, "history_max": 5, "block_steps": 2, "window": 3}
    return Fusion(build_weighting(FusionConfig(weighting=name, **config)), history_max=5, **options)


def batches() -> Tensor:
    return torch.randn(STEPS, ROWS, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3).double()


def losses(model: nn.Module, rows: Tensor) -> Parts:
    logits = model(rows)
    return Parts((logits.square() * torch.tensor([1.0, 3.0, 0.3])).mean(0) + 0.1, None, logits)


class Training:
    """A training as one would write it, alone or as one of two processes."""

    def __init__(self, name: str, scenario: str, rank: int | None) -> None:
        self.inner, self.rank, self.scenario = network(), rank, scenario
        self.model: nn.Module = self.inner if rank is None else DistributedDataParallel(self.inner)
        alone = False if rank is None else None
        self.fusion = make(name, accumulate=2 if scenario == "no_sync" else 1, process_group=alone)
        self.fusion.watch(self.inner.parameters())
        self.optimizer = torch.optim.Adam(self.inner.parameters(), lr=0.05)
        self.fusion.join(self.optimizer)
        self.scaler = torch.amp.GradScaler("cpu", enabled=scenario == "scaler", init_scale=1024.0)

    def run(self) -> dict[str, Any]:
        seen = [self.step(number, rows) for number, rows in enumerate(batches())]
        return {
            "weights": torch.stack([fused.weights for fused in seen]),
            "terms": torch.stack([fused.terms for fused in seen]),
            "finite": [bool(fused.finite) for fused in seen],
            "total_is_finite": [bool(fused.total.isfinite()) for fused in seen],
            "network": torch.cat([each.detach().reshape(-1) for each in self.inner.parameters()]),
            "learned": [each.detach().clone() for each in self.fusion.parameters()],
        }

    def step(self, number: int, rows: Tensor) -> Fused:
        own = rows if self.rank is None else rows[self.rank * ROWS // 2 :][: ROWS // 2]
        if self.scenario == "evaluation" and self.rank in (None, 0):  # only one of them looks
            with torch.no_grad():
                self.fusion.eval()(losses(self.inner.eval(), rows))
            self.fusion.train()
            self.inner.train()
        self.optimizer.zero_grad()
        micro = own.chunk(2) if self.scenario == "no_sync" else (own,)
        for place, part in enumerate(micro):
            with self.waiting() if place < len(micro) - 1 else contextlib.nullcontext():
                fused = self.fuse(number, losses(self.model, part))
                if bool(fused.finite):
                    self.scaler.scale(fused.total / len(micro)).backward()
        if bool(fused.finite):
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.fusion.weighting.looks_twice:
                self.fusion.after_step(losses(self.inner, own))
        return fused

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        return self.model.no_sync() if isinstance(self.model, DistributedDataParallel) else contextlib.nullcontext()

    def fuse(self, number: int, parts: Parts) -> Fused:
        if self.scenario == "nan" and number == 4 and self.rank in (None, 1):
            parts = Parts(parts.terms * torch.tensor([1.0, torch.nan, 1.0]), None, parts.logits)
        # The second process never has labels for the third loss; nobody has at step 5.
        if self.scenario == "absent" and (self.rank == 1 or number == 5):
            return self.fusion(parts, [True, True, False])
        return self.fusion(parts)


def methods(scenario: str) -> Iterator[str]:
    for name in WEIGHTINGS:
        if scenario in ("plain", "nan") or name in ("bayesian", "cov", "uncertainty", "famo", "upgrad", "gradnorm"):
            yield name


def sharded() -> dict[str, Any]:
    """A network sharded over the processes: the fusion beside it weighs its losses, and gradient rules say no."""
    from torch.distributed.fsdp import fully_shard

    found: dict[str, Any] = {}
    model = network()
    mesh = dist.init_device_mesh("cpu", (2,))
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    fusion = make("bayesian")
    rows = batches()
    weights = []
    for each in rows:
        own = each[dist.get_rank() * ROWS // 2 :][: ROWS // 2]
        fused = fusion(losses(model, own))
        optimizer.zero_grad()
        fused.total.backward()
        optimizer.step()
        weights.append(fused.weights)
    found["weights"] = torch.stack(weights)
    try:
        make("upgrad").watch(model.parameters())(losses(model, rows[0]))
    except ConfigError as error:
        found["refused"] = str(error)
    return found


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    reduced: list[int] = []
    whole = dist.all_reduce

    def counted(tensor: Tensor, *rest: Any, **named: Any) -> Any:
        reduced.append(tensor.numel())
        return whole(tensor, *rest, **named)

    found: dict[str, Any] = {}
    for scenario in SCENARIOS:
        for name in methods(scenario):
            found[f"{scenario} {name}"] = Training(name, scenario, rank).run()
    dist.all_reduce = counted
    Training("mad", "plain", rank).run()
    dist.all_reduce = whole
    found["reduced"] = reduced
    try:
        found["sharded"] = sharded()
    except Exception as error:  # told by the test
        found["sharded"] = {"error": f"{type(error).__name__}: {error}"}
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
