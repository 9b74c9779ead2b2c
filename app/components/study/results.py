"""What came out of a study: its table, a heat map, ranks, weights, and what may be concluded."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import pandas as pd
import streamlit as st

from app.charts.study_heat import study_heat
from app.charts.study_ranks import study_ranks
from app.charts.study_weights import COLUMNS, study_weights
from app.components.page_style import mode, plain
from app.components.plots import saved_as
from app.theme import TERM_COLORS, TEXT, term_colors
from app.views import StudyResults

_TITLES = {"csv": "CSV", "latex": "LaTeX", "html": "HTML", "json": "JSON"}


class Results(Protocol):
    """What is asked besides the table."""

    def study_file(self, name: str, format: str) -> str:
        """The table as a file."""

    def study_weights(self, name: str, dataset: str, configurations: Sequence[str]) -> pd.DataFrame:
        """Weights over the steps, averaged over repeats."""


def study_results(name: str, results: StudyResults, files: Mapping[str, str], library: Results) -> None:
    """The table of what has come to its end, and charts of it.

    Args:
        name: Of the study.
        results: What came out.
        files: Formats of files to take away, and how the name of each ends.
        library: What is asked besides: ``app.access``.
    """
    st.markdown("#### What came out", help="On the test images; mean ± standard deviation over repeats.")
    with st.container(horizontal=True, gap="small"):
        st.button("Read it again", key="study-again", icon=":material/refresh:")  # a click draws the page anew
        for format, ending in files.items():
            st.download_button(
                _TITLES[format],
                partial(library.study_file, name, format),
                f"{name}.{ending}",
                key=f"study-{format}",
                icon=":material/download:",
                on_click="ignore",
            )
    st.dataframe(pd.DataFrame(list(results.rows), columns=list(results.headings)), hide_index=True, key="study-table")
    if results.means.notna().to_numpy().any():
        st.plotly_chart(
            study_heat(results.means, results.metric, TEXT.of(mode())), key="study-heat", config=saved_as("study")
        )
    if len(results.ranks) > 1 and len(results.blocks) > 1:
        _ranks(results)
    _weights(name, results, library)
    st.markdown("#### What decides these numbers, and what may be concluded")
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in results.notes))


def _ranks(results: StudyResults) -> None:
    st.markdown(
        f"#### Ranks by {plain(results.metric)}", help="A description: blocks of one dataset share their images."
    )
    colors = mode()
    st.plotly_chart(
        study_ranks(results.ranks, TERM_COLORS["ce"].of(colors), TEXT.of(colors)),
        key="study-ranks",
        config=saved_as("ranks"),
    )
    st.caption(f"Within {len(results.blocks)} blocks: {plain('; '.join(results.blocks))}.")


def _weights(name: str, results: StudyResults, library: Results) -> None:
    """Read only once it is open: it reads every step of the runs."""
    bar = st.expander("Weights over the steps, averaged over repeats", key="study-weights", on_change="rerun")
    if not bar.open:
        return
    with bar:
        left, right = st.columns([1, 3])
        dataset = left.selectbox("Dataset", list(results.means.columns), key="study-weights-dataset")
        names = list(results.means.index)
        chosen = right.multiselect("Configurations", names, names[:COLUMNS], key="study-weights-configurations")
        frame = library.study_weights(name, dataset, chosen)
        if frame.empty:
            st.caption("Nothing is recorded of these.")
            return
        colors = {term: color.of(mode()) for term, color in term_colors(list(frame["term"].unique())).items()}
        st.plotly_chart(
            study_weights(frame, colors, TEXT.of(mode())), key="study-weights-chart", config=saved_as("weights")
        )
        st.caption(
            "Lines are means over the repeats, whose number stands behind the name; bands one standard deviation to "
            "either side, within 0 to 1 where weights are shares. Steps are averaged in up to 150 stretches."
        )
