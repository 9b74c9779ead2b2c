"""One case large: image, truth and what each run predicts, drawn, scored and zoomed together in the browser.

Probabilities travel as bytes (0..255), so that a moved threshold changes masks and scores at once, without asking the
server. Two elements are mounted: the engine (our script), once per page, and the viewer, whose message holds the data.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.components.v2.types import ComponentRenderer

from app.components.browser_script import engine_and_part, joined_script
from app.components.inspect.stepping import Step
from app.theme import MASK_COLORS, OVERLAY_COLORS

Pixels = NDArray[np.uint8]
Window = tuple[float, float, float, float]
Display = Literal["outline", "filled", "errors", "heat"]

_HERE = Path(__file__).parent
_SETTLED, _STEP = "settled", "step"
ANY_CLASS = -1


@dataclass(frozen=True, eq=False)
class Panel:
    """What one run predicts for the case.

    One of the three kinds of prediction is given, or none, and then ``note`` says why.

    Args:
        id: Unique within the viewer.
        name: Heads the panel.
        note: A few words below the panel.
        probabilities: (C-1, H, W), 255 times the probability of each class but the background.
        labels: (H, W) class number of each pixel.
        epochs: Epoch to labels (H, W), for a viewer that shows a training.
        truth: (H, W) class number of each pixel, which the prediction is scored by; None where nobody knows it.
        window: Left, top, width and height of the image within that rectangle, in its pixels; None for all of it.
    """

    id: str
    name: str
    note: str = ""
    probabilities: Pixels | None = None
    labels: Pixels | None = None
    epochs: Mapping[int, Pixels] | None = None
    truth: Pixels | None = None
    window: Window | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of what is predicted; None where nothing is."""
        if self.probabilities is not None:
            return self.probabilities.shape[1], self.probabilities.shape[2]
        labels = self.labels if self.epochs is None else next(iter(self.epochs.values()), None)
        return None if labels is None else (labels.shape[0], labels.shape[1])


@dataclass(frozen=True)
class Settled:
    """What a reader has settled on: the threshold, and the number of a class but the background, or ``ANY_CLASS``."""

    threshold: float = 0.5
    class_index: int = ANY_CLASS


def case_viewer_engine() -> None:
    """Give the page what draws its cases; call it once per page, before or after them. Takes no room."""
    with st.container(key="case-viewer-engine"):
        _components()[0](key="case-viewer-script", height="content")


def case_viewer(
    case: str,
    image: Pixels,
    truth: Pixels | None,
    panels: Sequence[Panel],
    *,
    key: str,
    classes: Sequence[str],
    absent: str = "ignore",
    image_note: str = "",
    truth_note: str = "",
    display: Display = "outline",
    on_step: Callable[[Step], None] | None = None,
) -> Settled:
    """Show the case; a page that calls it again with another case keeps threshold, look and layout.

    Wheel and drag zoom and shift all panels together, double click shows the whole image. Window, level and
    brightness change how its grey values are shown, not what is scored.

    Args:
        case: Its name.
        image: (H, W) or (H, W, 3), of any size.
        truth: (H, W) class number of each pixel, of any size; None where nobody knows it.
        panels: One per run, each in pixels of its own.
        key: Unique on the page.
        classes: Names of the classes but the background.
        absent: What a class scores that is in neither truth nor prediction: one, zero or ignore.
        image_note: A few words below the image.
        truth_note: A few words below the truth.
        display: How predictions are drawn at first.
        on_step: Called where a key asks for another case: arrows for the one before or after this one, W for the next
            worst.

    Returns:
        Threshold and class that the reader has settled on, for what Python measures beside it.

    Raises:
        ValueError: If a picture has another shape than said.
    """
    before = st.session_state.get(key) or {}
    kept = settled(before.get(_SETTLED))
    header = {
        "case": case,
        "file": f"case-{case}",
        "classes": list(classes),
        "absent": absent,
        "imageNote": image_note,
        "truthNote": truth_note,
        "display": display,
        "steps": on_step is not None,
        "threshold": kept.threshold,
        "classIndex": kept.class_index,
        "colors": {
            **MASK_COLORS,
            "found": OVERLAY_COLORS["true positive"],
            "madeUp": OVERLAY_COLORS["false positive"],
            "missed": OVERLAY_COLORS["false negative"],
        },
    }

    def stepped() -> None:
        asked = (st.session_state.get(key) or {}).get(_STEP)
        for step in get_args(Step):
            if on_step is not None and step == asked:
                on_step(step)

    result = _components()[1](
        key=key,
        data=pack(header, image, truth, panels),
        height="content",
        on_settled_change=_rerun_only,
        on_step_change=stepped,
    )
    return settled(result.get(_SETTLED))


def settled(state: Mapping[str, Any] | None) -> Settled:
    """What the browser said, as far as it makes sense."""
    if state is None:
        return Settled()
    try:
        threshold, number = float(state["threshold"]), int(state["classIndex"])
    except (KeyError, TypeError, ValueError):
        return Settled()
    return Settled(min(max(threshold, 0.0), 1.0), max(number, ANY_CLASS))


def pack(header: dict[str, Any], image: Pixels, truth: Pixels | None, panels: Sequence[Panel]) -> bytes:
    """One message: uint32 length of the header (little endian), the header as JSON, then columns of bytes."""
    classes = len(header["classes"])
    columns: list[bytes] = []
    places: dict[bytes, int] = {}
    grids: list[dict[str, Any]] = []

    def add(name: str, pixels: Pixels, shape: tuple[int, ...], *, bits: bool = False) -> int:
        if pixels.shape != shape or pixels.dtype != (np.bool_ if bits else np.uint8):
            raise ValueError(f"{name} must be uint8 of shape {shape}, got {pixels.dtype} of {pixels.shape}.")
        raw = (np.packbits(pixels) if bits else pixels).tobytes()
        if raw not in places:
            places[raw] = len(columns)
            columns.append(raw)
        return places[raw]

    def grid(name: str, size: tuple[int, int], truth: Pixels | None, window: Window | None) -> int:
        """The rectangle that a prediction fills, with its truth; those of several runs are often the same."""
        entry = {
            "width": size[1],
            "height": size[0],
            "window": list(window or (0, 0, size[1], size[0])),
            "truth": None if truth is None else add(f"The truth of {name}", truth, size),
        }
        if entry not in grids:
            grids.append(entry)
        return grids.index(entry)

    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"`image` must have shape (H, W) or (H, W, 3), got {image.shape}.")
    picture = {
        "width": image.shape[1],
        "height": image.shape[0],
        "channels": image.shape[2] if image.ndim == 3 else 1,
        "column": add("`image`", image, image.shape),
    }
    rows: list[dict[str, Any]] = []
    epochs: set[int] = set()
    for panel in panels:
        row: dict[str, Any] = {"id": panel.id, "name": panel.name, "note": panel.note}
        named = f"Panel {panel.name!r}"
        if panel.size is None:
            rows.append({**row, "kind": "none"})
            continue
        row["grid"] = grid(named, panel.size, panel.truth, panel.window)
        if panel.probabilities is not None:
            row |= {"kind": "probability", "column": add(named, panel.probabilities, (classes, *panel.size))}
        elif panel.epochs is not None:
            frames = []
            for epoch, labels in sorted(panel.epochs.items()):
                planes = np.stack([labels == number + 1 for number in range(classes)])
                frames.append([epoch, add(named, planes, (classes, *panel.size), bits=True)])
            row |= {"kind": "epochs", "frames": frames}
            epochs |= set(panel.epochs)
        elif panel.labels is not None:
            row |= {"kind": "labels", "column": add(named, panel.labels, panel.size)}
        rows.append(row)
    document = {
        **header,
        "image": picture,
        "truth": None if truth is None else grid("the case", (truth.shape[0], truth.shape[1]), truth, None),
        "grids": grids,
        "panels": rows,
        "epochs": sorted(epochs),
    }
    table, start = [], 0
    for column in columns:
        table.append([start, len(column)])
        start += len(column)
    text = json.dumps({**document, "columns": table}, separators=(",", ":")).encode()
    return len(text).to_bytes(4, "little") + text + b"".join(columns)


def _rerun_only() -> None:
    """Named as a callback, which is how a component declares a state; the rerun itself delivers it."""


@cache
def _components() -> tuple[ComponentRenderer, ComponentRenderer]:
    """Engine and viewer."""
    styles = (_HERE / "case_viewer.css").read_text("utf-8")
    script = joined_script(_HERE / "case_viewer.js", {"STYLES": styles})
    return engine_and_part("dmf_case_viewer", "dmfCaseViewer", script, '<div class="case-viewer"></div>')
