"""How far the outlines of predictions lie from those of the truth, image by image, to find the worst."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dmf.errors import DataError
from dmf.probabilities import found
from dmf.records import IGNORE
from dmf.runs import RunStore
from dmf.tasks.segmentation.inspection.cases import Original, Which, at_original, setting_of
from dmf.tasks.segmentation.metrics.boundary import BoundaryDistances, boundary_distances


@dataclass(frozen=True)
class CaseDistances:
    """95 % Hausdorff distances of many images, all classes but the background together.

    Attributes:
        values: Case to its distance; that of an image where the lesion was missed, or made up, is the diagonal of the
            image, the greatest that there is; NaN where there is neither truth nor prediction.
        unit: ``mm`` where the spacing of pixels is known of every image, else ``px``.
        missed: Cases of which one of the two has nothing.
    """

    values: dict[str, float]
    unit: Literal["px", "mm"]
    missed: frozenset[str]


def case_distances(
    store: RunStore, run: str, which: Which, split: str, originals: Callable[[str], Original]
) -> CaseDistances:
    """Measure all images whose probabilities were kept, at the size of the originals and threshold 0.5.

    Args:
        store: Where the run is.
        run: Its id.
        which: Its ``best`` or its ``last`` network.
        split: Of the images.
        originals: Gives the original of a case by its id.

    Raises:
        RunNotFoundError: If there is no such run.
        DataError: If no probabilities of these images were kept, or they or an original cannot be read.
    """
    file = store.probabilities(run, which)
    if file is None or file.split != split:
        raise DataError(
            f"Distances are measured where probabilities of {split} images were kept, and run {run!r} has none of its "
            f"{which} network. Choose another order or the test images, or train it with keep_probabilities."
        )
    fit = setting_of(store, run, "data", "fit", "stretch")
    in_pixels: dict[str, float] = {}
    in_mm: dict[str, float] = {}
    missed = set()
    for case in file.cases:
        original = originals(case)
        void = original.truth == IGNORE
        masks = (at_original(found(file.read(case)), original.truth, fit) > 0, (original.truth > 0) & ~void)
        measured = boundary_distances(*masks, void=void)
        in_pixels[case] = _distance(measured)
        if original.spacing is not None:
            in_mm[case] = _distance(boundary_distances(*masks, original.spacing, void=void))
        if measured.empty in ("truth", "prediction"):
            missed.add(case)
    is_known = len(in_mm) == len(in_pixels)
    return CaseDistances(in_mm if is_known else in_pixels, "mm" if is_known else "px", frozenset(missed))


def _distance(measured: BoundaryDistances) -> float:
    if measured.empty is None:
        return measured.hausdorff95
    return math.nan if measured.empty == "both" else measured.diagonal
