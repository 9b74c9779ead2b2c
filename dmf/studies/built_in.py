"""Plans that come with the program."""

from pathlib import Path

from dmf.errors import ConfigError
from dmf.studies.imbalance import IMBALANCE_PLAN, LAMBDA_PLAN
from dmf.studies.plan import Axis, StudyPlan, read_plan
from dmf.studies.synthesis import SYNTHESIS_PLAN

PLANS: dict[str, StudyPlan] = {
    "paper": StudyPlan(
        name="paper",
        about="The experiment of the paper: three rules with each auxiliary loss and without, against fixed weights.",
        article="Golnari and Diba, Biomed. Signal Process. Control 111, 108388 (Tables 1 to 3)",
        base={"filter": True},
        axes=(
            Axis(field="auxiliary", values=("tversky", "focal", "cb-dice", "none")),
            Axis(field="weighting", values=("variance", "mad", "bayesian")),
        ),
        configurations=({"weighting": "fixed", "auxiliary": "none"},),
        datasets=({"dataset": "busi"}, {"dataset": "busc"}, {"dataset": "bus_synthetic"}),
        repeats=10,
        reference="fixed/none",
    ),
    "methods": StudyPlan(
        name="methods",
        about="Every rule that needs only the losses' values, on one dataset, ranked.",
        base={"auxiliary": "none"},
        axes=(
            Axis(
                field="weighting",
                values=(
                    *("fixed", "variance", "mad", "bayesian", "cov", "softadapt", "dwa", "random"),
                    *("geometric", "tchebycheff"),
                ),
            ),
        ),
        repeats=10,
        reference="fixed",
    ),
    SYNTHESIS_PLAN.name: SYNTHESIS_PLAN,
    IMBALANCE_PLAN.name: IMBALANCE_PLAN,
    LAMBDA_PLAN.name: LAMBDA_PLAN,
}
"""Name to plan."""


def find_plan(name: str) -> StudyPlan:
    """The plan that comes with the program under this name, else that of a file.

    Raises:
        ConfigError: If there is neither.
    """
    if name in PLANS:
        return PLANS[name]
    if not Path(name).suffix and not Path(name).is_file():
        raise ConfigError(
            f"There is no plan {name!r}. Choose one of: {', '.join(PLANS)}; or pass a TOML file, see docs/studies.md.",
            "plan",
        )
    return read_plan(Path(name))
