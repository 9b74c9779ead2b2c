"""The charts of a scene: few lines, wide strokes, words that are read from the back of a room."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.charts.lines import AXIS_LABELS, Happening, Source, View, draw
from app.components.fields import named
from app.components.live_chart import Mark, Series, live_chart
from app.components.race import AUXILIARY, LOSSES, TERMS, WEIGHTS, Options, Race, dashes_of, prepared, zoom_of
from app.theme import TERM_COLORS, Color
from dmf.scenes import Scene

TEXT = 1.5  # size of a chart's words, beside those of other pages
HEIGHT = 400  # CSS pixels
STROKE = 3.0  # CSS pixels
CLASS_COLORS = [TERM_COLORS[name] for name in ("ce", "iou", "tversky", "cb-dice", "dice", "focal")]
ONE_SCORE = Color("#1b2430", "#e3e8ef")

Info = Callable[[str], Any]


def race_of(snapshot: Any) -> Race:
    """What the charts of a scene share; the end of its training is marked, so that lines grow towards it."""
    race = prepared(snapshot, dashes_of(snapshot), Options())
    end = Happening(float(snapshot.steps_total or 0), "End of the training", "state")
    return Race(race.snapshot, race.dashes, race.titles, View("step"), race.options, (*race.marks, end))


def charts(scene: Scene, race: Race, info: Info) -> None:
    """The charts that matter, side by side where there is room.

    Args:
        scene: What is told.
        race: What its charts share, as of now.
        info: How a score is to be read, by its name.
    """
    panels = {"weights": _weights, "losses": _losses, "gamma": _gamma, "share": _share}
    for place, name in zip(st.columns(len(scene.charts), gap="medium"), scene.charts, strict=True):
        with place, st.container(key=f"tour-{name}", gap=None):
            if name == "scores":
                _scores(scene, race, info)
            else:
                panels[name](race)


def _weights(race: Race) -> None:
    _lines(race, "weights", "Weights", race.sources("weight"), y_label="Weight (share)", y_range=(0, 1), help=WEIGHTS)


def _losses(race: Race) -> None:
    _lines(race, "losses", "Losses", race.sources("loss"), y_label="Loss (log scale)", log_y=True, help=LOSSES)


def _gamma(race: Race) -> None:
    _lines(
        race,
        "gamma",
        "Weight γ(t) of the auxiliary loss",
        race.of_auxiliary("gamma", "γ"),
        y_label="γ (factor)",
        y_range=(0, None),
        help="γ(t): the weight of the auxiliary loss, which fades from γ₀ as training goes on.",
    )


def _share(race: Race) -> None:
    _lines(
        race,
        "share",
        "Share of the auxiliary loss",
        race.of_auxiliary(f"share_{AUXILIARY}", "Share"),
        y_label="Share of the total (0 to 1)",
        y_range=(0, 1),
        help="What the auxiliary loss, times γ, contributes to the total that the network learns from.",
    )


def _lines(race: Race, key: str, title: str, sources: Sequence[Source], **about: Any) -> None:
    lines = draw(sources, race.view, zoom_of(f"tour-{key}", race.scope))
    dashes = dict(zip(race.titles.values(), race.dashes, strict=True))
    series = [
        Series(
            line.name,
            line.x,
            line.y,
            race.colors[line.term].pair,
            dash=dashes[line.run],
            width=STROKE,
            run=line.run,
            term="Auxiliary" if line.term == AUXILIARY else named(line.term),
        )
        for line in lines
    ]
    said = {"Auxiliary" if term == AUXILIARY else named(term): words for term, words in TERMS.items()}
    _chart(race, key, title, series, about=said, **about)


def _scores(scene: Scene, race: Race, info: Info) -> None:
    metrics = race.snapshot.metrics
    series = []
    for place, metric in enumerate(scene.metrics):
        about = info(metric)
        color = ONE_SCORE if len(scene.metrics) == 1 else CLASS_COLORS[place]
        for run, dash in zip(race.snapshot.experiment.runs, race.dashes, strict=True):
            name = race.titles[run.id]
            rows = metrics if metrics.empty else metrics[(metrics["metric"] == metric) & (metrics["run"] == run.id)]
            if len(rows):
                rows = rows[rows["split"] == "validation"].sort_values("step")
            x = np.asarray(rows["step"] if len(rows) else [], np.float64)
            y = np.asarray(rows["value"] if len(rows) else [], np.float64)
            title = _of_class(metric) or about.title
            series.append(Series(f"{title} · {name}", x, y, color.pair, dash=dash, width=STROKE, run=name, term=title))
    first = info(scene.metrics[0])
    _chart(
        race,
        "scores",
        "Dice of each kind of lesion" if len(scene.metrics) > 1 else first.title,
        series,
        y_label="Dice (0 to 1)",
        y_range=(0, 1),
        help=f"{first.sentence} Measured on images that the networks do not train on, after every epoch.",
        about={},
    )


def _of_class(metric: str) -> str:
    return metric.partition("/")[2].capitalize()


def _chart(race: Race, key: str, title: str, series: Sequence[Series], **about: Any) -> None:
    live_chart(
        series,
        key=f"tour-{key}",
        scope=race.scope,
        title=title,
        x_label=AXIS_LABELS["step"],
        marks=[Mark(mark.x, mark.text, mark.kind) for mark in race.marks],
        height=HEIGHT,
        text=TEXT,
        **about,
    )
