"""Tasks: what the generic loop does not know about images and their truth."""

from dmf.data.batches import Batch
from dmf.tasks.feed import Feed
from dmf.tasks.segmentation import Evaluation, SampleCase, Segmentation

__all__ = ["Batch", "Evaluation", "Feed", "SampleCase", "Segmentation"]
