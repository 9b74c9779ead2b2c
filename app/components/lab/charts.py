"""The charts of the lab: the losses, and the weights of every method, before and after what was changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.charts.lab_lines import Drawn, paled, thinned
from app.charts.ternary import ternary
from app.components.compared_lines import run_colors
from app.components.fields import named
from app.components.glossary import OF_COLUMNS
from app.components.live_chart import Mark, Series, live_chart
from app.components.page_style import mode
from app.components.plots import saved_as
from app.components.race import zoom_of
from app.theme import BACKGROUND, TEXT, Dash, run_dashes, term_colors

SCOPE = "lab"
BEFORE, AFTER = "before", "after"
CORNERS = 3
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """The weights of a method.

    Attributes:
        title: What the method is called.
        method: Its name.
        weights: (S, K) after what was changed.
        before: (S, K) without any change; None where nothing was changed.
        is_share: The weights have the same sum at every step.
    """

    title: str
    method: str
    weights: Values
    before: Values | None = None
    is_share: bool = True


@dataclass(frozen=True, eq=False)
class Picture:
    """What the charts draw.

    Attributes:
        names: The K losses.
        first: Step of the first row.
        losses: (S, K) after what was changed.
        before: (S, K) without any change; None where nothing was changed.
        curves: The methods in order.
        marks: Where something was changed.
    """

    names: tuple[str, ...]
    first: int
    losses: Values
    before: Values | None
    curves: Sequence[Curve] = ()
    marks: Sequence[Mark] = field(default=())

    @property
    def effective(self) -> list[str]:
        """Titles of the methods whose weights have no sum in common."""
        return [curve.title for curve in self.curves if not curve.is_share]

    @property
    def dashes(self) -> dict[str, Dash]:
        """Title of each method to its dash."""
        return dict(
            zip(
                [curve.title for curve in self.curves],
                run_dashes([curve.method for curve in self.curves]),
                strict=True,
            )
        )


def losses_chart(picture: Picture, *, log_y: bool, on_pick: Callable[[float], None], height: int = 220) -> None:
    """The losses; a click chooses a step."""
    lines = []
    for at, name in enumerate(picture.names):
        if picture.before is not None:
            lines.append(Drawn("", name, picture.before[:, at], is_before=True))
        lines.append(Drawn("", name, picture.losses[:, at]))
    _chart(
        picture,
        lines,
        "lab-losses",
        note="" if np.isfinite(picture.losses).any() else "no finite value to draw",
        title="Losses",
        help="What every method is given, step by step. A click chooses the step at which something is changed.",
        glossary=OF_COLUMNS["loss"],
        y_label="Loss (no unit)",
        log_y=log_y,
        on_pick=on_pick,
        height=height,
    )


def weights_charts(
    picture: Picture,
    view: str,
    against: str | None,
    *,
    fits: bool,
    on_pick: Callable[[float], None],
    path: Callable[[Values], Values],
) -> None:
    """The weights of every method.

    Args:
        picture: What to draw.
        view: One of :data:`app.components.lab.setup.VIEWS`.
        against: Title of the method that differences are taken to.
        fits: Whether the axis of the weights fits what there is.
        on_pick: Called with a step that was clicked.
        path: Gives the path (points, K) of weights (S, K) in a triangle.
    """
    highest = max(float(curve.weights.max(initial=0)) for curve in picture.curves)
    # Weights may sum to K, or to nothing in particular.
    top = None if fits else (0.0, 1.0 if highest <= 1 + 1e-9 else None)
    shared: dict[str, Any] = {
        "on_pick": on_pick,
        "y_label": "Weight (factor)" if picture.effective else "Weight (share)",
        "glossary": OF_COLUMNS["weight"],
    }
    match view:
        case "triangle":
            _triangle(picture, path)
        case "loss":
            _by_loss(picture, y_range=top, **shared)
        case "method":
            _chart(
                picture,
                _lines(picture, picture.names),
                "lab-method",
                title="Weights",
                help="How much each loss counts at each step, a small chart for each method.",
                y_range=top,
                height=300,
                multiples=True,
                legend="term",
                **shared,
            )
        case "difference":
            reference = next((curve for curve in picture.curves if curve.title == against), picture.curves[0])
            _chart(
                picture,
                _lines(picture, picture.names, [each for each in picture.curves if each is not reference], reference),
                "lab-difference",
                title=f"Weights minus those of {reference.title}",
                help="Above 0, a method gives the loss more weight than the method that it is compared with.",
                note="" if len(picture.curves) > 1 else "add a second method to compare with",
                **(shared | {"y_label": shared["y_label"].replace("Weight", "Difference of weights")}),
                height=380,
            )
        case _:
            _chart(
                picture,
                _lines(picture, picture.names),
                "lab-weights",
                title="Weights",
                help="How much each loss counts at each step under each method: colours are losses, dashes methods.",
                y_range=top,
                height=380,
                **shared,
            )


def _by_loss(picture: Picture, **options: Any) -> None:
    """A chart for each loss, two beside each other."""
    for first in range(0, len(picture.names), 2):
        for place, name in zip(st.columns(2, gap="medium"), picture.names[first : first + 2], strict=False):
            with place:
                _chart(
                    picture,
                    _lines(picture, [name]),
                    f"lab-loss-{''.join(letter if letter.isalnum() else '-' for letter in name)}",
                    title=f"Weight of {named(name)}",
                    help="How much this loss counts under each method.",
                    height=280,
                    **options,
                )


def _lines(
    picture: Picture,
    names: Sequence[str],
    curves: Sequence[Curve] | None = None,
    reference: Curve | None = None,
) -> list[Drawn]:
    lines = []
    for curve in picture.curves if curves is None else curves:
        for name in names:
            at = picture.names.index(name)
            if curve.before is not None:
                other = 0.0 if reference is None or reference.before is None else reference.before[:, at]
                lines.append(Drawn(curve.title, name, curve.before[:, at] - other, is_before=True))
            other = 0.0 if reference is None else reference.weights[:, at]
            lines.append(Drawn(curve.title, name, curve.weights[:, at] - other))
    return lines


def _chart(picture: Picture, lines: Sequence[Drawn], key: str, *, note: str = "", height: int, **options: Any) -> None:
    drawn, shown = thinned(lines, picture.first, zoom_of(key, SCOPE))
    style = _Style(picture, lines)
    live_chart(
        [style.series(line, x, y) for line, (x, y) in zip(lines, drawn, strict=True)],
        key=key,
        scope=SCOPE,
        sync="lab",
        zoom_group="lab",
        x_label="Step",
        marks=picture.marks,
        note=note or shown,
        height=height,
        **options,
    )


class _Style:
    """Losses by colour and methods by dash, in every chart alike; before a change both are thin and pale."""

    def __init__(self, picture: Picture, lines: Sequence[Drawn]) -> None:
        self.terms = term_colors(picture.names)
        self.dashes = picture.dashes
        self.has_methods = len({line.owner for line in lines}) > 1
        self.is_changed = any(line.is_before for line in lines)

    def series(self, line: Drawn, x: Any, y: Any) -> Series:
        pair = self.terms[line.term].pair
        dash, term = self.dashes.get(line.owner, ()), named(line.term)
        name = " · ".join(word for word in (named(line.term), line.owner) if word)
        if line.is_before:
            pair = paled(pair[0], BACKGROUND.light), paled(pair[1], BACKGROUND.dark)
            run = f"{BEFORE} (pale)"
            return Series(f"{name}, {BEFORE}", x, y, pair, dash, 1.1, run, term, owner=line.owner)
        run = line.owner if self.has_methods else AFTER * self.is_changed
        return Series(name, x, y, pair, dash, run=run, term=term, owner=line.owner)


def _triangle(picture: Picture, path: Callable[[Values], Values]) -> None:
    if len(picture.names) != CORNERS:
        st.caption(f"A triangle needs three losses; this history has {len(picture.names)}.")
        return
    colors = run_colors([curve.title for curve in picture.curves])
    paths = {curve.title: path(curve.weights) for curve in picture.curves}
    drawn = {title: colors[title][0].of(mode()) for title in paths}
    st.plotly_chart(
        ternary(paths, [named(name) for name in picture.names], drawn, TEXT.of(mode())),
        key="lab-triangle",
        theme=None,
        config=saved_as("paths-of-the-weights"),
    )
    st.caption("Each corner is one loss having all of the weight, the middle is all weighing the same; dots are ends.")
