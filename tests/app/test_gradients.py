"""The gradients of a race that was really trained, on Train and Compare."""

from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from dmf.fusion import Fusion
from dmf.jobs import Job, create_experiment
from dmf.recording import record
from dmf.runs import ExperimentRow, RunStore
from dmf.tasks.segmentation.losses import CrossEntropy, LossBank, MeanDice
from dmf.training import GradientProbe
from dmf.weighting import MADWeighting

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


def test_measured_gradients_of_a_loop_of_ones_own_are_shown_too(store: RunStore, visit: Any) -> None:
    model = torch.nn.Conv2d(1, 2, 1)
    bank = LossBank({"ce": CrossEntropy(), "dice": MeanDice()})
    fusion = Fusion(MADWeighting(2))
    probe = GradientProbe(bank.names, auxiliary=False, at="parameters", every=2, parameters=model.parameters())
    with record("mine", fusion=fusion, terms=bank.names, probe=probe, store=store) as run:
        for _ in range(6):
            parts = bank(model(torch.rand(2, 1, 4, 4)), torch.randint(2, (2, 4, 4)))
            fused = fusion(parts)
            run.measure(parts, fused)
            fused.total.backward()
            run.write(fused)
    expected = "#### Gradients Measured at the parameters, every 2 steps."
    assert said(visit("train", experiment=run.experiment)) == expected
    assert said(visit("compare", runs=run.id)) == expected
