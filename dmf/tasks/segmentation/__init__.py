"""Segmentation: one class per pixel."""

from dmf.tasks.segmentation.task import Segmentation

__all__ = ["Segmentation"]
