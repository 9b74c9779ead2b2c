"""Numbers from 0 to 1 over a picture, as colours from dark to bright."""

import cv2
import numpy as np

from app.charts.overlay import VOID, Pixels

STOPS = ((0x44, 0x01, 0x54), (0x3B, 0x52, 0x8B), (0x21, 0x91, 0x8C), (0x5E, 0xC9, 0x62), (0xFD, 0xE7, 0x25))
"""Matplotlib's viridis, whose brightness rises evenly, also for colour-blind eyes; red, green, blue in 0..255."""
LINE = (255, 255, 255)


def heat_map(levels: Pixels, truth: Pixels, within: tuple[int, int] = (0, 255)) -> Pixels:
    """A map in colours, with a white line around what is true.

    Args:
        levels: (h, w), 0..255, of any size; it is enlarged to that of the truth, between pixels in proportion.
        truth: (H, W) class numbers, 0 the background, 255 void.
        within: The levels that the colours begin and end at.

    Returns:
        (H, W, 3) red, green, blue.
    """
    low, high = within
    fine = cv2.resize(levels.astype(np.float32), truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    places = np.linspace(low, max(high, low + 1), len(STOPS))
    channels = [np.interp(fine, places, values) for values in zip(*STOPS, strict=True)]
    colours = np.ascontiguousarray(np.stack(channels, axis=-1).round(), np.uint8)
    is_there = ((truth > 0) & (truth != VOID)).astype(np.uint8)
    outlines, _ = cv2.findContours(is_there, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(colours, outlines, -1, LINE, 1), np.uint8)


def heat_bar(low: str, high: str) -> str:
    """The colours of :func:`heat_map` as HTML, between words for its ends."""
    colours = ", ".join(f"rgb{stop}" for stop in STOPS)
    return (
        f'<span class="colour-bar"><span>{low}</span><i role="img" aria-label="Colours from {low} to {high}" '
        f'style="background:linear-gradient(to right, {colours})"></i><span>{high}</span></span>'
    )
