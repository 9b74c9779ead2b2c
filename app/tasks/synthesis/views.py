"""What the pages show of image synthesis, as plain data."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.floating[Any]]
"""(S, S) or (S, S, 3), black at 0 and white at 1, as the network sees and makes it."""


@dataclass(frozen=True, eq=False)
class Output:
    """What one run makes of a case.

    Attributes:
        run: Its id.
        image: What it makes; None where that is not known.
        target: What it should make, in the same pixels.
        note: Why something is missing, or what it is instead.
    """

    run: str
    image: Image | None = None
    target: Image | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class CaseView:
    """A case with what runs make of it.

    Attributes:
        case: Its name.
        label: What it shows; empty where nobody says.
        source: What it is made of; None where nothing of the case is here.
        target: What is to be made.
        outputs: One for each run.
        note: What is missing.
    """

    case: str
    label: str
    source: Image | None
    target: Image | None
    outputs: tuple[Output, ...]
    note: str = ""
