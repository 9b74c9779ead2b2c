"""The plan of an abstract on contrast in MR: single losses, equal, hand-tuned and CoV weights beside each other."""

from dmf.config_text import to_text
from dmf.presets import HAND_TUNED, SYNTHESIS
from dmf.studies.plan import StudyPlan

SYNTHESIS_PLAN = StudyPlan(
    name="synthesis",
    about="Late from early contrast on simulated MR: CoV weights against single losses, equal and hand-tuned weights.",
    base={name: to_text(value) for name, value in SYNTHESIS.items() if name != "dataset"} | {"threads": 1},
    configurations=(
        {"weighting": "fixed", "weights": "1:0:0"},
        {"weighting": "fixed", "weights": "0:1:0"},
        {"weighting": "fixed", "weights": "0:0:1"},
        {"weighting": "fixed"},
        {"weighting": "fixed", "weights": HAND_TUNED},
        {"weighting": "cov"},
    ),
    datasets=({"dataset": SYNTHESIS["dataset"]},),
    repeats=5,
    reference="cov",
)
