"""Pictures of a dataset as HTML, with what is marked in them."""

import base64
import html

import numpy as np

from app.charts.overlay import Pixels, encode, outline
from app.theme import class_colors

OPACITY = 0.3  # of what is marked


def marked(image: Pixels, mask: Pixels | None, classes: int) -> bytes:
    """PNG of an image with the classes of its mask, if it has one, drawn over it, each in its colour."""
    if mask is None:
        return encode(image)
    colored = np.dstack([image] * 3) if image.ndim == 2 else image
    return encode(outline(colored, mask, class_colors(classes), OPACITY))


def class_key(names: tuple[str, ...]) -> str:
    """Which colour is which class; empty where one class alone is marked."""
    colors = class_colors(len(names))
    if len(colors) == 1:
        return ""
    parts = [f'<span><i style="background:rgb{colors[n]}"></i>{html.escape(names[n])}</span>' for n in colors]
    return f'<div class="race key">{"".join(parts)}</div>'


def figure(png: bytes, alt: str, caption: str) -> str:
    """A picture with words below; both as plain text."""
    source = base64.b64encode(png).decode()
    return (
        f'<figure><img src="data:image/png;base64,{source}" alt="{html.escape(alt)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def row(figures: list[str]) -> str:
    """Pictures beside each other, as many as there is room for."""
    return f'<div class="race pictures">{"".join(figures)}</div>'
