"""What the pages of segmentation read; they know nothing else of the library."""

from app.tasks.segmentation.access.bringing import bring_predictions
from app.tasks.segmentation.access.cases import case_table, missing_probabilities, reliability_of, segmented
from app.tasks.segmentation.access.imbalance import balance_of, found_over_training, precision_recall_of
from app.tasks.segmentation.access.viewing import (
    case_numbers,
    contact_sheet,
    growth,
    growth_gif,
    kept_picture,
    view_case,
)

__all__ = [
    "balance_of",
    "bring_predictions",
    "case_numbers",
    "case_table",
    "contact_sheet",
    "found_over_training",
    "growth",
    "growth_gif",
    "kept_picture",
    "missing_probabilities",
    "precision_recall_of",
    "reliability_of",
    "segmented",
    "view_case",
]
