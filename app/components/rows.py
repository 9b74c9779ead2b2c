"""The runs of a race as session state holds them: rows, each the same as a text after ``dmf train --run``.

A row has an id that no other row of the visit ever had, a method, and the settings it overrides, each under a key of
its own; what is under no key is common to all runs. A removed row leaves no key behind.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.components.fields import as_held, in_short
from app.state import field_key, task_key
from dmf import declared
from dmf.config import DEFAULT_TASK, FusionConfig
from dmf.config_text import DEFAULT_WEIGHTINGS, field_info, from_text, names_of, parse, parse_run, run_changes
from dmf.declared import Kind
from dmf.errors import ConfigError, UnknownNameError
from dmf.options import Choice
from dmf.registry import unknown

MOST = 64
"""Runs of one experiment, at most."""

FIRST = (
    *("auxiliary", "gamma", "decay_rate", "prior", "history_min", "history_max", "weights", "loss_counts"),
    *("median", "detach_weights", "floor", "cb_weights", "cb_ratios", "minmax", "symlog", "rho"),
)
"""The most telling settings, which a run's editor offers first, after options that its method alone has."""

_IDS = "form-rows"
_LAST = "last-row"  # the id given last


def ids() -> list[int]:
    """The rows in order; a first visit has one for each method of the paper."""
    if _IDS not in st.session_state:
        replace(DEFAULT_WEIGHTINGS)
    return list(st.session_state[_IDS])


def key(row: int, name: str) -> str:
    """Under which session state holds a setting, or anything else, of a row."""
    return field_key(f"run-{row}-{name}")


def method(row: int) -> str:
    """The weighting method of a row."""
    return str(st.session_state[key(row, "weighting")])


def overridden(row: int) -> list[str]:
    """The settings a row overrides, in the order they were chosen."""
    return list(st.session_state.get(key(row, "settings"), ()))


def settings(row: int) -> tuple[str, ...]:
    """Every setting that a row may override: options that only its method has first, then those of all and the rest."""
    chosen: list[tuple[Kind, str]] = [("weighting", method(row))]
    for name in ("terms", "auxiliary"):
        held = st.session_state[key(row, name)] if name in overridden(row) else common(name)
        chosen += [("loss", word) for word in ([held] if isinstance(held, str) else held)]
    is_own = "schedule" in overridden(row)
    chosen.append(("schedule", st.session_state[key(row, "schedule")] if is_own else common("schedule")))
    words: dict[str, None] = {}
    for kind, name in chosen:
        words |= dict.fromkeys(_words_of(kind, name))
    own = [name for name in FusionConfig.model_fields if name not in ("weighting", "spare")]
    about = declared.words()
    alone = (word for word in _words_of("weighting", method(row)) if word in about and len(about[word].methods) == 1)
    places = {name: place for place, name in enumerate(dict.fromkeys((*alone, *FIRST)))}
    return tuple(sorted([*own, *words], key=lambda name: places.get(name, len(places))))


def _words_of(kind: Kind, choice: str) -> tuple[str, ...]:
    """Words of the options that a method of the form's task has."""
    with declared.of_task(task()):
        model = declared.options_model(kind, Choice.named(choice))
    return tuple(model.words().values()) if model else ()


def differences(row: int) -> dict[str, str]:
    """Each overridden setting as text; an option of a method that the row no longer has does not count."""
    known = settings(row)
    return {name: _as_text(name, st.session_state[key(row, name)]) for name in overridden(row) if name in known}


def text(row: int) -> str:
    """The row as :func:`dmf.config_text.parse_run` reads it."""
    return ",".join([method(row), *(f"{name}={value}" for name, value in differences(row).items())])


def texts() -> list[str]:
    """All rows as text, in order."""
    return [text(row) for row in ids()]


def common(name: str) -> Any:
    """What the form holds for a setting that all runs share unless they override it."""
    info = field_info(FusionConfig, name)
    default = as_held(name, info.annotation, info.get_default())
    held = task_key(task(), name) if name in ("terms", "auxiliary") else field_key(name)
    return st.session_state.get(held, default)


def task() -> str:
    """The task that the form holds."""
    return str(st.session_state.get(field_key("task"), DEFAULT_TASK))


def add(methods: Sequence[str]) -> None:
    """One more row: the first of ``methods`` that does not race yet with the common settings."""
    raced = texts()
    _append(next((name for name in methods if name not in raced), methods[0]), {})


def duplicate(row: int) -> int:
    """A row like another one, right below it; returns its id."""
    held = {name: st.session_state[key(row, name)] for name in overridden(row)}
    copy = _append(method(row), held)
    order = [other for other in ids() if other != copy]
    order.insert(order.index(row) + 1, copy)
    st.session_state[_IDS] = order
    return copy


def remove(row: int) -> None:
    """Take a row out; the last one stays, since a race needs one."""
    rows = ids()
    if len(rows) > 1 and row in rows:
        rows.remove(row)
        st.session_state[_IDS] = rows
        _forget(key(row, ""))


def follow_choice(row: int) -> None:
    """After another choice of settings: a new one starts at the common value, one no longer chosen is forgotten."""
    chosen = overridden(row)
    for name in dict.fromkeys((*chosen, *names_of(FusionConfig))):
        if name == "weighting":
            continue
        if name in chosen:
            st.session_state.setdefault(key(row, name), _copy(common(name)))
        else:
            st.session_state.pop(key(row, name), None)


def replace(runs: Sequence[str], options: Mapping[str, Sequence[str]] | None = None) -> None:
    """Other rows instead of those there are; nothing changes if a text cannot become a row.

    Args:
        runs: Texts as :func:`dmf.config_text.parse_run` reads them.
        options: Names there are, by field; any name is taken where it is None.

    Raises:
        ConfigError: With one line per text that cannot, or if there are none or too many.
    """
    if not 1 <= len(runs) <= MOST:
        raise ConfigError(f"Write 1 to {MOST} runs, one per line; got {len(runs)}.", "run")
    base, rows, wrong = _base(), [], []
    for line, run in enumerate(runs, 1):
        try:
            rows.append(_read(base, run, options or {}))
        except ConfigError as error:
            wrong.append(f"Line {line}: {error}")
    if wrong:
        raise ConfigError("\n".join(wrong), "run")
    _forget(field_key("run-"))
    st.session_state[_IDS] = []
    for name, held in rows:
        _append(name, held)


def _read(base: FusionConfig, run: str, options: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, Any]]:
    fusion = parse_run(base, run).fusion
    for name in ("weighting", "auxiliary", "terms", "schedule"):
        value = getattr(fusion, name)
        for choice in (value,) if isinstance(value, Choice) else value:
            word = choice.name
            if name in options and word not in options[name]:
                kind = {"auxiliary": "auxiliary loss", "terms": "loss"}.get(name, name)
                raise UnknownNameError(unknown(kind, word, dict.fromkeys(options[name])), name)
    changed = [name for name in run_changes(run) if name != "weighting"]
    flat = fusion.flat()
    named = ("terms", "auxiliary", "schedule")  # without their options, which stand beside them
    held = {name: flat[name] if name in named else getattr(fusion, name) for name in changed}
    return fusion.weighting.name, {
        name: as_held(name, field_info(FusionConfig, name).annotation, value) for name, value in held.items()
    }


def _base() -> FusionConfig:
    """The common settings, as far as they can work."""
    with declared.of_task(task()):
        try:
            config: FusionConfig = parse(
                FusionConfig, {name: common(name) for name in names_of(FusionConfig) if name != "weighting"}
            )
        except ConfigError:
            return FusionConfig()
    return config


def _append(method: str, held: Mapping[str, Any]) -> int:
    row = st.session_state[_LAST] = st.session_state.get(_LAST, 0) + 1
    st.session_state[key(row, "weighting")] = method
    st.session_state[key(row, "settings")] = list(held)
    for name, value in held.items():
        st.session_state[key(row, name)] = _copy(value)
    st.session_state[_IDS] = [*st.session_state[_IDS], row]
    return int(row)


def _as_text(name: str, held: Any) -> str:
    return in_short(from_text(FusionConfig, name, held) if isinstance(held, str) else held)


def _copy(held: Any) -> Any:
    return list(held) if isinstance(held, list) else held


def _forget(start: str) -> None:
    for name in [str(name) for name in st.session_state if str(name).startswith(start)]:
        del st.session_state[name]
