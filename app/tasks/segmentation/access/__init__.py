"""What the pages of segmentation read; they know nothing else of the library."""

from app.tasks.segmentation.access.attention import (
    attended_epochs,
    attention_at,
    lesion_shares,
    shares_over_training,
)
from app.tasks.segmentation.access.bringing import bring_predictions
from app.tasks.segmentation.access.cases import (
    case_table,
    distances_of,
    missing_probabilities,
    reliability_of,
    segmented,
)
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
    "attended_epochs",
    "attention_at",
    "balance_of",
    "bring_predictions",
    "case_numbers",
    "case_table",
    "contact_sheet",
    "distances_of",
    "found_over_training",
    "growth",
    "growth_gif",
    "kept_picture",
    "lesion_shares",
    "missing_probabilities",
    "precision_recall_of",
    "reliability_of",
    "segmented",
    "shares_over_training",
    "view_case",
]
