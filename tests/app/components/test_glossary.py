"""The glossary: one list in the docs and on the page, two sentences for each word, and tooltips that lead there."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components.fields import label
from app.components.glossary import OF_FIELDS, entries, text, with_link
from dmf.config_text import SECTIONS, names_of
from dmf.runs import RunStore

ROOT = Path(__file__).parents[3]
ENDS = re.compile(r"[.!?](?= [A-ZÀ-Þ]|$)")


def test_the_page_and_the_docs_say_the_same() -> None:
    assert text() == (ROOT / "docs" / "glossary.md").read_text("utf-8")


@pytest.mark.parametrize("title", entries())
def test_each_word_is_explained_in_two_sentences(title: str) -> None:
    assert len(ENDS.findall(entries()[title])) == 2


def test_fields_lead_to_the_entries_of_their_words(store: RunStore) -> None:
    fields = {name for model in SECTIONS.values() for name in names_of(model)}
    assert OF_FIELDS.keys() <= fields
    assert set(OF_FIELDS.values()) <= entries().keys()
    for name in ("weights", "history_min", "history_max", "absent", "auxiliary", "decay_rate", "weighting", "seed"):
        assert label(name) in entries()
    test = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=300)
    test.switch_page("pages/train.py").run()
    assert not test.exception
    assert "(glossary#window-length)" in test.number_input(key="form-history_max").help
    assert "(glossary#γ₀)" in test.number_input(key="form-gamma").help
    test.switch_page("pages/glossary.py").run()
    assert not test.exception
    assert (test.subheader[0].value, test.subheader[0].anchor) == ("Loss weights W1–W3", "loss-weights-w1-w3")
    assert len(test.subheader) == len(entries())


def test_a_link_has_the_anchor_of_its_entry() -> None:
    assert with_link("Said.", "TP, FP, FN") == "Said. [Glossary: TP, FP, FN](glossary#tp-fp-fn)"
