"""The GPU itself is looked at by `python -m benchmarks --only device`; here, how what was seen is summed up."""

from collections.abc import Callable
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


@pytest.mark.parametrize(
    ("kernels", "idle"),
    [
        ([], 0),
        ([(0, 10)], 0),
        ([(0, 4), (6, 10)], 0.2),  # nothing from 4 to 6, of 10
        ([(6, 10), (0, 4)], 0.2),  # in any order
        ([(0, 8), (2, 4), (7, 9), (10, 10)], 0.1),  # overlaps count once: only 9 to 10 is empty
    ],
)
def test_idle_is_the_share_of_time_that_no_kernel_covers(
    benchmark_module: Load, kernels: list[tuple[float, float]], idle: float
) -> None:
    assert benchmark_module("device").idle_share(kernels) == pytest.approx(idle)


def test_waits_copies_and_launches_are_counted_per_step(benchmark_module: Load) -> None:
    names = [
        *["cudaLaunchKernel"] * 6,
        *["cuLaunchKernelEx"] * 2,
        *["cudaStreamSynchronize", "cudaDeviceSynchronize"],
        *["Memcpy DtoH (Device -> Pinned)", "Memcpy HtoD (Pageable -> Device)", "Memcpy DtoD (Device -> Device)"],
        "aten::conv2d",
    ]
    waiting = benchmark_module("device").summed(names, [(0, 1), (3, 4)], steps=2)
    assert (waiting.waits, waiting.copies, waiting.launches, waiting.idle) == (1, 0.5, 4, 0.5)


def test_runs_of_the_lockstep_have_names_of_their_own_at_the_promised_sizes(benchmark_module: Load) -> None:
    device = benchmark_module("device")
    config = device.experiment(["mad", "fixed", "mad"], quick=False)
    assert [run.label for run in config.runs] == ["0 mad", "1 fixed", "2 mad"]
    assert device.sizes(config) == "128 px, 32 filters, batch 32"
