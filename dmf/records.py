"""What training writes and the store keeps: frozen records and the ``Sink`` protocol between them.

Imports neither torch nor any of our packages, so that training and the run store can both rest on it.
"""

import enum
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

IGNORE = 255  # class number of a void pixel: it belongs to no class, because nobody said what it shows


class RunState(enum.StrEnum):
    """queued -> running <-> paused -> finished | stopped | failed | interrupted; the last three can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_active(self) -> bool:
        """Whether the run still has an owner that trains it or is about to."""
        return self in (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED)

    @property
    def is_resumable(self) -> bool:
        """Whether a new attempt may continue the run."""
        return self in (RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED)


Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class TelemetryBlock:
    """Consecutive steps of one run, as named float32 columns.

    Columns are ``loss_<term>`` and ``weight_<term>`` per term, then ``auxiliary`` (the unweighted auxiliary loss, 0
    without one), ``gamma``, ``total``, ``lr`` and ``finite`` (1, or 0 for a step that changed nothing).

    Attributes:
        first_step: Step of row 0; rows are consecutive.
        values: (steps, columns) float32.
        started, ended: Unix time in seconds of the first and the last row.
    """

    run: str
    attempt: int
    first_step: int
    columns: tuple[str, ...]
    values: NDArray[np.float32]
    started: float
    ended: float


@dataclass(frozen=True)
class EpochMetrics:
    """Metrics of one run on one split after ``epoch`` epochs (0: the untrained network).

    ``metrics`` maps a metric's name to its value; ``images`` says over how many. What each is over says its task.
    """

    run: str
    epoch: int
    step: int
    split: Split
    images: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class CaseScores:
    """Scores of each case of one run on one split after ``epoch`` epochs.

    Attributes:
        cases: One id per row.
        counts: (cases, classes, 3) int64: true positives, false positives, false negatives, in pixels of the network;
            None for a task that does not count.
        sizes: (cases, 2) int64: height and width of the original image.
        scores: Name to (cases,) float64: scores that do not follow from counts; NaN where a case has none.
    """

    run: str
    epoch: int
    split: Split
    cases: tuple[str, ...]
    counts: NDArray[np.int64] | None
    sizes: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


PictureKind: TypeAlias = Literal["image", "truth", "prediction", "attention"]


@dataclass(frozen=True)
class Sample:
    """One picture of the sample strip, an 8-bit PNG. Image and truth belong to the experiment, all else to a run.

    ``png`` of kind ``image`` is the network's input; of ``truth`` and ``prediction`` what its task makes of it, for
    classes the class number of each pixel; of ``attention`` 255 times what passes at each place of the network that
    ``part`` names. ``score`` is what the prediction scores by the task's ``case_score``, and of attention what the task
    measures of it.
    """

    experiment: str
    run: str | None
    case: str
    epoch: int
    step: int
    kind: PictureKind
    png: bytes
    score: float | None = None
    part: str = ""


@dataclass(frozen=True)
class SettingChange:
    """A setting changed while a run trains, at the boundary before ``step``; stored as an event of kind "knob".

    Attributes:
        step: The first step trained with the new value.
        field: One of ``dmf.live_settings.LIVE_SETTINGS``.
        value: A number, or the name of a weighting.
    """

    step: int
    field: str
    value: float | str


@dataclass(frozen=True)
class Event:
    """Something that happened at a step: a change of state or of a setting, a skipped step, a flat loss, a message."""

    run: str
    step: int
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class StateChange:
    """The run entered ``state`` at ``step``; stored on the run's row and as an event."""

    run: str
    step: int
    state: RunState
    reason: str = ""


@dataclass(frozen=True)
class Artifact:
    """A file kept beside the store. ``path`` is relative to the store's artifact folder.

    A ``predictions_folder`` was made elsewhere and is read in place: its ``path`` is whole, its ``bytes`` are 0.
    ``sha256`` is of the whole file, in hexadecimal; None where nobody took it.
    """

    run: str
    kind: Literal[
        "checkpoint_last", "checkpoint_best", "probabilities_last", "probabilities_best", "predictions_folder"
    ]
    epoch: int
    step: int
    path: str
    bytes: int
    sha256: str | None = None


Record: TypeAlias = TelemetryBlock | EpochMetrics | CaseScores | Sample | Event | StateChange | Artifact


CommandName: TypeAlias = Literal["pause", "resume", "step", "stop", "set"]


@dataclass(frozen=True)
class Command:
    """A command of a user about one run: ``pause``, ``resume``, ``step``, ``stop``, or ``set`` a setting to a value."""

    id: int
    run: str
    name: CommandName
    field: str | None = None
    value: Any = None


class Sink(Protocol):
    """Where training writes. Called from the training thread, so it must return quickly."""

    def write(self, record: Record) -> None:
        """Take one record; may keep it for a while before it is stored."""

    def flush(self) -> None:
        """Return once everything written so far is stored; raises what storing raised."""


class CommandSource(Protocol):
    """Where training looks for commands. Called before every step, so it must not wait."""

    def take(self, run: str) -> Sequence[Command]:
        """Commands about this run not taken before, oldest first."""
