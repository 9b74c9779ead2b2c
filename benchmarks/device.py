"""What a step costs on a GPU: beside a bare loop, beside a bare step in a CUDA graph, and what it still waits for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import CannotMeasureError, Pair, Row, alternate, milliseconds, new_job, temporary_store
from benchmarks.step import bare_step, same_losses
from dmf.build import build_workbench
from dmf.config import DataConfig, ExperimentConfig, FusionConfig, ModelConfig, RunConfig, TrainingConfig
from dmf.runs import RunStore

SIZE, BATCH, FILTERS = 128, 32, 32
METHODS = ("bayesian", "mad", "variance", "fixed")
LOCKSTEPS = (4, 13)
TARGET_LOCKSTEP = 0.6
BLOCK = 20  # steps timed together, because the host runs ahead of the device
PROFILED = 10
COPIES_TO_HOST = ("Memcpy DtoH", "aten::_local_scalar_dense")
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


def rows(quick: bool) -> list[Row]:
    if not torch.cuda.is_available():
        raise CannotMeasureError("No CUDA device on this machine.")
    config = experiment(("bayesian",), quick)
    workbench = build_workbench(config)
    run = workbench.run("bench", config.runs[0], Path("unused"))  # only checkpoints would be written there
    batch = workbench.feed.training_batch(0)
    with workbench.numerics.applied():
        bare = bare_step(workbench, same_losses)
        ours = block(lambda: run.take_step(batch))
        rounds = 3 if quick else 30
        pairs = {"bare loop, same losses": alternate(ours, block(lambda: bare(batch)), rounds=rounds, warm_up=3)}
        graphed = captured(bare_step(workbench, same_losses, capturable=True), batch)
        pairs["bare step as a CUDA graph"] = alternate(ours, block(graphed), rounds=rounds)
        waiting = profile(lambda: run.take_step(batch))
    what = f"training step on {torch.cuda.get_device_name()}, bayesian + CB-Dice, {sizes(config)}"
    steps = [_step_row(what, words, pair) for words, pair in pairs.items()]
    return [*steps, _waiting_row(waiting), *(_lockstep_row(count, quick) for count in LOCKSTEPS)]


def experiment(methods: Iterable[str], quick: bool) -> ExperimentConfig:
    """Runs of ``methods`` at the sizes that are promised."""
    size, batch, filters = (32, 4, 4) if quick else (SIZE, BATCH, FILTERS)
    runs = tuple(
        RunConfig(label=f"{position} {name}", fusion=FusionConfig(weighting=name))
        for position, name in enumerate(methods)
    )
    return ExperimentConfig(
        data=DataConfig(image_size=size, limit=4 * batch if quick else 512),
        model=ModelConfig(filters=filters),
        training=TrainingConfig(device="cuda", batch_size=batch, epochs=1 if quick else 10),
        runs=runs,
    )


def sizes(config: ExperimentConfig) -> str:
    """The sizes of an experiment, for the table."""
    return f"{config.data.image_size} px, {config.model.filters} filters, batch {config.training.batch_size}"


def block(step: Callable[[], object]) -> Callable[[], None]:
    """``BLOCK`` steps and the wait for the last of them."""

    def take() -> None:
        for _ in range(BLOCK):
            step()
        torch.cuda.synchronize()

    return take


def captured(step: Callable[[Any], None], batch: Any) -> Callable[[], None]:
    """A step as one CUDA graph, replayed on the same batch."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(batch)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(batch)
    return graph.replay


@dataclass(frozen=True)
class Waiting:
    """What a step waits for.

    Attributes:
        waits: Times per step that the host waited for the device.
        copies: Copies to the host per step.
        launches: Kernels started per step.
        idle: Share of the time in which the device had nothing to do.
    """

    waits: float
    copies: float
    launches: float
    idle: float


def profile(step: Callable[[], object]) -> Waiting:
    """Look at ``PROFILED`` steps."""
    from torch.profiler import ProfilerActivity

    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        for _ in range(PROFILED):
            step()
    # The wait for the end of the profile is not a step's, and is not recorded within it.
    kernels = [
        (event.time_range.start, event.time_range.end)
        for event in seen.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
    ]
    return summed([event.name for event in seen.events()], kernels, PROFILED)


def summed(names: Iterable[str], kernels: Iterable[tuple[float, float]], steps: int) -> Waiting:
    """Events of a profile, per step.

    Args:
        names: Of all events.
        kernels: Start and end of each piece of work on the device, in one unit.
        steps: How many steps were looked at.
    """
    told = list(names)
    waits = sum(name.startswith(WAITS) for name in told)
    copies = sum(name.startswith(COPIES_TO_HOST) for name in told)
    launches = sum("LaunchKernel" in name for name in told)
    return Waiting(waits / steps, copies / steps, launches / steps, idle_share(kernels))


def idle_share(kernels: Iterable[tuple[float, float]]) -> float:
    """Share of the time between the first start and the last end that no kernel covers; 0 without any."""
    ordered = sorted(kernels)
    if not ordered:
        return 0.0
    busy, reached = 0.0, ordered[0][0]
    for start, end in ordered:
        busy += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return 1 - busy / (reached - ordered[0][0]) if reached > ordered[0][0] else 0.0


def _step_row(what: str, words: str, pair: Pair) -> Row:
    mine, other = (taken / BLOCK for taken in pair.seconds)
    return Row(what, milliseconds(mine), f"{words} {milliseconds(other)}", f"{pair.ratio:.3f}")


def _waiting_row(waiting: Waiting) -> Row:
    return Row(
        "what a step waits for on the GPU",
        f"{waiting.waits:g} waits, {waiting.copies:g} copies to the host",
        f"{waiting.launches:.0f} kernels started",
        f"idle {waiting.idle:.0%}",
        "no wait, no copy",
        waiting.waits == 0 and waiting.copies == 0,
    )


def _lockstep_row(count: int, quick: bool) -> Row:
    together = experiment([METHODS[position % len(METHODS)] for position in range(count)], quick)
    alone = [together.model_copy(update={"runs": (run,)}) for run in together.runs]
    build_workbench(together)  # the data are prepared, for both sides
    with temporary_store() as store:
        pair = alternate(_train(store, [together]), _train(store, alone), rounds=1 if quick else 2, warm_up=0)
    mine, other = pair.seconds
    return Row(
        f"{count} runs on the GPU, evaluated, {sizes(together)}",
        f"lockstep {mine:.1f} s",
        f"one after another {other:.1f} s",
        f"{pair.ratio:.2f}",
        f"<= {TARGET_LOCKSTEP}",
        pair.ratio <= TARGET_LOCKSTEP,
    )


def _train(store: RunStore, configs: list[ExperimentConfig]) -> Callable[[], None]:
    def train() -> None:
        for config in configs:
            new_job(store, config).train()

    return train
