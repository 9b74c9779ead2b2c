"""What the Study page shows of a study."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class StudyView:
    """A study as of now.

    Attributes:
        name: Of the study.
        about: One sentence, empty where its plan says none.
        is_paused: No further cell is begun.
        trains_here: Whether this dashboard trains it.
        cells: A row per cell: ``cell``, ``state``, ``trained`` (share of its epochs, 0..1), ``score`` (mean of its runs
            on the validation images, NaN before any), ``runs`` (ids, with commas between), ``experiment``.
        score: What ``score`` is.
        finished: Cells that have come to their end.
        failed: Cells that failed.
        seconds_left: At the speed so far; None where that is not known, or nothing is left.
        trouble: Why it does not train here any more; None where all is well.
    """

    name: str
    about: str
    is_paused: bool
    trains_here: bool
    cells: pd.DataFrame
    score: str
    finished: int
    failed: int
    seconds_left: float | None
    trouble: str | None = None


@dataclass(frozen=True)
class DryRun:
    """What a plan would train.

    Attributes:
        cells: A row per cell: ``cell``, ``runs`` (how many), ``seconds`` and ``megabytes`` (NaN where not measured).
        runs: Of all cells.
        seconds: Of all measured cells, one after the other; None where none was measured.
        megabytes: That they keep; None likewise.
        measured: Cells that were.
        reasons: Why others were not, each once.
    """

    cells: pd.DataFrame
    runs: int
    seconds: float | None = None
    megabytes: float | None = None
    measured: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyResults:
    """What came out of a study so far.

    Attributes:
        headings, rows: The table as texts.
        notes: What a reader must know.
        means: Configurations (rows) x datasets (columns), mean of ``metric`` over repeats.
        metric: Title of what the heat map and the ranks are of.
        ranks: A row per configuration: ``configuration``, ``rank`` (mean over the blocks, 1 is the best), best first.
        blocks: What was ranked within.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    means: pd.DataFrame
    metric: str
    ranks: pd.DataFrame
    blocks: tuple[str, ...]
