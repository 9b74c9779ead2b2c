"""What the page Inspect shows."""

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class CaseTags:
    """What was said of an image.

    Attributes:
        images: Which images it is one of, so that one of the same name elsewhere is another.
        tags: Its tags.
        in_use: All tags of these images.
        keep: Takes all tags that it is to have; gives what is wrong with them, empty once they are kept.
    """

    case: str
    images: str
    tags: tuple[str, ...]
    in_use: tuple[str, ...]
    keep: Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class KeptCase:
    """A case whose pictures were kept while runs trained.

    Attributes:
        image: PNG as the networks saw it.
        truth: PNG of its truth.
        predictions: Run to PNG, score and epoch of the last that was kept.
        facts: What the task said of itself.
    """

    case: str
    image: bytes
    truth: bytes
    predictions: dict[str, tuple[bytes, float | None, int]]
    facts: dict[str, Any]


@dataclass(frozen=True)
class NetworkView:
    """The network of a run.

    Attributes:
        dot: Its blocks, in the language of Graphviz.
        layers: A row per layer: name, kind, output, parameters.
        parameters: Of the whole network.
    """

    dot: str
    layers: tuple[tuple[str, str, str, int], ...]
    parameters: int
