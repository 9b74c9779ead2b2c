"""A loop of someone's own, as small as it gets."""

import threading
import time

import pytest
import torch

from dmf.fusion import Fused, Fusion
from dmf.recording import record
from dmf.weighting import MADWeighting


@pytest.fixture
def fused():
    """One step; losses exact in float32."""

    def make(number=0.0, *, count=3, auxiliary=None, finite=True):
        terms = torch.tensor([number + k / 8 for k in range(1, count + 1)])
        weights = torch.full((count,), 1 / count)
        return Fused(terms.sum(), terms, weights, auxiliary, 0.5, torch.tensor(finite))

    return make


@pytest.fixture
def fusion():
    return Fusion(MADWeighting(3, history_min=4), history_max=8)


@pytest.fixture
def loop(store, fused):
    """Trains in a thread until it is stopped; gives the recording and what the thread came to."""
    threads = []

    def start(name="mine", **options):
        ended = {}

        def train():
            with record(name, store=store, **options) as run:
                ended["run"] = run
                while True:
                    run.write(fused(run.step))
                    time.sleep(0.001)
            ended["after"] = True

        thread = threading.Thread(target=train)
        thread.start()
        threads.append(thread)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not ("run" in ended and ended["run"].step > 5):
            time.sleep(0.01)
        ended["thread"] = thread
        return ended["run"], ended

    yield start
    for run in store.runs():
        if run.state.is_active:
            store.add_command(run.id, "stop")
    for thread in threads:
        thread.join(20)
