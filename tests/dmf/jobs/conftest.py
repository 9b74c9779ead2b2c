import time

import pytest

from dmf.training.run import TrainingRun


@pytest.fixture
def slow(monkeypatch):
    """Steps of 0.02 s, so that there is time to steer."""
    own = TrainingRun.take_step

    def take_step(self, batch):
        time.sleep(0.02)
        return own(self, batch)

    monkeypatch.setattr(TrainingRun, "take_step", take_step)
