"""How values are held by widgets and written for people."""

from typing import Any

import pytest

from app.components.fields import LABELS, as_held, in_labels, in_short, label, method_title, run_title
from dmf.config import FusionConfig
from dmf.config_text import SECTIONS, field_info, from_text, names_of


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (0.1 + 0.2, "0.30000000000000004"), (1e-7, "1e-07"), ((1.0, 0.0, 0.5), "1:0:0.5"), (None, "none")],
)
def test_a_number_is_written_as_short_as_it_can_be_read_back(value: Any, text: str) -> None:
    assert in_short(value) == text


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("terms", ("ce", "dice"), ["ce", "dice"]),
        ("weights", (1.0, 0.0, 0.0), "1:0:0"),
        ("weights", None, ""),
        ("floor", None, None),
        ("floor", 0.0, 0.0),
        ("decay_every", 100, "100"),
        ("decay_every", "epoch", "epoch"),
        ("symlog", False, False),
        ("prior", "compound", "compound"),
        ("auxiliary", "none", "none"),
    ],
)
def test_session_state_holds_a_value_as_its_widget_does(name: str, value: Any, held: Any) -> None:
    annotation = field_info(FusionConfig, name).annotation
    assert as_held(name, annotation, value) == held
    if isinstance(held, str):
        assert FusionConfig(**{name: from_text(FusionConfig, name, held)}) == FusionConfig(**{name: value})


def test_sentences_name_fields_as_the_form_does() -> None:
    assert in_labels("lower it or raise history_max") == "lower it or raise “Window length”"
    assert in_labels("a loss_term of its own") == "a loss_term of its own"


def test_no_two_fields_are_called_the_same() -> None:
    names = [name for model in SECTIONS.values() for name in names_of(model)]
    assert len({label(name) for name in names}) == len(names)
    assert LABELS.keys() <= {*names, "task"}


@pytest.mark.parametrize("name", [name for model in SECTIONS.values() for name in names_of(model)])
def test_every_field_is_explained_in_one_sentence(name: str) -> None:
    (field,) = (field_info(model, name) for model in SECTIONS.values() if name in names_of(model))
    assert field.description is not None
    assert field.description.endswith(".")
    assert ". " not in field.description.replace("e.g. ", "")
    assert len(field.description) <= 150  # a tooltip, not a page


@pytest.mark.parametrize(
    ("run", "title"),
    [
        ("mad prior=compound", "MAD prior=compound"),
        ("upgrad", "UPGrad"),
        ("upgrad gradient_of=logits", "UPGrad, logit space"),
        ("upgrad sum_to=K gradient_of=logits", "UPGrad, logit space sum_to=K"),
        ("mad gradient_of=logits", "MAD gradient_of=logits"),  # looks at no gradient
        ("a run of mine", "a run of mine"),
    ],
)
def test_a_method_whose_gradients_are_not_those_of_its_publication_says_so(run: str, title: str) -> None:
    assert run_title(run) == title


def test_a_method_alone_says_so_too() -> None:
    assert method_title("upgrad", "logits") == "UPGrad, logit space"
    assert method_title("upgrad", "parameters") == method_title("upgrad", None) == "UPGrad"
    assert method_title("mad", "logits") == "MAD"
