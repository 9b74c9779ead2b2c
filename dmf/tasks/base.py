"""What a task is: what its networks make of an image, how they learn it, and how they are judged.

The loop, the store and the pages know no more of a task than stands here. Importing this needs no torch, so that a page
can ask for the name of a metric; what computes imports it when it is called.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.config import ExperimentConfig, FusionConfig
from dmf.metric_info import MetricInfo
from dmf.options import Options
from dmf.records import CaseScores
from dmf.registry import Registry

if TYPE_CHECKING:  # they need torch
    from torch import Tensor, nn

    from dmf.data import Dataset, PreparedData
    from dmf.data.batches import Batch
    from dmf.terms import Loss

Predict: TypeAlias = "Callable[[Tensor], Tensor]"
"""A network in evaluation mode, without gradient: inputs (B, C, H, W) to outputs (B, O, H, W)."""

OptionValue: TypeAlias = bool | int | float | str


@dataclass(frozen=True)
class Evaluation:
    """Scores of one network on one split.

    Attributes:
        metrics: Name to value; the task says what each is over.
        index: (cases,) int64 positions of the cases in the prepared data.
        counts: (cases, classes, 3) int64 of each case, from which its scores follow; None for a task without counts.
        scores: Name to (cases,) float64, the scores of each case that do not follow from counts; NaN where there is
            none.
    """

    metrics: dict[str, float]
    index: NDArray[np.int64]
    counts: NDArray[np.int64] | None = None
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleCase:
    """A case whose prediction is shown while the network learns: its id and its batch of one."""

    case: str
    batch: "Batch"


@dataclass(frozen=True)
class Attended:
    """What one attention of a network lets pass of a sample.

    Attributes:
        part: Which: its name in the network, and the grid that it weighs.
        png: (h, w) 8-bit, 255 times what passes.
        score: What the task measures of it; None where there is nothing to measure.
    """

    part: str
    png: bytes
    score: float | None


class Task(ABC):
    """One kind of problem, for the data of one experiment.

    A subclass sets the class attributes, which are all that pages and the store ask for, declares its options
    (``task_options``) and implements what is abstract. To add one: a folder here, a line in ``dmf.tasks.TASKS``.

    Attributes:
        name: In the registry, on the command line and in the store.
        title: What it is called, e.g. on the form.
        about: One sentence: what a network of it makes of an image.
        headline: Name of the metric that decides the best epoch and stands first everywhere.
        metrics: Every metric there is but those of a single class, by name: title, unit, range, direction, over what.
        columns: Metrics of a table of runs, in its order; the headline is among them.
        case_score: Metric of ``metrics`` that a single image has too, as which a picture's score is shown.
        case_title: What that score is called below a picture.
        case_mean: Metric that is the mean of a score which each case has by itself, by which runs are compared first.
        target: What a dataset must offer: the class of every pixel (``classes``), or an image (``image``).
        keeps: What is kept of every test image for inspection: ``probabilities``, ``images`` or ``nothing``.
        dataset: Dataset that is chosen where nobody chooses.
        terms: Losses that are chosen where nobody chooses; names of :meth:`losses`.
        auxiliary: Auxiliary loss that is chosen where nobody chooses; ``none`` for none.
        auxiliaries: Losses among which the form lets one choose the auxiliary loss; empty for all.
        related: Two losses to a sentence, where a formula says that they rise and fall together.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    headline: ClassVar[str]
    metrics: ClassVar[Mapping[str, MetricInfo]]
    columns: ClassVar[tuple[str, ...]]
    case_score: ClassVar[str]
    case_title: ClassVar[str]
    case_mean: ClassVar[str]
    target: ClassVar[Literal["classes", "image"]]
    keeps: ClassVar[Literal["probabilities", "images", "nothing"]] = "nothing"
    dataset: ClassVar[str]
    terms: ClassVar[tuple[str, ...]]
    auxiliary: ClassVar[str] = "none"
    auxiliaries: ClassVar[tuple[str, ...]] = ()
    related: ClassVar[Mapping[frozenset[str], str]] = {}
    declares: ClassVar[type[Options]] = Options

    @classmethod
    def options(cls, config: ExperimentConfig) -> dict[str, Any]:
        """All options by name, those that are not given at their defaults.

        Raises:
            ConfigError: If there is no such option, or a value is of another type or beyond its limits.
        """
        return cls.declares.settled(config.task_options, f"task {cls.name!r}", "task_options")

    @classmethod
    @abstractmethod
    def losses(cls) -> "Registry[Loss[Any]]":
        """The losses that it allows, as terms and as auxiliary loss. Those of plug-ins join this registry."""

    @classmethod
    def metric_info(cls, name: str) -> MetricInfo:
        """How to read a metric, also one of a part such as ``metric/part`` where the task has such.

        Raises:
            KeyError: If there is no such metric.
        """
        return cls.metrics[name]

    @classmethod
    def score_note(cls, training: Mapping[str, Any]) -> str:
        """What settings of the training do to its scores, in a sentence; empty where nothing has to be said."""
        return ""

    @classmethod
    def scores_of_cases(cls, scores: CaseScores, settings: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        """What each case scored, by the metric that is its mean over cases, for tests between runs.

        Args:
            scores: As they were stored.
            settings: ``section.field`` to value of the run.
        """
        return dict(scores.scores)

    @classmethod
    @abstractmethod
    def of(cls, dataset: "Dataset", config: ExperimentConfig) -> Self:
        """The task on a dataset of which nothing is read yet.

        Raises:
            ConfigError: If the dataset does not offer what the task needs, or its options cannot work.
        """

    @property
    @abstractmethod
    def output_channels(self) -> int:
        """Channels of the network's output, known from the dataset."""

    @abstractmethod
    def bank(self, config: FusionConfig) -> "nn.Module":
        """The losses that ``config`` names: a module from a step's output (B, O, H, W) and target to ``Parts``.

        It computes what its losses share once a step, in a prediction of the task's own.

        Raises:
            UnknownNameError: If a name is not one of :meth:`losses`.
            ConfigError: If an option cannot work.
        """

    @abstractmethod
    def evaluate(self, predict: Predict, batches: "Iterable[Batch]") -> Evaluation:
        """Score ``predict`` over a split; nothing is copied to the host before the last batch is done."""

    @abstractmethod
    def target_png(self, sample: SampleCase) -> bytes:
        """The truth of a sample as 8-bit PNG."""

    @abstractmethod
    def predict_png(self, predict: Predict, sample: SampleCase) -> tuple[bytes, float | None]:
        """What is predicted of a sample as 8-bit PNG of the same kind, and its ``case_score``; None without one."""

    def attended(self, maps: "Mapping[str, Tensor]", sample: SampleCase) -> "Sequence[Attended]":
        """What is kept of where the network looked in a sample; nothing unless a task shows it.

        Args:
            maps: Name of each attention in the network to what it lets pass, (1, 1, h, w) within 0..1, on any device.
            sample: Of which case.
        """
        return ()

    def input_png(self, sample: SampleCase) -> bytes:
        """The image as the network sees it, as 8-bit PNG."""
        from dmf.tasks.pictures import encode_image

        return encode_image(sample.batch.input[0])

    @classmethod
    def drawn(cls, truth: Any, prediction: Any) -> tuple[bytes, bytes, float | None]:
        """What a loop of someone's own predicts of a case, and what is true of it, as 8-bit PNG; and the case's score.

        Here both are images, and nobody knows a score.

        Args:
            truth: Array or tensor of any device.
            prediction: The same of what the network makes.

        Raises:
            ValueError: If they are nothing that could be shown.
        """
        from dmf.tasks.pictures import image_png

        return image_png(truth, "truth"), image_png(prediction, "prediction"), None

    def learn(self, data: "PreparedData", training: NDArray[np.int64]) -> None:  # noqa: B027  # most need nothing
        """Take note of what the losses need to know of the training split.

        Args:
            data: All prepared cases.
            training: Positions of those to train on.
        """

    def network(self, model: "nn.Module") -> "nn.Module":
        """The network that is trained: ``model`` as the registry makes it, with whatever head the task needs."""
        return model

    def choose_samples(self, data: "PreparedData", positions: Sequence[int]) -> list[int]:
        """Positions of a split in the order in which they are to be shown, the most telling first."""
        return list(positions)

    def kept(self, predict: Predict, batches: "Iterable[Batch]") -> Iterator[NDArray[np.uint8]]:
        """What is kept of one image after another, as :attr:`keeps` says: (channels, H, W) uint8 each."""
        return iter(())

    def facts(self) -> dict[str, Any]:
        """What pages say about the task of an experiment, as plain data; stored with each run."""
        return {}
