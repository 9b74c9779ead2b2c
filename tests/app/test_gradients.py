"""The gradients of a race that was really trained, on Train and Compare."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.jobs import Job, create_experiment
from dmf.runs import ExperimentRow, RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def said(test: AppTest) -> str:
    part = test.container(key="gradient-charts")
    return " ".join(str(element.value) for kind in ("markdown", "caption") for element in part.get(kind))


@pytest.fixture
def trained(store: RunStore, tiny: Any) -> Any:
    """Trains a tiny race to its end."""

    def train(*runs: str, **texts: str) -> ExperimentRow:
        made = create_experiment(store, tiny(*runs, epochs="1", **texts))
        Job(store, made, "test").train()
        return made

    return train


def test_measured_gradients_are_shown_and_others_are_told_how_to(store: RunStore, trained: Any, visit: Any) -> None:
    measured = trained("variance", "variance,loss_counts=hard", gradients="logits", gradients_every="2")
    plain = trained("mad")
    telemetry = store.telemetry(measured.runs[1].id)
    assert {"grad_norm_ce", "grad_cos_iou_dice", "grad_share_auxiliary"} <= set(telemetry.columns)
    words = said(visit("train", experiment=measured.id))
    assert words.startswith("#### Gradients Measured at the logits, every 2 steps.")
    assert "no angle of Variance loss_counts=hard: a loss without gradient has no direction" in words
    assert "Measure gradients at" in said(visit("train", experiment=plain.id))
    both = [measured.runs[0].id, plain.runs[0].id]
    assert said(visit("compare", runs=",".join(both))) == "#### Gradients Measured at the logits, every 2 steps."
    assert "Measure gradients at" in said(visit("compare", runs=both[1]))
    assert (
        said(visit("compare", runs=both[0], layout="One per run"))
        == "#### Gradients Measured at the logits, every 2 steps."
    )
