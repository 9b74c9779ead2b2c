"""The gradients of a race that was really trained, on Train and Compare."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.jobs import Job, create_experiment
from dmf.runs import ExperimentRow, RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=90).run()
    test.switch_page(f"pages/{name}.py")
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


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


def test_measured_gradients_are_shown_and_others_are_told_how_to(store: RunStore, trained: Any) -> None:
    measured = trained("variance", "variance,loss_counts=hard", gradients="logits", gradients_every="2")
    plain = trained("mad")
    telemetry = store.telemetry(measured.runs[1].id)
    assert {"grad_norm_ce", "grad_cos_iou_dice", "grad_share_auxiliary"} <= set(telemetry.columns)
    assert said(page("train", experiment=measured.id)) == "#### Gradients"
    assert "Measure gradients at" in said(page("train", experiment=plain.id))
    both = [measured.runs[0].id, plain.runs[0].id]
    assert said(page("compare", runs=",".join(both))) == "#### Gradients"
    assert "Measure gradients at" in said(page("compare", runs=both[1]))
    assert said(page("compare", runs=both[0], layout="One per run")) == "#### Gradients"
