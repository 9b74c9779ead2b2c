"""A whole training step of a run that is stored, beside a bare PyTorch loop with fixed weights."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness import Pair, Row, milliseconds, new_job, temporary_store
from dmf.build import Workbench, build_workbench
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.data.batches import Batch
from dmf.jobs import Job
from dmf.models import build_model
from dmf.records import Record
from dmf.runs import RunStore
from dmf.tasks import Synthesis
from dmf.training import TrainingRun

TARGET = 1.03
BLOCK = 10  # steps between two changes of side
WARM_UP = 2  # blocks that are not counted
LossFunction = Callable[[Tensor, Tensor], Tensor]
Losses = Callable[[Workbench], LossFunction]
BESIDE = {"same": "bare loop, same losses", "hand": "bare loop, plain CE + Dice"}


def rows(quick: bool) -> list[Row]:
    data = DataConfig(image_size=32, limit=64) if quick else DataConfig()
    model = ModelConfig(filters=4) if quick else ModelConfig()
    runs = (RunConfig(label="bayesian", fusion=FusionConfig(weighting="bayesian")),)
    training = TrainingConfig(device="cpu", epochs=10_000)
    config = ExperimentConfig(data=data, model=model, training=training, runs=runs)
    blocks = 3 if quick else 30
    return [
        *_rows(config, "bayesian + CB-Dice", {"same": same_losses, "hand": hand_written}, blocks),
        *_rows(_synthesis(config), "synthesis, cov", {"same": same_losses}, blocks),
    ]


def _synthesis(config: ExperimentConfig) -> ExperimentConfig:
    """The same network and sizes on its losses by CoV weights."""
    fusion = FusionConfig(weighting="cov", terms=Synthesis.terms, auxiliary="none")
    data = config.data.model_copy(update={"dataset": Synthesis.dataset})
    runs = (RunConfig(label="cov", fusion=fusion),)
    return config.model_copy(update={"task": Synthesis.name, "data": data, "runs": runs})


def _rows(config: ExperimentConfig, what: str, bare: Mapping[str, Losses], blocks: int) -> list[Row]:
    size, filters, batch = config.data.image_size, config.model.filters, config.training.batch_size
    taken = measure(config, bare, blocks)
    written = []
    for name in bare:
        pair = Pair(taken["ours"], taken[name])
        mine, other = pair.seconds
        is_promised = name == "same"
        written.append(
            Row(
                f"training step, {what}, stored, {size} px, {filters} filters, batch {batch}",
                milliseconds(mine),
                f"{BESIDE[name]} {milliseconds(other)}",
                f"{pair.ratio:.3f}",
                f"<= {TARGET}" if is_promised else "",
                pair.ratio <= TARGET if is_promised else None,
            )
        )
    return written


def measure(config: ExperimentConfig, bare: Mapping[str, Losses], blocks: int) -> dict[str, list[float]]:
    """Seconds per step of each side, one entry per block of ``BLOCK`` steps."""
    workbench = build_workbench(config)
    with temporary_store(RestingStore) as store:
        job = new_job(store, config)
        pacer = Pacer(job, workbench, store.awake, bare, blocks)
        job.train(on_step=pacer)
    return {name: taken[WARM_UP:] for name, taken in pacer.taken.items()}


class RestingStore(RunStore):
    """A store whose threads do nothing while ``awake`` is not set: a bare loop must not pay for them."""

    def __init__(self, url: Path) -> None:
        self.awake = threading.Event()
        self.awake.set()
        super().__init__(url)

    def write(self, records: Sequence[Record], owner: str | None) -> None:
        self.awake.wait()  # what a run wrote last is stored while the run trains on
        super().write(records, owner)

    @contextmanager
    def watching_commands(self, run_ids: Sequence[str]) -> Iterator[Callable[[], bool]]:
        with super().watching_commands(run_ids) as any_pending:
            yield lambda: self.awake.is_set() and any_pending()


class Pacer:
    """Lets the real loop take a block of steps, then the bare loops, each on the same batches, and so on.

    It is called after every step of the real loop, so what lies between two calls is all that a step costs there:
    batch, commands, step, telemetry and every drain to the sink. Steps that end an epoch, with their evaluation and
    checkpoint, do not count.
    """

    def __init__(
        self, job: Job, workbench: Workbench, awake: threading.Event, bare: Mapping[str, Losses], blocks: int
    ) -> None:
        self._job, self._feed, self._awake = job, workbench.feed, awake
        self._bare = {name: bare_step(workbench, losses) for name, losses in bare.items()}
        self._blocks = blocks + WARM_UP
        self.taken: dict[str, list[float]] = {"ours": [], **{name: [] for name in self._bare}}
        self._steps: list[float] = []
        self._since: float | None = None  # the first call only starts the clock

    def __call__(self, runs: Sequence[TrainingRun]) -> None:
        now, step = time.perf_counter(), runs[0].step
        if self._since is not None and step % self._feed.steps_per_epoch:
            self._steps.append(now - self._since)
        if len(self._steps) == BLOCK:
            self.taken["ours"].append(sum(self._steps) / BLOCK)
            self._steps = []
            self._awake.clear()
            names = list(self._bare)
            if len(self.taken["ours"]) % 2:
                names.reverse()
            for name in names:
                self.taken[name].append(self._block(self._bare[name], step - BLOCK))
            self._awake.set()
            if len(self.taken["ours"]) == self._blocks:
                self._job.stop.set()
        self._since = time.perf_counter()

    def _block(self, take: Callable[[Batch], None], first: int) -> float:
        start = time.perf_counter()
        for step in range(first, first + BLOCK):
            take(self._feed.training_batch(step))
        return (time.perf_counter() - start) / BLOCK


def bare_step(workbench: Workbench, losses: Losses, *, capturable: bool = False) -> Callable[[Batch], None]:
    """What one writes by hand: the same network, memory format and optimizer, and nothing kept.

    ``capturable`` makes it fit for a CUDA graph.
    """
    config, data, numerics = workbench.config, workbench.data, workbench.numerics
    task, size = workbench.task, config.data.image_size
    model: nn.Module = task.network(
        build_model(config.model, data.images.shape[1], task.output_channels, size, config.training.seed)
    )
    model = model.to(numerics.device).to(memory_format=numerics.memory_format).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.training.lr, fused=True, capturable=capturable)
    loss = losses(workbench)

    def take(batch: Batch) -> None:
        total = loss(model(batch.input), batch.target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return take


def same_losses(workbench: Workbench) -> LossFunction:
    """Our bank with fixed weights."""
    device = workbench.numerics.device
    bank = workbench.task.bank(workbench.config.runs[0].fusion).to(device)
    weights = torch.full((len(bank.names),), 1 / len(bank.names), device=device)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        parts = bank(logits, target)
        total: Tensor = (weights * parts.terms).sum()
        return total if parts.auxiliary is None else total + parts.auxiliary

    return loss


def hand_written(workbench: Workbench) -> LossFunction:
    """Cross-entropy plus soft Dice in plain PyTorch: two losses against the four of the run."""

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        probs = logits.softmax(1)
        onehot = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(probs.dtype)
        overlap, sizes = (probs * onehot).sum((0, 2, 3)), (probs + onehot).sum((0, 2, 3))
        return F.cross_entropy(logits, target) + 1 - ((2 * overlap + 1e-6) / (sizes + 1e-6)).mean()

    return loss
