"""What the page Inspect shows."""

from dataclasses import dataclass
from typing import Any, Literal

from dmf.analysis.differences import FlatConfig, flat_config
from dmf.runs import ExperimentRow, RunRow

Which = Literal["best", "last"]
Fit = Literal["stretch", "pad"]
Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class InspectedRun:
    """A chosen run, of any task.

    Attributes:
        has_network: Whether a network of it is kept here.
    """

    run: RunRow
    experiment: ExperimentRow
    has_network: bool

    @property
    def id(self) -> str:
        """Of the run."""
        return self.run.id

    @property
    def config(self) -> FlatConfig:
        """All of its settings, as ``section.field`` to value."""
        return flat_config(self.experiment.config, self.run.config)

    def setting(self, section: str, name: str, default: Any = None) -> Any:
        """A setting of its experiment; ``default`` where nobody recorded it."""
        return (self.experiment.config.get(section) or {}).get(name, default)

    @property
    def fit(self) -> Fit:
        """How images were made square."""
        return "pad" if self.setting("data", "fit") == "pad" else "stretch"
