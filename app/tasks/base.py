"""What pages show of a task beyond what they show of every one."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app import state
from app.components.sample_view import SampleView
from app.views import InspectedRun


class TaskPages:
    """A room of pages: how the pages draw what is special about one task.

    This one serves every task that has no room of its own. To add one: a folder here with a subclass, and a line in
    ``app.tasks.ROOMS``.

    Attributes:
        samples: How pictures kept over a training are drawn, on the pages Train and Guided tour.
    """

    samples: SampleView = SampleView()

    def bring(self) -> None:
        """Draw what the page Inspect offers beside the choice of runs: to bring in what was predicted elsewhere."""

    def details(self, run_ids: Sequence[str], titles: Mapping[str, str]) -> None:
        """Draw what the pages Compare and Train show of runs of this task alone, below what all tasks have.

        Args:
            run_ids: Runs of this task; one at least.
            titles: Run to its title.

        Raises:
            DMFError: If what is needed cannot be read; the page tells it.
        """

    def inspect(self, title: str, runs: Sequence[InspectedRun], titles: Mapping[str, str]) -> None:
        """Draw the page Inspect below the choice of its runs.

        Args:
            title: Of the task.
            runs: Chosen runs of this task; one at least.
            titles: Run to its title.

        Raises:
            DMFError: If what is needed cannot be read; the page tells it.
        """
        st.markdown(
            f"There is nothing to inspect for the task **{title}**: it has no pages of its own here. Its scores are on "
            "**Compare**, and pictures that were kept while its networks learned are on **Train**."
        )
        with st.container(horizontal=True):
            st.page_link(state.COMPARE, label="Their scores, on Compare", icon=":material/compare_arrows:")
            st.page_link(
                state.TRAIN,
                label="Their pictures, on Train",
                icon=":material/model_training:",
                query_params={state.EXPERIMENT: runs[0].experiment.id},
            )
