"""Changes of the losses in words."""

import pytest

from app.components.lab.perturbing import KINDS, in_words
from dmf.replay import Perturbation
from dmf.replay.perturb import KINDS as ABOUT

NAMES = ("ce", "dice")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "spike", "step": 5, "size": 3.0}, "Spike of 3 times the typical Cross-entropy, at step 105"),
        ({"kind": "scale", "loss": 1, "step": 5, "length": None, "size": 2}, "Dice times 2, from step 105"),
        ({"kind": "cut", "length": 1500, "size": 0.0}, "Cross-entropy set to 0, at step 100 for 1,500 steps"),
        ({"kind": "noise", "size": 0.2}, "Noise of 0.2 on Cross-entropy, at step 100"),
        ({"kind": "drop"}, "Cross-entropy dropped, at step 100"),
        ({"kind": "melt", "loss": 7}, "loss 8 changed, at step 100"),
    ],
)
def test_a_change_is_said_in_words(change: dict[str, object], words: str) -> None:
    assert in_words(change, NAMES, 100) == words


def test_every_kind_of_change_is_offered_and_explained() -> None:
    assert set(KINDS) == set(ABOUT)
    for kind, (_, _, length, size) in KINDS.items():
        Perturbation(kind=kind, length=length, size=size)  # type: ignore[arg-type]
