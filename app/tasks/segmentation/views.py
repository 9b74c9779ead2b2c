"""What the pages show of segmentation, as plain data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.views import InspectedRun, Window
from dmf.probabilities import Pixels
from dmf.tasks.segmentation.metrics.imbalance import SizeRecall
from dmf.tasks.segmentation.metrics.info import BEFORE_STORED
from dmf.tasks.segmentation.metrics.scores import Absent


@dataclass(frozen=True)
class SegmentedRun(InspectedRun):
    """A chosen run of segmentation.

    Attributes:
        classes: Names of the classes but the background.
    """

    classes: tuple[str, ...]

    @property
    def absent(self) -> Absent:
        """What a class scores that is in neither truth nor prediction."""
        absent: Absent = self.setting("training", "absent", BEFORE_STORED)
        return absent


@dataclass(frozen=True, eq=False)
class Balance:
    """How classes share the pixels of a split, and what a run finds of each where it is small or large.

    Attributes:
        images: Of the split.
        shares: Of every class in all pixels, the background first, 0..1.
        ratios: (images,) pixels of background for each that is not; NaN where there is none.
        recalls: Number of a class to its recall by size.
    """

    images: int
    shares: tuple[float, ...]
    ratios: NDArray[np.float64]
    recalls: dict[int, list[SizeRecall]]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one run says of a case.

    Attributes:
        probabilities: (C-1, H, W), 255 times the probability of each class but the background; None where not kept.
        labels: (H, W) class numbers of a kept sample, where there are no probabilities.
        truth: (H, W) class numbers in the pixels of the prediction; 255 where void, as everywhere here.
        window: Left, top, width and height of the image within these pixels; None for all of it.
        note: Why something is missing, or what it is instead.
    """

    run: str
    probabilities: Pixels | None = None
    labels: Pixels | None = None
    truth: Pixels | None = None
    window: Window | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class CaseView:
    """A case with what is predicted there.

    Attributes:
        image: (H, W) or (H, W, 3) at its original size, or as the network saw it where only that was kept.
        truth: (H, W) class numbers.
        spacing: Height and width of a pixel in mm, where known.
        is_original: Whether image and truth are at their original size.
        classes: Names of the classes but the background.
        absent: What a class scores that is in neither truth nor prediction.
        note: What is missing, and the way out.
    """

    case: str
    label: str
    image: Pixels | None
    truth: Pixels | None
    spacing: tuple[float, float] | None
    is_original: bool
    classes: tuple[str, ...]
    absent: str
    predictions: tuple[Prediction, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """What one attention of a network lets pass of a sample.

    Attributes:
        part: Which: its name in the network, and the grid that it weighs.
        levels: (h, w), 255 times what passes.
        on_lesion: Share of all that passes that lies on the lesion, 0..1; None where there is none.
    """

    part: str
    levels: Pixels
    on_lesion: float | None


@dataclass(frozen=True, eq=False)
class Looked:
    """What a run predicted of a sample after an epoch, and where it looked.

    Attributes:
        prediction: PNG of its class numbers.
        dice: Of the prediction; None where there is none.
    """

    epoch: int
    prediction: bytes
    dice: float | None
    maps: tuple[AttentionMap, ...]


@dataclass(frozen=True, eq=False)
class Attention:
    """A sample, and where runs looked in it.

    Attributes:
        image: PNG of it as the network sees it.
        truth: PNG of its class numbers.
        classes: Names of all classes, the background first.
        looked: Run to what it did, of those that have attention.
    """

    image: bytes
    truth: bytes
    classes: tuple[str, ...]
    looked: dict[str, Looked]


@dataclass(frozen=True, eq=False)
class Growth:
    """A case over a training, as the network sees it.

    Attributes:
        image: (S, S) or (S, S, 3).
        truth: (S, S) class numbers.
        labels: Run to epoch to the predicted class numbers (S, S).
        classes: Names of the classes but the background.
        absent: What a class scores that is in neither truth nor prediction.
    """

    image: Pixels
    truth: Pixels
    labels: dict[str, dict[int, Pixels]]
    classes: tuple[str, ...]
    absent: str
