"""How far an image is from the one it should be, in colours on a scale that is the same on both sides of 0."""

import numpy as np
from numpy.typing import NDArray

STOPS = ((0x21, 0x66, 0xAC), (0x92, 0xC5, 0xDE), (0xF7, 0xF7, 0xF7), (0xF4, 0xA5, 0x82), (0xB2, 0x18, 0x2B))
"""Blue over white to red (ColorBrewer's RdBu, which colour-blind eyes tell apart); red, green, blue in 0..255."""


def signed(target: NDArray[np.floating], output: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
    """Target minus output as colours: red where the output is too dark, blue where it is too bright.

    Args:
        target: (H, W) or (H, W, C), black at 0 and white at 1; channels are averaged.
        output: The same of the output.
        scale: Difference at which the colours end on either side, above 0; what is beyond has the last colour.

    Returns:
        (H, W, 3).
    """
    difference = np.asarray(target, np.float64) - output
    if difference.ndim == 3:
        difference = difference.mean(axis=2)
    places = np.linspace(-scale, scale, len(STOPS))
    channels = [np.interp(difference, places, values) for values in zip(*STOPS, strict=True)]
    return np.asarray(np.stack(channels, axis=-1).round(), np.uint8)


def colour_bar(scale: float) -> str:
    """The scale of :func:`signed` as HTML: its colours from -scale to +scale."""
    colours = ", ".join(f"rgb{stop}" for stop in STOPS)
    ends = f"{100 * scale:.0f}"
    label = f"Colours from minus {ends} to plus {ends} percent of the range from black to white"
    return (
        f'<span class="colour-bar"><span>−{ends} %</span><i role="img" aria-label="{label}" '
        f'style="background:linear-gradient(to right, {colours})"></i><span>+{ends} %</span></span>'
    )
