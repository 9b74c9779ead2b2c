"""Sample pictures of image synthesis: source, target, and what each run makes, with the difference in colours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from app.charts.difference import colour_bar, signed
from app.charts.overlay import decode, encode
from app.components.sample_view import SampleView

SCALE = 0.2  # share of the range from black to white at which the colours end
MOST, STEP = 100, 5  # percent


class DifferenceView(SampleView):
    """Outputs as they are, each with target minus output; ``strength`` is where the colours end, 0..1 of the range."""

    heads = ("Source", "Target")
    truth_caption = "target"
    parts = ("", "difference")
    strength = SCALE

    def controls(self) -> float:
        return difference_scale("difference-scale")

    def legend(self, facts: Mapping[str, Any], strength: float) -> str:
        return f"<span>difference: target minus output</span>{colour_bar(strength)}"

    def prediction(
        self, image: bytes, truth: bytes, prediction: bytes, facts: Mapping[str, Any], strength: float
    ) -> tuple[bytes, ...]:
        return prediction, _difference(truth, prediction, strength)


def difference_scale(key: str) -> float:
    """A slider for where the colours of differences end; share of the range from black to white."""
    chosen: int = st.slider(
        "Scale of differences",
        *(STEP, MOST, round(100 * SCALE), STEP),
        format="± %d%%",
        key=key,
        width=200,
        help="Where the colours end on either side of 0, in percent of the range from black to white.",
        persist_state="session",
    )
    return chosen / 100


@st.cache_data(max_entries=1024, show_spinner=False)
def _difference(truth: bytes, prediction: bytes, scale: float) -> bytes:
    target, output = (decode(png, grey=False) / np.float32(255) for png in (truth, prediction))
    return encode(signed(target, output, scale))
