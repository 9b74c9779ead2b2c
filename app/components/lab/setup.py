"""What the lab is set to: one frozen record in session state, and the same as an address that leads back to it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import streamlit as st

from app.components.chart_options import MULTIPLES, OVERLAY, PER_LOSS
from app.components.page_style import sentence_of
from app.state import is_plain, may_change
from dmf import declared
from dmf.config import FusionConfig
from dmf.config_text import DEFAULT_WEIGHTINGS, names_of, run_changes
from dmf.errors import ConfigError

Kind = Literal["run", "upload", "synthetic"]
VIEWS = {
    "overlay": OVERLAY,
    "loss": PER_LOSS,
    "method": MULTIPLES,
    "difference": "Difference",
    "triangle": "Triangle",
}
"""Name of a view in the address to what it is called."""
MOST_METHODS = 12
_SETUP, _WRITTEN = "lab-setup", "lab-written"
_SEPARATOR = ";"


@dataclass(frozen=True)
class Row:
    """A method on the page: an id that no other row of the visit has, and the method as ``bayesian,rho=0.5``."""

    id: int
    text: str


@dataclass(frozen=True)
class Setup:
    """Everything that decides what the lab shows.

    Attributes:
        source: Where the losses come from.
        run: Id of the recorded run; empty until one is chosen.
        synthetic: Settings of the synthetic history that differ from the defaults.
        rows: The methods.
        perturbations: Changes to the history, in the order they are made.
        view: How weights are drawn; empty while nobody has chosen.
        against: Id of the row that differences are taken to; None for the first.
        recorded: Draw the weights that the run had.
        as_it_was: Replay the run's own method, changed where it was changed while the run trained.
        next_id: Of the row that comes next.
    """

    source: Kind = "synthetic"
    run: str = ""
    synthetic: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    perturbations: tuple[Mapping[str, Any], ...] = ()
    view: str = ""
    against: int | None = None
    recorded: bool = True
    as_it_was: bool = False
    next_id: int = 1

    def with_methods(self, *texts: str, after: int | None = None) -> "Setup":
        """With more rows, below the row ``after`` or at the end."""
        rows = tuple(Row(self.next_id + place, text) for place, text in enumerate(texts))
        at = next((place + 1 for place, row in enumerate(self.rows) if row.id == after), len(self.rows))
        return replace(
            self, rows=(*self.rows[:at], *rows, *self.rows[at:])[:MOST_METHODS], next_id=self.next_id + len(rows)
        )

    def without(self, row: int) -> "Setup":
        """Without a row; the last one stays."""
        left = tuple(each for each in self.rows if each.id != row)
        return replace(self, rows=left or self.rows, against=None if self.against == row else self.against)

    def with_text(self, row: int, text: str) -> "Setup":
        """With another text in a row."""
        return replace(self, rows=tuple(Row(row, text) if each.id == row else each for each in self.rows))


def first_setup() -> Setup:
    """The lab as a first visit finds it: three losses of different speed under the rules of the paper."""
    return Setup().with_methods(*DEFAULT_WEIGHTINGS)


def to_query(setup: Setup) -> dict[str, str]:
    """The setup as parameters of an address; an upload is not in it, only that there was one."""
    query = {"methods": _SEPARATOR.join(row.text for row in setup.rows)}
    match setup.source:
        case "run":
            query["run"] = setup.run
            if not setup.recorded:
                query["recorded"] = "no"
            if setup.as_it_was:
                query["own"] = "yes"
        case "synthetic":
            query["synthetic"] = _compact(setup.synthetic)
        case "upload":
            query["source"] = "upload"
    if setup.perturbations:
        query["changes"] = _compact(setup.perturbations)
    if setup.view:
        query["view"] = setup.view
    places = [row.id for row in setup.rows]
    if setup.against is not None and setup.against in places[1:]:
        query["against"] = str(places.index(setup.against) + 1)
    return query


def from_query(query: Mapping[str, str]) -> Setup:
    """The setup that an address stands for; what it does not name is as a first visit finds it.

    Raises:
        ConfigError: If a part of it cannot be read; says which.
    """
    texts = _texts(query)
    for text in texts:
        for part in text.split(","):
            name, equals, _ = part.partition("=")
            if equals and not _is_known(name.strip(), text.partition(",")[0].strip()):
                raise ConfigError(f"This link has a setting that is not known here: {name.strip()[:80]!r}.", "methods")
        run_changes(text)
    setup = Setup().with_methods(*(texts or DEFAULT_WEIGHTINGS))
    if "run" in query:
        if not is_plain(query["run"]):
            raise ConfigError(f"No run is called {query['run'][:80]!r}.", "run")
        recorded, own = query.get("recorded") != "no", query.get("own") == "yes"
        setup = replace(setup, source="run", run=query["run"], recorded=recorded, as_it_was=own)
    elif query.get("source") == "upload" and may_change():  # a visitor of a shared dashboard brings no file
        setup = replace(setup, source="upload")
    elif "synthetic" in query:
        setup = replace(setup, synthetic=_drawn(query["synthetic"]))
    if "changes" in query:
        setup = replace(setup, perturbations=_changes(query["changes"]))
    if query.get("view") in VIEWS:
        setup = replace(setup, view=query["view"])
    place = query.get("against", "")
    if place.isascii() and place.isdigit() and 1 <= int(place) <= len(setup.rows):
        setup = replace(setup, against=setup.rows[int(place) - 1].id)
    return setup


def _is_known(name: str, method: str) -> bool:
    word = name.replace("-", "_")
    own = declared.options_model("weighting", method)
    return word in names_of(FusionConfig) or (own is not None and word in own.model_fields)


def _texts(query: Mapping[str, str]) -> list[str]:
    """The methods that an address names."""
    return [text for text in query.get("methods", "").split(_SEPARATOR) if text.strip()]


def current() -> Setup:
    """The setup of this visit; an address that it did not write itself replaces it."""
    query = {name: value for name, value in st.query_params.to_dict().items() if name in _PARAMETERS}
    kept: Setup | None = st.session_state.get(_SETUP)
    if kept is not None and (query == st.session_state.get(_WRITTEN) or not query):
        if not query:
            put(kept)
        return kept
    try:
        setup = from_query(query)
    except ConfigError as error:
        st.error(f"This link cannot be read in full, so the lab begins anew. {sentence_of(error)}")
        setup = first_setup()
    else:
        if (count := len(_texts(query))) > MOST_METHODS:
            st.info(f"This link has {count} methods; the first {MOST_METHODS} are shown.")
    if kept is not None:  # rows of the new setup must not take over what widgets of the old ones hold
        rows = tuple(replace(row, id=row.id + kept.next_id) for row in setup.rows)
        against = None if setup.against is None else setup.against + kept.next_id
        setup = replace(setup, rows=rows, against=against, next_id=setup.next_id + kept.next_id)
    put(setup)
    return setup


def put(setup: Setup, *, settled: bool = True) -> None:
    """Keep the setup; once it has settled, in the address too, which a drag must not fill the history with."""
    st.session_state[_SETUP] = setup
    if settled:
        query = to_query(setup)
        now = st.query_params.to_dict()
        wanted = {name: value for name, value in now.items() if name not in _PARAMETERS} | query
        if wanted != now:
            st.query_params.from_dict(wanted)  # in one go: each change is a step of the browser's way back
        st.session_state[_WRITTEN] = query


_PARAMETERS = ("source", "run", "recorded", "own", "synthetic", "methods", "changes", "view", "against")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _drawn(text: str) -> dict[str, Any]:
    """Settings of a drawn history, as far as their shape goes; whether they can work is for others to say."""
    drawn: dict[str, Any] = _read("synthetic", text, dict)
    losses = drawn.get("losses", [])
    is_list = isinstance(losses, list) and all(isinstance(loss, dict) for loss in losses)
    numbers = [value for name, value in drawn.items() if name != "losses"]
    if not is_list or not all(map(_is_number, numbers + [value for loss in losses for value in loss.values()])):
        raise _unclear("synthetic")
    return drawn


def _changes(text: str) -> tuple[dict[str, Any], ...]:
    changes = _read("changes", text, list)
    for change in changes:
        if not isinstance(change, dict) or not isinstance(change.get("kind", ""), str):
            raise _unclear("changes")
        if not all(_is_number(value) for name, value in change.items() if name != "kind"):
            raise _unclear("changes")
    return tuple(changes)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def _unclear(name: str) -> ConfigError:
    return ConfigError(f"Its part {name!r} does not say what it should.", name)


def _read(name: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise _unclear(name)
    return value
