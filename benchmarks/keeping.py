"""What keeping a step costs the training thread, with the real sink writing to a real store meanwhile."""

import time

import torch

from benchmarks import peers
from benchmarks.harness import Row, milliseconds, temporary_store
from dmf.fusion import Fused
from dmf.jobs import new_owner
from dmf.runs import StoreSink
from dmf.training.lockstep import DRAIN_EVERY
from dmf.training.telemetry import TelemetryBuffer
from dmf.training.watch import Watch

TARGET = 0.1e-3  # s
RATE = 1000  # steps per second
TERMS = ("ce", "iou", "dice")
PEERS = {"trackio": "trackio", "MLflow": "mlflow"}


def rows(quick: bool) -> list[Row]:
    cost = measure(steps=600 if quick else 10_000)
    others = {name: peers.quoted(peer, "step") for name, peer in PEERS.items()}
    told = ", ".join(f"{name} {milliseconds(value)}" for name, value in others.items())
    return [
        Row(
            f"keeping a step of K=3 on the training thread, {RATE:,} steps/s",
            milliseconds(cost),
            f"{told} per logged step ({peers.source()})",
            ", ".join(f"{cost / value:.2g}x" for value in others.values()),
            f"<= {milliseconds(TARGET)}",
            cost <= TARGET,
        )
    ]


def measure(steps: int) -> float:
    """Seconds per step spent in writing, draining, watching and handing over, as the training loop does them."""
    fused = [_fused(number) for number in range(64)]
    with temporary_store() as store:
        experiment = store.create_experiment({}, name="bench", labels=["a"], run_configs=[{}], environment={})
        run, owner = experiment.runs[0].id, new_owner("bench")
        store.claim([run], owner)
        sink = StoreSink(store, owner)
        buffer, watch = TelemetryBuffer(run, TERMS, torch.device("cpu")), Watch(run, TERMS, window=100)

        def drain() -> None:
            block = buffer.drain()
            if block is not None:
                sink.write(block)
                for event in watch.look(block):
                    sink.write(event)

        spent, start = 0.0, time.perf_counter()
        drained = start
        for step in range(steps):
            began = time.perf_counter()
            buffer.write(step, fused[step % len(fused)], 1e-3)
            if began - drained >= DRAIN_EVERY or buffer.is_full:
                drain()
                drained = began
            spent += time.perf_counter() - began
            time.sleep(max(0.0, start + (step + 1) / RATE - time.perf_counter()))
        sink.close()
        assert store.latest_step(run) >= steps - RATE, "the store fell behind"
    return spent / steps


def _fused(number: int) -> Fused:
    generator = torch.Generator().manual_seed(number)
    terms = torch.rand(3, generator=generator)
    weights = terms.double() / terms.sum()
    return Fused(terms.sum(), terms, weights, terms[0], 1.0, torch.tensor(True))
