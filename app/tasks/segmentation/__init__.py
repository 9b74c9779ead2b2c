"""Pages of segmentation: cases with what runs predict there, and whether their probabilities can be trusted."""

from app.tasks.segmentation.pages import SegmentationPages

__all__ = ["SegmentationPages"]
