"""Experiments to open: a row each with its state, how its scores went, and the best of them."""

import html
from collections.abc import Sequence

import streamlit as st

from app import state
from app.components.fields import run_title
from app.components.page_style import chip, mode, number, plain, seconds_in_words
from app.components.sparkline import sparkline
from app.components.status import summary_state
from app.theme import run_dashes
from app.views import ExperimentSummary

SCORE = (
    "Shown is the best score on the validation images, which no network was trained on, and how it went over the "
    "epochs: one line per run. It is of the metric by which the task of an experiment, or a program of someone's own, "
    "decides which epoch is the best."
)


def welcome() -> None:
    """What the Train page says while there is nothing to watch."""
    st.title("Train networks and watch their loss weights")
    st.markdown(
        "Choose what races in the sidebar and press **Start training** (on a phone, » at the top opens it): the "
        "built-in phantom (simulated ultrasound) needs no download, and the first points come within seconds. Nothing "
        "is lost when this page is closed."
    )


def missing(id: str) -> None:
    """The URL names an experiment that is not there."""
    named = id[:100].replace("`", "")  # else it could end the code that it stands in
    st.error(f"There is no experiment `{named}` in this store. Open one of the recent ones, or start a new one.")


def recent(summaries: Sequence[ExperimentSummary], title: str = "Recent experiments", key: str = "recent") -> None:
    """Rows to open in place of this page.

    Args:
        summaries: Experiments at a glance, in order; see :class:`dmf.analysis.overview.ExperimentSummary`.
        title: Of the list.
        key: Of its container.
    """
    st.markdown(f"#### {title}", help=" ".join([SCORE, *dict.fromkeys(_about_score(summary) for summary in summaries)]))
    if not summaries:
        st.caption("Your experiments will appear here, with their state and scores, as soon as you start one.")
        return
    with st.container(key=key, gap=None):
        for summary in summaries:
            _row(summary)


def _row(summary: ExperimentSummary) -> None:
    with st.container(key=f"experiment-{summary.id}", gap=None):
        # The link reaches over the whole row (see home.css), so that it opens wherever it is clicked.
        st.page_link(state.TRAIN, label=plain(summary.name), query_params={state.EXPERIMENT: summary.id})
        best = summary.winner
        scored = (
            f'<span class="score"><b>{number(best.best, 3)}</b> {html.escape(score_title(summary))}<br>'
            f'<span class="muted">{html.escape(run_title(best.label))}, epoch {best.best_epoch}</span></span>'
            if best
            else '<span class="score muted">no score yet</span>'
        )
        dashes = run_dashes([run.weighting for run in summary.runs])
        drawn = sparkline(summary.runs, dashes, summary.epochs or _done(summary), in_words(summary), mode(), best=best)
        st.html(
            f'<div class="race glance"><div class="about">{chip(summary_state(summary.states).value)} '
            f'<span class="muted">{html.escape(_about(summary))}</span>{_progress(summary)}</div>'
            f'<div class="curve">{drawn}</div>{scored}</div>'
        )


def score_title(summary: ExperimentSummary) -> str:
    """What the scores of an experiment are called."""
    return summary.headline.title


def _about_score(summary: ExperimentSummary) -> str:
    return f"{score_title(summary)}: {summary.headline.sentence}"


def in_words(summary: ExperimentSummary) -> str:
    """What the sparkline shows, for those who hear the page."""
    sentences = [
        f"{run_title(run.label)} {run.best:.3f} at epoch {run.best_epoch}"
        for run in summary.runs
        if run.best is not None
    ]
    return (
        f"Best validation {score_title(summary)} so far: {'; '.join(sentences)}."
        if sentences
        else "No validation scores yet."
    )


def _about(summary: ExperimentSummary) -> str:
    runs = ", ".join(run_title(run.label) for run in summary.runs)
    runs = runs if len(runs) <= 60 else f"{len(summary.runs)} runs"
    when = " ".join(seconds_in_words(summary.age).split()[:2])
    size = None if summary.image_size is None else f"{summary.image_size} px"
    data = ", ".join(word for word in (summary.dataset, size) if word)
    epochs = "" if summary.epochs is None else f"{summary.epochs:,} epochs"
    # It follows the word of the state: "running for 1 min", "stopped 6 min ago".
    goes_on = summary_state(summary.states).value in ("running", "queued")
    since = f"for {when}" if goes_on else f"begun {when} ago" if summary.is_active else f"{when} ago"
    return " · ".join(word for word in (since, data, epochs, runs) if word)


def _progress(summary: ExperimentSummary) -> str:
    """How far it has come, while it goes on."""
    if not summary.is_active:
        return ""
    done = _done(summary)
    if summary.epochs is None:
        return f'<div class="far"><span class="muted">epoch {done:,}</span></div>' if done else ""
    share = min(1.0, done / summary.epochs)
    return (
        f'<div class="far"><div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="{summary.epochs}" '
        f'aria-valuenow="{done}" aria-label="Epochs trained"><i style="width:{share:.2%}"></i></div>'
        f'<span class="muted">epoch {done:,} of {summary.epochs:,}</span></div>'
    )


def _done(summary: ExperimentSummary) -> int:
    return int(max(run.epoch for run in summary.runs))
