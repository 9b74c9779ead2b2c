"""What trains the network where the notebook's losses are computed: cross-entropy alone."""

import numpy as np
import pytest

from dmf.studies import StudyPlan
from dmf.studies.local import LocalEngine
from dmf.studies.storing import store_plan

CONFIGURATIONS = (
    {"weighting": "mad", "auxiliary": "none"},
    {"weighting": "mad", "auxiliary": "tversky"},
    {"weighting": "mad", "auxiliary": "focal"},
    {"weighting": "fixed", "auxiliary": "none"},
    {"weighting": "fixed", "auxiliary": "none", "weights": "1:0:0"},
)


@pytest.fixture(params=["notebook", "paper"])
def trained(request, store, tiny_texts):
    """The mode, and the cross-entropy (S,) that each configuration met."""
    base = {name: value for name, value in tiny_texts.items() if name != "seed"}
    store_plan(store, StudyPlan(name="modes", mode=request.param, base=base, configurations=CONFIGURATIONS))
    LocalEngine(store, "modes").run()
    (cell,) = store.study_cells("modes")
    runs = {run.label: run for run in cell.experiment.runs}
    return request.param, {
        name: store.telemetry(run.id, columns=["loss_ce"]).values[:, 0] for name, run in runs.items()
    }


def test_an_auxiliary_loss_changes_nothing_in_the_notebook_and_everything_in_the_paper(trained):
    mode, losses = trained
    for auxiliary in ("tversky", "focal"):
        same = np.array_equal(losses["mad/none"], losses[f"mad/{auxiliary}"])
        assert same == (mode == "notebook"), auxiliary


def test_under_adam_constant_weights_change_nothing_in_the_notebook(trained):
    mode, losses = trained
    apart = np.abs(losses["fixed/none"] - losses["fixed/none, weights=1:0:0"]).max()
    assert (apart < 2e-5) == (mode == "notebook"), apart  # Adam divides the gradient by its size, but for an eps
