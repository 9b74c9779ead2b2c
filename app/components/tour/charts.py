"""The charts of a scene: few lines, wide strokes, words that are read from the back of a room."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app.charts.lines import AXIS_LABELS, Happening, Source, draw
from app.components.live_chart import Series, live_chart
from app.components.race import (
    AUXILIARY,
    LOSSES,
    WEIGHTS,
    Options,
    Race,
    dashes_of,
    prepared,
    term_title,
    term_words,
    zoom_of,
)
from app.theme import DASHES, TEXT, class_colors
from app.views import MetricInfo, RunRow, Snapshot
from dmf.scenes import Scene

SIZE = 1.5  # size of a chart's words, beside those of other pages
HEIGHT = 345  # CSS pixels: with the sentences above it fits a projector of 720
STROKE, THIN = 3.2, 1.3  # CSS pixels

Info = Callable[[str], MetricInfo]
Points = tuple[np.ndarray, np.ndarray]
"""Steps, and a value at each."""


def race_of(scene: Scene, snapshot: Snapshot) -> Race:
    """What the charts of a scene share; the end of its training is marked, so that lines grow towards it."""
    dashes = tuple(DASHES[: len(scene.names)]) if scene.names else dashes_of(snapshot)
    race = prepared(snapshot, dashes, Options())
    end = Happening(float(snapshot.steps_total or 0), "End of the training", "state")
    return replace(race, marks=(*race.marks, end))


def renamed(scene: Scene, snapshot: Snapshot) -> Snapshot:
    """The experiment with its runs called as the scene calls them."""
    if not scene.names:
        return snapshot
    runs = zip(snapshot.experiment.runs, scene.names, strict=True)
    named_so = tuple(replace(run, label=name) for run, name in runs)
    return replace(snapshot, experiment=replace(snapshot.experiment, runs=named_so))


def charts(scene: Scene, race: Race, info: Info) -> None:
    """The charts that matter, side by side where there is room.

    Args:
        scene: What is told.
        race: What its charts share, as of now.
        info: How a score is to be read, by its name.
    """
    panels: list[tuple[str, Callable[[], None]]] = []
    for name in scene.charts:
        match name:
            case "weights":
                panels.append((name, lambda: _weights(scene, race)))
            case "losses":
                panels.append((name, lambda: _losses(scene, race)))
            case "share":
                panels.append((name, lambda: _share(scene, race)))
            case "scores":
                panels.append((name, lambda: _scores(scene, race, info)))
            case "classes":
                runs = range(len(race.snapshot.experiment.runs))
                panels += [(f"classes-{place}", partial(_classes, scene, race, info, place)) for place in runs]
            case "attention":
                panels.append((name, lambda: _attention(race)))
    for column, (key, panel) in zip(st.columns(len(panels), gap="medium"), panels, strict=True):
        with column, st.container(key=f"tour-{key}", gap=None):
            panel()


def _weights(scene: Scene, race: Race) -> None:
    _lines(
        scene,
        race,
        "weights",
        "Weights",
        race.sources("weight"),
        y_label="Weight (share)",
        y_range=(0, 1),
        help=WEIGHTS,
    )


def _losses(scene: Scene, race: Race) -> None:
    _lines(scene, race, "losses", "Losses", race.sources("loss"), y_label="Loss (log scale)", log_y=True, help=LOSSES)


def _share(scene: Scene, race: Race) -> None:
    _lines(
        scene,
        race,
        "share",
        "Share of the auxiliary loss",
        race.of_auxiliary(f"share_{AUXILIARY}", "Share"),
        y_label="Share (0 to 1)",
        y_range=(0, 1),
        help="What the auxiliary loss, times γ, contributes to the total that the network learns from.",
    )


def _lines(scene: Scene, race: Race, key: str, title: str, sources: Sequence[Source], **about: Any) -> None:
    lines = draw(sources, race.view, zoom_of(f"tour-{key}", race.scope))
    dashes = dict(zip(race.titles.values(), race.dashes, strict=True))
    series = [
        Series(
            line.name,
            line.x,
            line.y,
            race.colors[line.term].pair,
            dash=dashes[line.run],
            width=STROKE if line.term in (scene.focus or (line.term,)) else THIN,
            run=line.run,
            term=term_title(line.term),
        )
        for line in lines
    ]
    _chart(race, key, title, series, about=term_words(line.term for line in lines), **about)


def _scores(scene: Scene, race: Race, info: Info) -> None:
    """One score of all runs."""
    (metric,) = scene.metrics
    about = info(metric)
    series = _of_runs(race, lambda run: _score(race, run, metric), about.title)
    _chart(race, "scores", about.title, series, y_label=_y_label(about), y_range=about.range, help=_helped(about))


def _of_runs(race: Race, line: Callable[[RunRow], Points], term: str) -> list[Series]:
    """A line of each run, told apart by its dashes."""
    return [
        Series(run.label, *line(run), TEXT.pair, dash=dash, width=STROKE, run=race.titles[run.id], term=term)
        for run, dash in zip(race.snapshot.experiment.runs, race.dashes, strict=True)
    ]


def _classes(scene: Scene, race: Race, info: Info, place: int) -> None:
    """The score of each class of one run."""
    run = race.snapshot.experiment.runs[place]
    colors = class_colors(1 + len(scene.metrics)).values()  # as in the pictures: metrics are in the order of classes
    series = [
        Series(_of_class(metric), *_score(race, run, metric), "#{:02x}{:02x}{:02x}".format(*color), width=STROKE)
        for metric, color in zip(scene.metrics, colors, strict=True)
    ]
    _chart(
        race,
        f"classes-{place}",
        race.titles[run.id],
        series,
        y_label=f"{info(scene.metrics[0].partition('/')[0]).title} of each kind",
        y_range=info(scene.metrics[0]).range,
        help=_helped(info(scene.metrics[0])),
    )


def _attention(race: Race) -> None:
    """How much of what attention lets pass lies on what is to be found, of all runs."""
    series = _of_runs(race, partial(share_of_attention, race), "Attention")
    _chart(
        race,
        "attention",
        "Where attention goes",
        series,
        y_label="Share on objects",
        y_range=(0, None),
        help="Of all that a network’s attention lets pass, the part that lies on what is to be found. The mean over "
        "the pictures that are kept, after every epoch.",
    )


def share_of_attention(race: Race, run: RunRow) -> Points:
    """Steps, and the mean over pictures and places of attention after each."""
    shares: dict[int, list[float]] = {}
    for row in race.snapshot.samples:
        if row.run == run.id and row.kind == "attention" and row.score is not None:
            shares.setdefault(row.step, []).append(row.score)
    return np.array(list(shares), np.float64), np.array([np.mean(values) for values in shares.values()], np.float64)


def _score(race: Race, run: RunRow, metric: str) -> Points:
    """Steps and validation scores of a run so far."""
    rows = race.snapshot.metrics
    if rows.empty:
        return np.zeros(0), np.zeros(0)
    own = rows[(rows["metric"] == metric) & (rows["run"] == run.id) & (rows["split"] == "validation")]
    own = own.sort_values("step")
    return own["step"].to_numpy(np.float64), own["value"].to_numpy(np.float64)


def _y_label(about: MetricInfo) -> str:
    return about.title if about.range is None else f"{about.title} ({about.low:g} to {about.high:g})"


def _helped(about: MetricInfo) -> str:
    return f"{about.sentence} Measured on images that the networks do not train on, after every epoch."


def _of_class(metric: str) -> str:
    """What a metric of one class is of: ``"Cyst"`` for one that ends in ``/cyst``."""
    return metric.partition("/")[2].capitalize()


def _chart(race: Race, key: str, title: str, series: Sequence[Series], **about: Any) -> None:
    live_chart(
        series,
        key=f"tour-{key}",
        scope=race.scope,
        title=title,
        x_label=AXIS_LABELS["step"],
        marks=race.drawn_marks,
        height=HEIGHT,
        text=SIZE,
        **about,
    )
