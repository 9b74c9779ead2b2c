"""Sample pictures of segmentation: what was found, what was made up, and what was missed, in colours over the image."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.charts.overlay import GREY, Color, Pixels, compare, decode, encode, outline
from app.components.sample_view import SampleView
from app.theme import OVERLAY_COLORS, class_colors

MEANINGS = {"found (TP)": "true positive", "made up (FP)": "false positive", "missed (FN)": "false negative"}
OF_TRUTH = 0.6  # of the opacity of predictions


class OverlayView(SampleView):
    """Classes in colours over the image; ``strength`` is the opacity of the colours, 0..1."""

    strength = 0.55

    def controls(self) -> float:
        chosen: int = st.slider(
            "Overlay",
            *(0, 100, round(100 * self.strength), 5),
            format="%d%%",
            key="opacity",
            width=180,
            persist_state="session",
        )
        return chosen / 100

    def legend(self, facts: Mapping[str, Any], strength: float) -> str:
        parts = [
            f'<span><i style="background:rgb{OVERLAY_COLORS[name]}"></i>{name} ({meaning})</span>'
            for meaning, name in MEANINGS.items()
        ]
        names = facts.get("class_names", ())
        if len(names) > 2:
            truth = class_colors(len(names))
            parts += [f'<span><i style="background:rgb{truth[k]}"></i>{html.escape(names[k])}</span>' for k in truth]
        if facts.get("ignore") is not None:
            parts.append(f'<span><i style="background:rgb{GREY}"></i>void (counts nowhere)</span>')
        return "".join(parts)

    def truth(self, image: bytes, truth: bytes, facts: Mapping[str, Any], strength: float) -> bytes:
        return _truth(image, truth, max(len(facts.get("class_names", ())), 2), strength)

    def prediction(
        self, image: bytes, truth: bytes, prediction: bytes, facts: Mapping[str, Any], strength: float
    ) -> tuple[bytes, ...]:
        return (_prediction(image, truth, prediction, strength),)


@st.cache_data(max_entries=512, show_spinner=False)
def _truth(image: bytes, truth: bytes, classes: int, opacity: float) -> bytes:
    return encode(outline(_rgb(image), decode(truth), class_colors(classes), opacity * OF_TRUTH))


@st.cache_data(max_entries=1024, show_spinner=False)
def _prediction(image: bytes, truth: bytes, prediction: bytes, opacity: float) -> bytes:
    colors: dict[str, Color] = OVERLAY_COLORS
    return encode(compare(_rgb(image), decode(truth), decode(prediction), colors, opacity))


def _rgb(png: bytes) -> Pixels:
    return decode(png, grey=False)
