"""What the page Datasets shows."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from dmf.data import Finding, Report
from dmf.probabilities import Pixels

Options = tuple[tuple[str, bool | int | float | str], ...]


@dataclass(frozen=True)
class Source:
    """A dataset that can be chosen: its name, its folder where it is not the default one, and its options."""

    dataset: str
    root: str | None = None
    options: Options = ()

    @property
    def key(self) -> str:
        """``name`` or ``name@folder``, as it stands in the URL."""
        return self.dataset if self.root is None else f"{self.dataset}@{self.root}"

    @property
    def settings(self) -> dict[str, Any]:
        """Fields of the configuration that choose it."""
        return {"dataset": self.dataset, "root": self.root, "dataset_options": dict(self.options)}


@dataclass(frozen=True)
class Facts:
    """What is known about a dataset without looking into its files.

    Attributes:
        class_names: The first is the background; empty where each image has an image that is to be made of it.
        root: Where it lies; empty where nothing lies on disk.
        can_filter: Whether its images have 8 bits, which the bilateral filter needs.
        task: For which it is.
    """

    title: str
    licence: str
    citation: str
    how_to_get: str
    class_names: tuple[str, ...]
    is_here: bool
    root: str
    can_filter: bool
    task: str


@dataclass(frozen=True)
class Picture:
    """A case, small; all pixels are uint8.

    Attributes:
        image: (h, w) or (h, w, 3).
        mask: (h, w) class number of each pixel; None where there are no classes.
        target: (h, w) or (h, w, 3), the image that is to be made of it; None where there is none.
    """

    case: str
    label: str
    image: Pixels
    mask: Pixels | None
    target: Pixels | None = None


@dataclass(frozen=True)
class Split:
    """How a dataset is split.

    Attributes:
        cases: One row per case: case, label, split, width and height in pixels (missing where a file does not say).
        counts: Cases per label in each split.
        duplicates: Pictures that look the same, those in different splits first.
    """

    cases: pd.DataFrame
    counts: dict[str, dict[str, int]]
    duplicates: tuple[Finding, ...]


@dataclass(frozen=True)
class Preview:
    """An image on its way to the network: as it is, filtered, and of the size the network sees; all uint8.

    Attributes:
        histogram: Columns picture, intensity (0..255) and share, in percent of the values of that picture.
    """

    original: Pixels
    filtered: Pixels
    resized: Pixels
    histogram: pd.DataFrame


@dataclass(frozen=True)
class ImportedDataset:
    """A dataset that someone brought, and what was found in it."""

    source: Source
    report: Report


@dataclass(frozen=True)
class Question:
    """What the files of a dataset leave open.

    Attributes:
        what: What was found.
        decided: How it is read now, or the way out; empty where nothing is to be said.
        options: Options to choose from, as typed.
        must: Whether nothing can be trained before it is answered.
    """

    what: str
    decided: str
    options: tuple[str, ...]
    must: bool
