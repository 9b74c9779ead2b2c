"""What a row of a list of experiments says of time."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.components.recent import _about
from dmf.records import RunState


@pytest.mark.parametrize(
    ("state", "since"),
    [
        (RunState.RUNNING, "for 1 min"),
        (RunState.QUEUED, "for 1 min"),
        (RunState.PAUSED, "begun 1 min ago"),
        (RunState.STOPPED, "1 min ago"),
    ],
)
def test_time_follows_the_word_of_the_state(state: RunState, since: str) -> None:
    summary: Any = SimpleNamespace(
        states=(state,), is_active=state.is_active, age=75.0, dataset="d", image_size=64, epochs=2, runs=()
    )
    assert _about(summary) == f"{since} · d, 64 px · 2 epochs"
