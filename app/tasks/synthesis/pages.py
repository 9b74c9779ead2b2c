"""The room of image synthesis."""

from collections.abc import Mapping, Sequence

from app.components.sample_view import SampleView
from app.tasks.base import TaskPages
from app.tasks.synthesis.inspecting import inspect
from app.tasks.synthesis.samples import DifferenceView
from app.views import InspectedRun


class SynthesisPages(TaskPages):
    """Outputs beside sources and targets, with what they differ by in colours."""

    samples: SampleView = DifferenceView()

    def inspect(self, title: str, runs: Sequence[InspectedRun], titles: Mapping[str, str]) -> None:
        inspect(runs, titles)
