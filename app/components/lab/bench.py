"""The bench: losses and weights as charts, and the methods' controls beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from app.components import chart_options, near_uniform
from app.components.explaining import explaining, largest_change
from app.components.fields import named
from app.components.lab import charts, export, methods, perturbing, sensitivity, setup, sources
from app.components.lab.parameters import lenient
from app.components.lab.words import in_words
from app.components.page_style import sentence_of
from app.state import EXPLAIN, STEP
from app.views import History, Synthetic
from dmf.errors import DMFError

PARTS = ("Weights", "Sensitivity", "Explain", "Take away")
_TABS, _EXPLAIN = "lab-tabs", "lab-explain"
RECORDED, OWN = "As recorded", "As it was"


@dataclass(frozen=True, eq=False)
class Bench:
    """What came out of one rerun.

    Attributes:
        names: Row to the name of its method.
        titles: Row to what the method is called.
        configs: Row to its settings; without those that cannot work.
        problems: Row to why it cannot be drawn.
        changed: The history, with what was changed in it.
        picture: What the charts draw.
    """

    names: dict[int, str]
    titles: dict[int, str]
    configs: dict[int, Any]
    problems: dict[int, str]
    changed: Any
    picture: charts.Picture


def bench(now: setup.Setup, history: History, library: Any, train: Callable[[Sequence[str]], None]) -> Bench:
    """The charts, and what can be made of them.

    Args:
        now: What the lab is set to.
        history: The losses, see ``app.History``.
        library: What reads and computes: ``app.access``.
        train: Called with methods to be trained, as ``dmf train --run`` reads them.
    """
    drawn = computed(now, history, library)
    for note in _notes(history, library):
        st.caption(sentence_of(note))
    still = library.never_learned(drawn.changed, {name: named(name) for name in history.names})
    if still:
        st.warning(still, icon=":material/warning:")
    with st.container(key="lab-losses-place"):
        charts.losses_chart(drawn.picture, log_y=chart_options.log_y("lab-log"), on_pick=_picked)
    weights, sweep, explain, take = _tabs()
    if weights.open:
        with weights:
            _weights(now, drawn, library, is_still=bool(still))
    if sweep.open:
        with sweep:
            sensitivity.sensitivity(drawn.changed, drawn.titles, drawn.configs, library.replayable_methods(), library)
    if explain.open:
        with explain:
            _explained(drawn, library)
    if take.open:
        with take:
            weights_by_title = {curve.title: curve.weights for curve in drawn.picture.curves}
            configs = {drawn.titles[row]: config for row, config in drawn.configs.items()}
            shown = st.session_state.get(f"{_EXPLAIN}-written", ("", ""))
            asked = {EXPLAIN: shown[0], STEP: shown[1]} if shown[0] in configs else {}
            export.show(now, drawn.changed, weights_by_title, configs, library=library, train=train, explained=asked)
    return drawn


def _picked(x: float) -> None:
    """A step was clicked: it is explained where explanations are open, else it is where losses may be changed."""
    if st.session_state.get(_TABS) == PARTS[2]:
        st.session_state[f"{_EXPLAIN}-step"] = max(0, round(x))
    else:
        perturbing.pick(x)


def _tabs() -> Sequence[Any]:
    """What can be made of the history; an address that asks for an explanation opens that."""
    asked = EXPLAIN in st.query_params
    if asked and _TABS not in st.session_state:
        st.session_state[_TABS] = PARTS[2]
    elif asked and st.session_state[_TABS] != PARTS[2]:
        for name in (EXPLAIN, STEP):
            st.query_params.pop(name, None)
    return st.tabs(PARTS, key=_TABS, on_change="rerun")


def _explained(drawn: Bench, library: Any) -> None:
    configs = {drawn.titles[row]: config for row, config in drawn.configs.items()}
    if not configs:
        st.caption("No method can be explained; the reasons stand beside their sliders.")
        return
    history = drawn.changed
    explaining(
        *(history.names, history.losses, configs),
        unexplained=[title for row, title in drawn.titles.items() if library.needs_more(drawn.names[row])],
        explain=library.explanation,
        key=_EXPLAIN,
        first=history.first,
        opens_at=_worth_a_look(drawn.picture),
    )


def _worth_a_look(picture: charts.Picture) -> dict[str, int]:
    """Title to the step at which it is explained first: the last mark in the charts, else its largest change."""
    if picture.marks:
        return dict.fromkeys((curve.title for curve in picture.curves), round(picture.marks[-1].x))
    return {curve.title: picture.first + largest_change(curve.weights) for curve in picture.curves}


def _weights(now: setup.Setup, drawn: Bench, library: Any, *, is_still: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-look", gap="medium"):
        view = _view(now, len(drawn.picture.curves))
        if view == "difference":
            _against(now, drawn)
    weights = {curve.title: curve.weights for curve in drawn.picture.curves}
    even = (
        (config.flat(), library.evenness(config, weights[drawn.titles[row]]))
        for row, config in drawn.configs.items()
        if not is_still  # else that is why they are equal
    )
    if drawn.picture.before is not None:
        st.caption("Thin, pale lines are how it was before the change.")
    if drawn.picture.effective:
        st.caption(
            f"{_listed(drawn.picture.effective)}: these are effective weights, how much each loss "
            "counts in the step of the network. They do not sum to 1."
        )
    fits = near_uniform.note(near_uniform.nearly(even), key="lab-fit")
    if drawn.picture.curves:
        against = drawn.titles.get(now.against or -1)
        charts.weights_charts(drawn.picture, view, against, fits=fits, on_pick=_picked, path=library.path_of)
    else:
        st.caption("No method can be drawn; the reasons stand beside their sliders.")


def computed(now: setup.Setup, history: History, library: Any) -> Bench:
    """The weights of every method that can work, before and after what was changed."""
    offered = library.replayable_methods()
    names, configs, problems = {}, {}, {}
    changed, trouble = history, ""
    try:
        changed = library.perturbed(history, now.perturbations)
    except DMFError as error:
        trouble = in_words(error)
    curves = []
    for row in now.rows:
        names[row.id], _ = library.method_changes(row.text)
    titles = methods.titles_of(names)
    for row in now.rows:
        try:
            if reason := library.not_replayed(names[row.id], named(names[row.id])):
                problems[row.id] = reason
                continue
            config = library.method_config(history, row.text)
            weights = library.replayed(changed, config)
            before = library.replayed(history, config) if changed is not history else None
        except DMFError as error:
            problems[row.id] = in_words(error)
        else:
            configs[row.id] = config
            is_share = offered[names[row.id]].simplex or _sum_to_one(weights)
            curves.append(charts.Curve(titles[row.id], names[row.id], weights, before, is_share))
    if now.source == "run" and history.recorded is not None:
        if now.recorded:
            own = offered.get(history.base.weighting.name)
            is_share = (own is not None and own.simplex) or _sum_to_one(history.recorded)
            curves.append(charts.Curve(RECORDED, "", history.recorded, is_share=is_share))
        if now.as_it_was and history.base.weighting.name in offered:
            curves.append(_as_it_was(history, changed, library))
    if trouble:
        st.error(sentence_of(trouble))
    picture = charts.Picture(
        history.names,
        history.first,
        changed.losses,
        history.losses if changed is not history else None,
        curves,
        perturbing.marks(
            *(now.perturbations, history.names),
            *(history.first, history.first + len(history.losses) - 1),
        ),
    )
    return Bench(names, titles, configs, problems, changed, picture)


def _as_it_was(history: History, changed: Any, library: Any) -> charts.Curve:
    """The run's own method with its own settings, changed where it was changed while it trained."""
    own = library.replayed(changed, history.base, as_it_was=True)
    before = library.replayed(history, history.base, as_it_was=True) if changed is not history else None
    simplex = library.replayable_methods()[history.base.weighting.name].simplex
    return charts.Curve(OWN, "", own, before, is_share=simplex or _sum_to_one(own))


def _sum_to_one(weights: Any) -> bool:
    return bool(np.allclose(weights.sum(1), 1, atol=1e-3))


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])


def controls(now: setup.Setup, history: History, drawn: Bench, library: Any) -> None:
    """Sliders of the source and of every method, and what may be done to the losses."""
    if now.source == "synthetic":
        sources.synthetic_controls(Synthetic, now.synthetic)
    last = history.first + len(history.losses) - 1
    perturbing.perturbing(now, history.names, history.first, last, library.PERTURBATIONS)
    st.markdown(
        "**Methods**", help="Rules that set the weights of the losses. Each has only the sliders that concern it."
    )
    offered = library.replayable_methods()
    dashes = drawn.picture.dashes
    for row in now.rows:
        method = drawn.names[row.id]
        options = offered[method].options if method in offered else ()
        _, changes = library.method_changes(row.text)
        methods.card(
            row,
            method,
            drawn.titles[row.id],
            drawn.configs.get(row.id) or lenient(history.base, method, changes),
            history.base,
            options=options,
            dash=dashes.get(drawn.titles[row.id], ()),
            problem=drawn.problems.get(row.id, ""),
            is_only=len(now.rows) == 1,
            is_full=len(now.rows) >= setup.MOST_METHODS,
        )
    methods.add_menu(now, list(offered))


def _view(now: setup.Setup, methods: int) -> str:
    key = "lab-view"
    layout = chart_options.layout(methods)
    view = now.view or next(view for view, title in setup.VIEWS.items() if title == layout)
    st.session_state[key] = view

    def changed() -> None:
        chosen = st.session_state[key]
        chart_options.keep_layout(setup.VIEWS[chosen])
        setup.put(replace(setup.current(), view=chosen))

    st.segmented_control(
        "Weights",
        list(setup.VIEWS),
        format_func=setup.VIEWS.__getitem__,
        required=True,
        key=key,
        on_change=changed,
        help="All lines in one chart, a small chart for each method or each loss, the difference to one method, or "
        "paths in a triangle whose corners are three losses.",
    )
    return view


def _against(now: setup.Setup, drawn: Bench) -> None:
    key = "lab-against"
    rows = [row.id for row in now.rows if row.id in drawn.configs]
    st.session_state[key] = now.against if now.against in rows else (rows[0] if rows else None)

    def changed() -> None:
        setup.put(replace(setup.current(), against=st.session_state[key]))

    st.selectbox(
        "Compared with",
        rows,
        format_func=drawn.titles.__getitem__,
        key=key,
        on_change=changed,
        width=170,
        help="The method whose weights are taken away from those of the others.",
    )


def _notes(history: History, library: Any) -> list[str]:
    notes = [history.note] if history.note else []
    if history.recorded is not None:
        notes.append(_agreement(history, library))
    return [note for note in notes if note]


def _agreement(history: History, library: Any) -> str:
    """How far the replay of the run as it was is from what it recorded."""
    if history.base.weighting.name not in library.replayable_methods():
        return ""  # which is said beside the choice of replaying it
    if history.first:
        return ""
    try:
        own = library.replayed(history, history.base, as_it_was=True)
    except DMFError as error:
        return in_words(error)
    far = float(np.abs(own - history.recorded).max())
    turned = sum(change.field == "weighting" for change in history.changes)
    turns = f" and its {turned} change{'s' if turned > 1 else ''} of method" if turned else ""
    return f"Replayed with its own settings{turns}, the weights differ from the recorded ones by at most {far:.1g}."
