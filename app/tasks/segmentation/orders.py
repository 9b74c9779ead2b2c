"""How cases of segmentation are sorted and filtered."""

from typing import Any

from app.components.inspect.browsing import BrowsingLook, Order, Score


def _words(row: Any) -> str:
    return f"lesion {100 * row.lesion_share:.1f} %" if row.lesion_share > 0 else "no lesion"


LOOK = BrowsingLook(
    scores={"dice": Score("Dice"), "iou": Score("IoU")},
    orders={
        "Dice, worst first": Order("dice", True, "Overlap of found and true lesion: 0 none, 1 perfect."),
        "Dice, best first": Order("dice", False),
        "IoU, worst first": Order("iou", True, "Overlap as a share of the union; stricter than Dice."),
        "IoU, best first": Order("iou", False),
        "Lesion, smallest first": Order("lesion_share", True, "Share of the image that is lesion in truth."),
        "Lesion, largest first": Order("lesion_share", False),
    },
    words=_words,
    key="white line: truth, yellow line: prediction",
)
