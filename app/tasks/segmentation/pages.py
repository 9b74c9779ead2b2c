"""What the pages show of segmentation."""

from collections.abc import Mapping, Sequence

from app import state
from app.tasks.base import TaskPages
from app.tasks.segmentation.access import bring_predictions
from app.tasks.segmentation.elsewhere import elsewhere
from app.tasks.segmentation.inspecting import inspect
from app.tasks.segmentation.rare_classes import rare_classes
from app.tasks.segmentation.samples import OverlayView
from app.views import InspectedRun


class SegmentationPages(TaskPages):
    """Classes over images: all cases of a split, one of them large, and the whole."""

    samples = OverlayView()

    def bring(self) -> None:
        elsewhere(bring_predictions, state.choose_runs)

    def details(self, run_ids: Sequence[str], titles: Mapping[str, str]) -> None:
        rare_classes(run_ids, titles)

    def inspect(self, title: str, runs: Sequence[InspectedRun], titles: Mapping[str, str]) -> None:
        inspect(runs, titles)
