"""Explain one step: the window of every loss, then each stage on the way to the weights, formula beside numbers."""

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.charts.explained import Panel, window_chart
from app.components.fields import named
from app.components.page_style import mode, plain, sentence_of
from app.components.plots import saved_as
from app.state import EXPLAIN, STEP
from app.theme import BACKGROUND, TEXT, term_colors
from app.views import Explanation
from dmf.config import FusionConfig
from dmf.errors import DMFError
from dmf.records import SettingChange

Explain = Callable[[NDArray[np.floating[Any]], FusionConfig, int, Sequence[SettingChange]], Explanation]

FAR = 10  # steps of the wider buttons
SOON = 3  # values that leave the window next, which are marked
IN_A_ROW = 3  # charts beside each other
MOST = 2000  # values of a window that are drawn
_STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")


def explaining(
    names: Sequence[str],
    losses: NDArray[np.floating[Any]],
    methods: Mapping[str, FusionConfig],
    changes: Mapping[str, Sequence[SettingChange]] | None = None,
    *,
    explain: Explain,
    key: str,
    first: int = 0,
    opens_at: Mapping[str, int] | None = None,
    unexplained: Sequence[str] = (),
) -> None:
    """Choose a method and a step, and see how its weights came about. Both are in the address.

    Args:
        names: (K,) the losses.
        losses: (S, K) one row per step, S at least 1.
        methods: Title to settings; at least one.
        changes: Changes made while the run trained, by the title of the method on which they act, for a run as it was.
        explain: ``app.access.explanation``.
        key: Of its widgets.
        first: Step of the first row.
        opens_at: Title to the step that is shown before any is chosen; the last one where it does not say.
        unexplained: Titles of methods that need more than losses; it is said that another one stands for them.
    """
    st.html(f"<style>{_STYLE}</style>")
    _body(
        names=tuple(names),
        losses=losses,
        methods=dict(methods),
        changes={title: tuple(changes) for title, changes in (changes or {}).items()},
        explain=explain,
        key=key,
        first=first,
        opens_at=dict(opens_at or {}),
        unexplained=tuple(unexplained),
    )


@st.fragment
def _body(
    *,
    names: tuple[str, ...],
    losses: NDArray[np.floating[Any]],
    methods: dict[str, FusionConfig],
    changes: dict[str, tuple[SettingChange, ...]],
    explain: Explain,
    key: str,
    first: int,
    opens_at: dict[str, int],
    unexplained: tuple[str, ...],
) -> None:
    title, step = _choice(list(methods), first, first + len(losses) - 1, opens_at, key)
    if unexplained:
        st.caption(
            f"{plain(' and '.join(unexplained))} cannot be explained from losses alone; here is {plain(title)} on the "
            "same losses."
        )
    try:
        explained = explain(losses, methods[title], step - first, changes.get(title, ()))
    except DMFError as error:
        st.error(sentence_of(error), icon=":material/error:")
        return
    colors = {name: color.of(mode()) for name, color in term_colors(names).items()}
    st.html(_headline(explained, title, step, first + len(losses) - 1, first))
    if explained.note:
        st.info(plain(explained.note), icon=":material/info:")
    st.html(_weights(explained, colors))
    _windows(explained, colors, first, key)
    _stages(explained, colors)


def largest_change(weights: NDArray[np.floating[Any]]) -> int:
    """The row at which any weight of (S, K) moved furthest from the row before; the last one where none moved."""
    moved = np.abs(np.diff(weights, axis=0)).max(1, initial=0)
    return int(moved.argmax()) + 1 if moved.any() else len(weights) - 1


def _choice(titles: list[str], low: int, high: int, opens_at: Mapping[str, int], key: str) -> tuple[str, int]:
    """The method and the step, from the widgets, which follow the address."""
    method, at, written = f"{key}-method", f"{key}-step", f"{key}-written"
    asked = (st.query_params.get(EXPLAIN, ""), st.query_params.get(STEP, ""))
    held = st.session_state
    if asked != held.get(written, ("", "")):
        if asked[0] in titles:
            held[method] = asked[0]
        if asked[1].isascii() and asked[1].isdigit():
            held[at] = int(asked[1])
    if held.get(method) not in titles:
        held[method] = titles[0]
    wanted = held.get(at, opens_at.get(held[method], high))
    held[at] = min(max(wanted, low), high)
    if wanted > high:
        st.caption(f"Step {wanted:,} is not there; the last one is {high:,}.")

    def move(by: int) -> None:
        held[at] = min(max(held[at] + by, low), high)

    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-choice", gap="small"):
        title = st.selectbox("Method", titles, key=method, width=240, help="Whose weights are explained.")
        st.number_input(
            "Step",
            low,
            high,
            key=at,
            step=1,
            width=150,
            help=f"From {low:,} to {high:,}. Type one, or use the buttons.",
        )
        for label, by, tip in (
            (f"◀ {FAR}", -FAR, f"{FAR} steps back"),
            ("◀ Back", -1, "The step before"),
            ("Next ▶", 1, "The next step"),
            (f"{FAR} ▶", FAR, f"{FAR} steps on"),
        ):
            st.button(label, key=f"{key}-by{by}", help=tip, on_click=move, args=(by,))
    step = int(held[at])
    now = (title, str(step))
    if asked != now:
        st.query_params.update({EXPLAIN: title, STEP: str(step)})
    held[written] = now
    return title, step


def _headline(explained: Explanation, title: str, step: int, last: int, first: int) -> str:
    method = named(explained.weighting)
    more = [method] * (method != title) + [f"since step {explained.since + first:,}"] * (explained.since > 0)
    title_html = html.escape(f"{title} ({', '.join(more)})" if more else title)
    return (
        f'<div class="explained"><p class="headline">Step {step:,} <span class="muted">of {last:,}</span>, '
        f"{title_html}</p></div>"
    )


def _weights(explained: Explanation, colors: Mapping[str, str]) -> str:
    """A bar per loss with its weight, a mark where it was before, and what this step's own losses did."""
    total = max(float(explained.weights.sum()), float(explained.before.sum())) or 1.0
    sentences = explained.sentences
    rows = []
    for number, (name, weight, before) in enumerate(
        zip(explained.names, explained.weights, explained.before, strict=True), start=1
    ):
        share, mark = (100 * max(value, 0.0) / total for value in (weight, before))
        tip = f"The line is where the weight was before this step: {_number(before)}"
        rows.append(
            f'<div class="weight" style="--dot:{colors[name]}">'
            f'<span><i class="dot"></i>W{number} {html.escape(named(name))}</span>'
            f'<span class="track" title="{tip}"><b style="width:{share:.3f}%"></b>'
            f'<u style="left:min({mark:.3f}%, 100% - 2px)"></u></span>'
            f'<span class="number">{_number(weight)}</span>'
            + (f'<span class="worked">{_worked(sentences[number - 1])}</span>' if sentences else "")
            + "</div>"
        )
    influence = _influence(explained)
    sums = float(explained.weights.sum())
    if abs(sums - 1) > 1e-3:
        influence += f" Its weights sum to {_number(sums)}, not to 1; that sum is a full bar."
    return f'<div class="explained weights">{"".join(rows)}<p>{html.escape(influence)}</p></div>'


def _worked(sentence: str) -> str:
    """A line of arithmetic, which breaks before its operators and not within a number."""
    parts = re.split(r" (?=[=+−·/] )", sentence)
    return " ".join(f'<span class="unit">{html.escape(part)}</span>' for part in parts)


def _influence(explained: Explanation) -> str:
    moved = explained.influence
    if moved is None:
        return "There is no step before this one to compare with."
    if not np.any(moved):
        return "This step's own losses did not change its weights."
    parts = [f"{named(name)} {_signed(value)}" for name, value in zip(explained.names, moved, strict=True)]
    listed = ", ".join(parts[:-1]) + (f" and {parts[-1]}" if len(parts) > 1 else parts[-1])
    return f"This step's own losses moved its weights: {listed}, compared with seeing the losses before once more."


def _windows(explained: Explanation, colors: Mapping[str, str], first: int, key: str) -> None:
    count = explained.steps.size
    if not count:
        return
    kind = "Window" if explained.leaves_in is not None else "Recent losses"
    help = (
        "The losses of the newest steps, which the method looks at. Below: the same as the statistic sees them."
        if explained.leaves_in is not None
        else "This method looks at no window of steps; shown for orientation."
    )
    st.markdown(f"#### {kind}: {count:,} step{'s' if count > 1 else ''}", help=help)
    leaving = np.zeros(count, dtype=bool) if explained.leaves_in is None else explained.leaves_in <= SOON
    st.html(_marks(explained, leaving, first))
    for row in range(0, len(explained.names), IN_A_ROW):
        shown = explained.names[row : row + IN_A_ROW]
        for column, name in zip(st.columns(IN_A_ROW if len(explained.names) > 1 else 1), shown, strict=False):
            loss = explained.names.index(name)
            figure = window_chart(
                explained.steps[-MOST:] + first,
                _panels(explained, loss),
                step=explained.step + first,
                leaving=leaving[-MOST:],
                color=colors[name],
                text=TEXT.of(mode()),
                page=BACKGROUND.of(mode()),
            )
            with column:
                st.markdown(f"**{plain(named(name))}**")
                st.plotly_chart(
                    figure,
                    key=f"{key}-window-{loss}",
                    theme=None,
                    config=saved_as(f"window-{loss}"),
                    alt=f"The window of {named(name)}",
                )


def _panels(explained: Explanation, loss: int) -> list[Panel]:
    """The losses as they are, and as the statistic sees them."""
    panels = [Panel("Loss", explained.window[loss, -MOST:])]
    windows = [stage for stage in explained.stages if stage.is_window]
    levels: dict[str, float] = {}
    band = None
    for stage in explained.stages:
        for name, values in stage.levels.items():
            levels[name] = float(values[loss])
            if stage.name == "deviation":  # half of the values lie within it
                band = (float(values[loss] - stage.values[loss]), float(values[loss] + stage.values[loss]))
    if windows:
        panels.append(Panel("Scaled", windows[-1].values[loss, -MOST:], levels, band))
    else:
        panels[0] = Panel("Loss", panels[0].values, levels, band)
    return panels


def _marks(explained: Explanation, leaving: NDArray[np.bool_], first: int) -> str:
    """What the marks in the charts mean, and which values go next."""
    parts = ["● this step" if explained.finite else "this step is not in the window"]
    if leaving.any():
        steps = ", ".join(f"{step + first:,}" for step in explained.steps[leaving])
        parts.append(f"○ next to leave: step{'s' if leaving.sum() > 1 else ''} {steps}, one with each step")
    elif explained.leaves_in is not None:
        parts.append(f"the window is not full: the oldest value leaves in {explained.leaves_in[0]:,} steps")
    shown = {stage.name for stage in explained.stages if stage.levels}
    if "deviation" in shown:
        parts.append("dashed: median; shaded: half of the values lie within it")
    elif "variance" in shown:
        parts.append("dashed: mean")
    if explained.steps.size > MOST:
        parts.append(f"the newest {MOST:,} are drawn")
    return f'<div class="explained marks">{"".join(f"<span>{html.escape(part)}</span>" for part in parts)}</div>'


def _stages(explained: Explanation, colors: Mapping[str, str]) -> None:
    stages = explained.stages[:-1]  # the weights themselves stand above
    if not stages:
        return
    st.markdown(
        "#### From losses to weights", help="Every stage with the numbers of this step; the last are the weights."
    )
    for number, stage in enumerate(stages, start=1):
        with st.container(key=f"explained-stage-{number}"):
            about, numbers = st.columns([1, 1.25], gap="medium", vertical_alignment="center")
            with about:
                st.markdown(f"**{number}. {plain(stage.title)}**\n\n{plain(stage.text)}\n\n$$\n{stage.latex}\n$$")
            with numbers:
                st.html(_table(stage, explained.names, colors))


def _table(stage: Any, names: Sequence[str], colors: Mapping[str, str]) -> str:
    if stage.is_window:
        main = {"newest": stage.values[:, -1]}
        rest = {"least": stage.values.min(1), "most": stage.values.max(1)} if not stage.numbers else {}
    else:
        main, rest = {stage.formula.split(" ")[0]: stage.values}, {}
    head = "".join(
        f'<th scope="col"><i class="dot" style="--dot:{colors[name]}"></i>{html.escape(named(name))}</th>'
        for name in names
    )
    rows = [_row(name, values, "main") for name, values in main.items()]
    rows += [_row(name, values) for name, values in {**rest, **stage.numbers, **stage.levels}.items()]
    return (
        f'<div class="explained wide" style="--losses:{len(names)}"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{_arithmetic(stage)}"
    )


def _arithmetic(stage: Any) -> str:
    """The formula of a stage with the numbers of every loss in it, of a window with those of its newest value."""
    lines = "".join(f'<p class="worked">{_worked(sentence)}</p>' for sentence in stage.sentences())
    return f'<div class="explained arithmetic">{lines}</div>' if lines else ""


def _row(name: str, values: NDArray[np.float64], kind: str = "") -> str:
    cells = "".join(f"<td>{_number(value)}</td>" for value in values)
    return f'<tr class="{kind}"><th scope="row">{html.escape(name)}</th>{cells}</tr>'


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")
