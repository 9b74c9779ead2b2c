"""The runs of a race as session state holds them: rows, each the same as a text after ``dmf train --run``.

A row has an id that no other row of the visit ever had, a method, and the settings it overrides, each under a key of
its own; what is under no key is common to all runs. A removed row leaves no key behind.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.components.fields import as_held, in_short
from app.state import field_key
from dmf.config import FusionConfig
from dmf.config_text import DEFAULT_WEIGHTINGS, from_text, parse, parse_run, run_changes
from dmf.errors import ConfigError, UnknownNameError
from dmf.registry import unknown

MOST = 64
"""Runs of one experiment, at most."""

FIELDS = (
    *("auxiliary", "gamma", "decay_rate", "prior", "history_min", "history_max", "weights", "loss_counts"),
    *("median", "detach_weights", "floor", "cb_weights", "cb_ratios", "minmax", "symlog", "rho"),
    *("terms", "schedule", "decay_every", "prior_weights", "weight_min", "weight_max", "smoothing", "sum_to", "eps"),
    *("max_change", "base_weights"),
    *("cov_mean", "cov_decay", "cov_variance"),
    *("softadapt_variant", "beta", "window", "slope"),
    *("temperature", "block_steps", "weight_seed", "mu", "ideal"),
    *("famo_lr", "famo_decay", "lower_bounds", "weights_lr", "uncertainty_form", "uncertainty_start"),
    *("gradnorm_alpha", "gradnorm_lr", "gradient_of"),
    *("smooth", "fp_weight", "fn_weight", "focal_gamma", "focal_alpha"),
)
"""Every setting that a run may override, the most telling ones first."""

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


def differences(row: int) -> dict[str, str]:
    """Each overridden setting as text."""
    return {name: _as_text(name, st.session_state[key(row, name)]) for name in overridden(row)}


def text(row: int) -> str:
    """The row as :func:`dmf.config_text.parse_run` reads it."""
    return ",".join([method(row), *(f"{name}={value}" for name, value in differences(row).items())])


def texts() -> list[str]:
    """All rows as text, in order."""
    return [text(row) for row in ids()]


def common(name: str) -> Any:
    """What the form holds for a setting that all runs share unless they override it."""
    info = FusionConfig.model_fields[name]
    default = as_held(name, info.annotation, info.get_default())
    return st.session_state.get(field_key(name), default)


def add(methods: Sequence[str]) -> None:
    """One more row: the first of ``methods`` that does not race yet with the common settings."""
    raced = texts()
    _append(next((name for name in methods if name not in raced), methods[0]), {})


def duplicate(row: int) -> int:
    """A row like another one, right below it; returns its id."""
    held = {name: st.session_state[key(row, name)] for name in overridden(row)}
    made = _append(method(row), held)
    order = [other for other in ids() if other != made]
    order.insert(order.index(row) + 1, made)
    st.session_state[_IDS] = order
    return made


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
    for name in FIELDS:
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
    for name in ("weighting", "auxiliary", "terms"):
        value = getattr(fusion, name)
        for word in (value,) if isinstance(value, str) else value:
            if name in options and word not in options[name]:
                kind = {"auxiliary": "auxiliary loss", "terms": "loss"}.get(name, name)
                raise UnknownNameError(unknown(kind, word, dict.fromkeys(options[name])), name)
    changed = [name for name in run_changes(run) if name != "weighting"]
    types = FusionConfig.model_fields
    return fusion.weighting, {name: as_held(name, types[name].annotation, getattr(fusion, name)) for name in changed}


def _base() -> FusionConfig:
    """The common settings, as far as they can work."""
    try:
        found: FusionConfig = parse(FusionConfig, {name: common(name) for name in FIELDS})
    except ConfigError:
        return FusionConfig()
    return found


def _append(method: str, held: Mapping[str, Any]) -> int:
    made = st.session_state[_LAST] = st.session_state.get(_LAST, 0) + 1
    st.session_state[key(made, "weighting")] = method
    st.session_state[key(made, "settings")] = list(held)
    for name, value in held.items():
        st.session_state[key(made, name)] = _copy(value)
    st.session_state[_IDS] = [*st.session_state[_IDS], made]
    return int(made)


def _as_text(name: str, held: Any) -> str:
    return in_short(from_text(FusionConfig, name, held) if isinstance(held, str) else held)


def _copy(held: Any) -> Any:
    return list(held) if isinstance(held, list) else held


def _forget(start: str) -> None:
    for name in [str(name) for name in st.session_state if str(name).startswith(start)]:
        del st.session_state[name]
