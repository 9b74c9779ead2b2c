"""How cases of segmentation are sorted and filtered."""

from collections.abc import Callable
from typing import Any

from app.components.inspect.browsing import BrowsingLook, Measured, Order, Score

DISTANCE = "hausdorff95"

SCORES = {
    "dice": Score("Dice"),
    "iou": Score("IoU"),
    "precision": Score("Precision"),
    "recall": Score("Recall"),
    DISTANCE: Score("Hausdorff 95", None, digits=1, lower_is_better=True),
}
ORDERS = {
    "Dice, worst first": Order("dice", True, "Overlap of found and true lesion: 0 none, 1 perfect."),
    "Dice, best first": Order("dice", False),
    "IoU, worst first": Order("iou", True, "Overlap as a share of the union; stricter than Dice."),
    "IoU, best first": Order("iou", False),
    "Hausdorff 95, worst first": Order(
        DISTANCE,
        False,
        "95 % of the outlines lie at most this far apart, at original size; a lesion that was missed or made up counts "
        "with the diagonal of its image.",
    ),
    "Hausdorff 95, best first": Order(DISTANCE, True),
    "Precision, worst first": Order("precision", True, "Of what was found, the share that is lesion."),
    "Recall, worst first": Order("recall", True, "Of the lesion, the share that was found."),
    "Lesion, smallest first": Order("lesion_share", True, "Share of the image that is lesion in truth."),
    "Lesion, largest first": Order("lesion_share", False),
}


def _words(row: Any) -> str:
    return f"lesion {100 * row.lesion_share:.1f} %" if row.lesion_share > 0 else "no lesion"


def look(distances: Callable[[str], Measured]) -> BrowsingLook:
    """What is said of a table of cases.

    Args:
        distances: Gives the distances of all cases of a run; asked only where they are sorted by them.
    """
    return BrowsingLook(
        SCORES, ORDERS, _words, "white line: truth, yellow line: prediction", measured={DISTANCE: distances}
    )
