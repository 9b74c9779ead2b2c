"""The words of the page, explained: one list, and links to its entries for tooltips."""

import re
from functools import cache
from pathlib import Path

import streamlit as st

ADDRESS = "glossary"  # of the page

OF_FIELDS = {
    "terms": "Unweighted losses L1–L3",
    "gamma": "γ₀",
    "epochs": "Epoch",
    "seeds": "Seed",
}
"""Field of the configuration to its entry, where that is not called as the field is."""

OF_COLUMNS = {
    "weight": "Loss weights W1–W3",
    "loss": "Unweighted losses L1–L3",
    "auxiliary": "Auxiliary loss",
    "gamma": "γ₀",
    "share": "Share of the total",
    "grad_norm": "Gradient norm per loss",
}
"""What a chart draws to its entry."""


@cache
def text() -> str:
    """The whole list, as Markdown."""
    return Path(__file__).with_suffix(".md").read_text("utf-8")


@cache
def entries() -> dict[str, str]:
    """Each entry's words by its title."""
    parts = re.split(r"^## (.+)$", text(), flags=re.MULTILINE)[1:]
    return {title.strip(): " ".join(words.split()) for title, words in zip(parts[::2], parts[1::2], strict=True)}


def glossary() -> None:
    """The list, each entry under an anchor of its own."""
    st.title("Glossary")
    for title, words in entries().items():
        st.subheader(title, anchor=_anchor(title))
        st.markdown(words)


def with_link(help: str, title: str) -> str:
    """A tooltip that ends with a link to an entry; as it is where there is none of that title."""
    address = address_of(title)
    return f"{help} [Glossary: {title}]({address})".strip() if address else help


def address_of(title: str) -> str:
    """Where an entry stands, from any page; empty where there is none of that title."""
    return f"{ADDRESS}#{_anchor(title)}" if title in entries() else ""


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.casefold()).strip("-")
