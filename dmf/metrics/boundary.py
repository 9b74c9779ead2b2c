"""How far outlines lie apart: the names of :mod:`dmf.tasks.segmentation.metrics.boundary`."""

from dmf.tasks.segmentation.metrics.boundary import (
    BoundaryDistances,
    BoundarySummary,
    boundary_distances,
    restore,
    summarise_boundaries,
    surface_dice,
)

__all__ = [
    "BoundaryDistances",
    "BoundarySummary",
    "boundary_distances",
    "restore",
    "summarise_boundaries",
    "surface_dice",
]
