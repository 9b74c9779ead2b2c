"""One widget per configuration field, made from its type, with its description as tooltip and room for what is wrong.

Limits are not given to the browser, which would silently cut a value back: the form says what is wrong with it instead.
"""

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel

from app.components.glossary import OF_FIELDS, with_link
from app.state import field_key
from dmf import facts
from dmf.config_text import SECTIONS, field_info, names_of, to_text
from dmf.options import Choice

NAMES = {"none": "None"}
"""How what is no method is written for people; methods and tasks say it themselves."""

_AT_LOGITS = "gradient_of=logits"

LABELS = {
    "task": "Task",
    "dataset": "Dataset",
    "weighting": "Weighting method",
    "terms": "Loss terms",
    "auxiliary": "Auxiliary loss",
    "gamma": "Initial auxiliary weight γ₀",
    "decay_rate": "Decay rate",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "image_size": "Image size",
    "sizes": "Growing image sizes",
    "seed": "Seed",
    "device": "Device",
    "lr": "Learning rate",
    "root": "Folder of the dataset",
    "limit": "Use only the first cases",
    "split": "Split (train : validation : test)",
    "filter": "Bilateral filter",
    "filter_sigma_space": "Filter sigma, space",
    "filter_sigma_intensity": "Filter sigma, intensity",
    "pretrained": "Pretrained encoder",
    "folds": "Folds of cross-validation",
    "fold": "Fold that is tested",
    "normalize": "Intensities seen by the network",
    "oversample": "Oversample by",
    "augment": "Augmentation",
    "augment_strength": "Strength of augmentation",
    "threads": "CPU threads",
    "test_at": "Test at epoch",
    "metrics_over": "Scores are counted over",
    "keep_probabilities": "Keep probabilities of",
    "probabilities_mb": "Probabilities, at most (MB)",
    "history_max": "Window length",
    "gradients": "Measure gradients at",
    "gradients_every": "Steps between measurements",
    "schedule": "Decay shape",
    "decay_every": "Decay period",
}


def label(name: str, method: str = "") -> str:
    """What a field is called; beside the ``method`` whose option it is, without that method's name."""
    title = LABELS.get(name) or _titles().get(name) or facts.option_title(name) or name.replace("_", " ").capitalize()
    title = title.removeprefix(f"{facts.title(method)}: ")
    return title[:1].upper() + title[1:]


@cache
def _titles() -> dict[str, str]:
    """Titles that fields of the configuration have themselves."""
    fields = [pair for model in SECTIONS.values() for pair in model.model_fields.items()]
    return {name: info.title for name, info in fields if info.title}


def named(name: str) -> str:
    """How a loss or a method is written for people: ``"CoV decay=0.8"`` for ``"cov,decay=0.8"``."""
    method, _, options = name.partition(",")
    title = NAMES.get(method) or facts.title(method)
    twin = re.fullmatch(r"(.+)-(\d+)", method)
    if title == method and twin:  # the second of a loss that a run has twice
        title = f"{facts.title(twin[1])} {twin[2]}"
    return " ".join([title, *options.split(",")]) if options else title


def run_title(label: str) -> str:
    """A run's label with its method as people write it: ``"MAD prior=compound"`` for ``"mad prior=compound"``.

    A method that looks at gradients at the logits says so, because it is not the published one.
    """
    method, *settings = label.split(" ")
    title = method_title(method, "logits" if _AT_LOGITS in settings else None)
    return " ".join([title, *(word for word in settings if word != _AT_LOGITS or title == named(method))])


def method_title(weighting: str, gradient_of: str | None) -> str:
    """How a method is written for people; one whose gradients are not those of its publication says so."""
    is_other = gradient_of == "logits" and facts.is_other_at_logits(weighting)
    return f"{named(weighting)}, logit space" if is_other else named(weighting)


Slots = dict[str, Any]
"""Field to the empty place under its widget, where :func:`complain` says what is wrong."""


def field(model: type[BaseModel], name: str, slots: Slots, options: Sequence[str] | None = None) -> Any:
    """A widget for a field; returns its value, a text where people type one.

    Args:
        model: Which configuration.
        name: Which field.
        slots: Gets a place for what is wrong.
        options: Names to choose from, for a field that takes one or several.
    """
    info = field_info(model, name)
    default = info.get_default(call_default_factory=True)
    value = widget(name, info.annotation, default, info.description or "", options)
    slots[name] = st.empty()
    return value


def widget(
    name: str,
    annotation: Any,
    default: Any,
    help: str,
    options: Sequence[str] | None = None,
    *,
    title: str | None = None,
    key: str | None = None,
) -> Any:
    """A widget for a value of a type; session state holds it, so that a preset can set it.

    Args:
        name: What the value is, e.g. a configuration field.
        annotation: Its type.
        default: Its value as long as session state holds none.
        help: The tooltip.
        options: Names to choose from.
        title: What it is called; the field's label unless given.
        key: Under which session state holds it; the field's own key unless given.
    """
    kinds = _kinds(annotation)
    about: dict[str, Any] = {
        "label": title or label(name),
        "key": key or field_key(name),
        "help": with_link(help, OF_FIELDS.get(name, label(name))),
        "persist_state": "session",
    }
    default = as_held(name, annotation, default)
    if annotation is bool:
        return _held(st.checkbox, default, about, value=default)
    if name == "terms":
        return tuple(_held(st.multiselect, default, about, options=options, default=default, format_func=named))
    if name == "model":
        return _held(
            st.selectbox, default, about, options=options, index=_index(default, options), accept_new_options=True
        )
    words = _words(kinds)
    if options is not None or (words and not _numbers(kinds)):
        choices = options or words
        index = _index(default, choices)
        return _held(st.selectbox, default, about, options=choices, index=index, format_func=_named_or_usual)
    if _is_number(kinds):
        return _number(_numbers(kinds)[0], default, about, type(None) in kinds)
    typed = _held(st.text_input, default, about, value=default)
    return typed if typed.strip() or type(None) not in kinds else None


def _named_or_usual(word: str) -> str:
    return named(word) or "As usual"


def as_held(name: str, annotation: Any, value: Any) -> Any:
    """What session state holds for a value: a text where :func:`widget` lets people type one, a list of terms."""
    kinds = _kinds(annotation)
    if name == "terms":
        return [str(term) for term in value]
    if isinstance(value, Choice):
        return value.text
    if annotation is bool or _is_number(kinds) or (_words(kinds) and not _numbers(kinds)):
        return value
    return "" if value is None else in_short(value)


def in_short(value: Any) -> str:
    """The shortest text that reads back as ``value``: ``"5"`` for 5.0, ``"1:0:0"`` for three weights."""
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ":".join(in_short(part) for part in value)
    return to_text(value)


def complain(slots: Slots, problems: Mapping[str | None, str]) -> None:
    """Say what is wrong, beside each field that has a place for it."""
    for name, slot in slots.items():
        if name in problems:
            sentence = in_labels(problems[name])
            slot.html(f'<p class="problem" role="alert">{html.escape(sentence[:1].upper() + sentence[1:])}</p>')


def in_labels(sentence: str) -> str:
    """A sentence with the form's labels where it names other fields: "Window length" for history_max."""
    sentence = sentence.replace("the root", f"“{label('root')}” (under More)")
    fields = {name for model in SECTIONS.values() for name in names_of(model)}
    return re.sub(
        r"\b[a-z]+(?:_[a-z]+)+\b", lambda name: f"“{label(name[0])}”" if name[0] in fields else name[0], sentence
    )


def _held(make: Callable[..., Any], start: Any, about: Mapping[str, Any], /, **options: Any) -> Any:
    """The widget, whose ``options`` name the default too: a browser that draws it anew may start from that."""
    st.session_state.setdefault(about["key"], start)
    return make(**about, **options)


def _index(default: Any, options: Sequence[str] | None) -> int | None:
    return list(options).index(default) if options and default in options else None


def _number(kind: type, default: Any, about: Mapping[str, Any], is_optional: bool) -> Any:
    options: dict[str, Any] = {"value": None, "placeholder": "none"} if is_optional else {"value": default}
    if kind is int:
        return _held(st.number_input, default, about, step=1, **options)
    if isinstance(held := st.session_state.get(about["key"]), int):  # typed as a whole number elsewhere
        st.session_state[about["key"]] = float(held)
    return _held(st.number_input, default, about, step=_step(default), format="%g", **options)


def _step(default: float | None) -> float:
    """One unit of the first digit: 0.01 for 0.05, a tenth of a power of ten for 1 or 0.001."""
    if not default:
        return 0.1
    size = math.floor(math.log10(abs(default)) + 1e-9)
    return float(10.0 ** (size - 1 if math.isclose(abs(default), 10.0**size) else size))


_Union = type(int | None)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, _Union) else (annotation,)


def _words(kinds: Sequence[Any]) -> tuple[str, ...]:
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())


def _numbers(kinds: Sequence[Any]) -> list[type]:
    return [kind for kind in (_plain(kind) for kind in kinds) if kind in (int, float)]


def _is_number(kinds: Sequence[Any]) -> bool:
    """Whether the value is a number, or a number or nothing; no words beside."""
    return bool(_numbers(kinds)) and all(kind is type(None) or _plain(kind) in (int, float) for kind in kinds)


def _plain(kind: Any) -> Any:
    """The type itself where it comes with limits: ``Annotated[float, ...]`` is float."""
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
