"""Pictures to take away: a contact sheet of predictions as in a paper, and one prediction growing as a GIF.

Arrays in, pictures out; nothing here reads a store or a dataset.
"""

import io
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dmf.records import IGNORE

Pixels: TypeAlias = NDArray[np.uint8]
Style: TypeAlias = Literal["contour", "filled"]
Colour: TypeAlias = tuple[int, int, int]
Row: TypeAlias = tuple[str, Pixels, Pixels, Sequence[Pixels | None]]

# Okabe & Ito, told apart by every eye; from class 8 on they begin again.
COLOURS = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167)),
)
VOID = (128, 128, 128)  # grey stripes where nobody said what there is
OPACITY = 0.45  # of a filled class
WHITE, NOTHING, INK, FAINT = (255, 255, 255), (236, 236, 236), (20, 20, 20), (90, 90, 90)
GAP = 8  # px between cells
DOTS_PER_INCH = 200  # of a PDF: a cell of 256 px is 3.25 cm wide
LINE = 1.7  # height of a line of text, of the height of its letters
LEAST_CELL = 48  # px, below which no text can be read
LEAST_MS = 20  # browsers slow faster GIFs down


def contact_sheet(
    rows: Sequence[Row],
    headers: Sequence[str],
    *,
    style: Style = "contour",
    cell: int = 256,
    colours: tuple[Sequence[Colour], Sequence[Colour]] = (COLOURS, COLOURS),
    dice: Sequence[Sequence[float | None]] | None = None,
) -> Image.Image:
    """Cases by rows; image, truth and each prediction by columns.

    Args:
        rows: (name, image, truth, predictions) of each case: (H, W) or (H, W, 3) uint8, then (H, W) class numbers; None
            for a prediction that there is not.
        headers: What the columns are called: image, truth and each prediction.
        style: Draw the outline of each class, or fill it.
        cell: Side of a cell in pixels; pictures keep their shape inside it.
        colours: Of the classes from 1 in the column of the truth, and in those of predictions.
        dice: For each row the Dice of each prediction, written below it; None or NaN for none.

    Raises:
        ValueError: If there is no row, headers or Dice are not one per column, a mask has not the size of its image,
            ``cell`` is too small, or ``style`` is neither word.
    """
    _check(rows, headers, cell, dice)
    large, little = (max(11, cell // part) for part in (14, 16))
    font, small = ImageFont.load_default(large), ImageFont.load_default(little)
    head, foot = math.ceil(LINE * large), math.ceil(LINE * little)
    width = GAP + len(headers) * (cell + GAP)
    height = GAP + head + len(rows) * (cell + foot + GAP)
    sheet = Image.new("RGB", (width, height), WHITE)
    pen = ImageDraw.Draw(sheet)
    for column, header in enumerate(headers):
        _write(pen, header, (GAP + column * (cell + GAP), GAP, cell, head), font, INK)
    for place, (name, image, truth, predictions) in enumerate(rows):
        top = GAP + head + place * (cell + foot + GAP)
        scores = dice[place] if dice is not None else [None] * len(predictions)
        texts = [name, "", *("" if score is None or math.isnan(score) else f"Dice {score:.3f}" for score in scores)]
        for column, mask in enumerate((None, truth, *predictions)):
            left = GAP + column * (cell + GAP)
            if mask is None and column > 0:  # not to be taken for one that found nothing
                pen.rectangle((left, top, left + cell - 1, top + cell - 1), fill=NOTHING)
                _write(pen, "no prediction", (left, top + (cell - foot) // 2, cell, foot), small, FAINT)
                continue
            picture = overlay(image, mask, style=style, side=cell, colours=colours[column > 1])
            offset = ((cell - picture.shape[1]) // 2, (cell - picture.shape[0]) // 2)
            sheet.paste(Image.fromarray(picture), (left + offset[0], top + offset[1]))
            _write(pen, texts[column], (left, top + cell, cell, foot), small, FAINT)
    return sheet


def save_sheet(image: Image.Image, target: Path | str | BinaryIO, kind: Literal["png", "pdf"]) -> None:
    """Write a sheet as PNG, without loss, or as a PDF of one page.

    Raises:
        ValueError: If ``kind`` is neither word.
        OSError: If it cannot be written.
    """
    if kind == "png":
        image.save(target, "PNG", optimize=True)
    elif kind == "pdf":
        # A PDF holds photographs as JPEG; at this quality, with colour at full resolution, no eye sees it.
        image.save(target, "PDF", resolution=DOTS_PER_INCH, quality=95, subsampling=0)
    else:
        raise ValueError(f"`kind` must be 'png' or 'pdf', got {kind!r}.")


def growth_gif(frames: Sequence[Pixels], labels: Sequence[str], ms: int) -> bytes:
    """A moving picture that begins again at its end.

    Args:
        frames: (H, W) or (H, W, 3) uint8, all of one size.
        labels: Written below each frame.
        ms: How long a frame stands, in milliseconds.

    Raises:
        ValueError: If there is no frame, not one label per frame, frames differ in size, or ``ms`` is below 20.
    """
    if not frames or len(frames) != len(labels):
        raise ValueError(f"Pass at least one frame and a label for each, got {len(frames)} and {len(labels)}.")
    if len({frame.shape[:2] for frame in frames}) > 1:
        raise ValueError("`frames` must all have one size.")
    if ms < LEAST_MS:
        raise ValueError(f"`ms` must be at least {LEAST_MS}, got {ms}.")
    height, width = frames[0].shape[:2]
    letters = max(11, min(20, width // 20))
    font, foot = ImageFont.load_default(letters), math.ceil(LINE * letters)
    pictures = []
    for frame, label in zip(frames, labels, strict=True):
        picture = Image.new("RGB", (width, height + foot), WHITE)
        picture.paste(Image.fromarray(_rgb(frame)), (0, 0))
        _write(ImageDraw.Draw(picture), label, (0, height, width, foot), font, INK)
        pictures.append(picture)
    content = io.BytesIO()
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=ms, loop=0)
    return content.getvalue()


def overlay(
    image: Pixels,
    mask: Pixels | None,
    *,
    style: Style = "contour",
    side: int | None = None,
    colours: Sequence[Colour] = COLOURS,
) -> Pixels:
    """An image with the classes of a mask on it, (h, w, 3).

    Args:
        image: (H, W) or (H, W, 3) uint8.
        mask: (H, W) class numbers, 0 the background; void pixels, 255, are striped grey. None shows the image alone.
        style: Draw the outline of each class, or fill it.
        side: Length of the longer side in pixels; None leaves the size.
        colours: Of the classes from 1; with more classes they begin again.

    Raises:
        ValueError: If the mask has not the size of the image, or ``style`` is neither word.
    """
    if style not in ("contour", "filled"):
        raise ValueError(f"`style` must be 'contour' or 'filled', got {style!r}.")
    if mask is not None and mask.shape != image.shape[:2]:
        raise ValueError(f"`mask` must have the size of its image, got {mask.shape} for {image.shape[:2]}.")
    scale = 1.0 if side is None else side / max(image.shape[:2])
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = np.array(cv2.resize(_rgb(image), (width, height), interpolation=how), np.uint8)
    if mask is None:
        return picture
    label: Any = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    void = label == IGNORE
    stripes = void & striped(void.shape)
    picture[stripes] = (picture[stripes] * (1 - OPACITY) + np.array(VOID) * OPACITY).round()
    for number in range(1, int(label.max(initial=0, where=~void)) + 1):
        colour = colours[(number - 1) % len(colours)]
        inside = label == number
        if style == "filled":
            picture[inside] = (picture[inside] * (1 - OPACITY) + np.array(colour) * OPACITY).round()
        outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        thickness = max(1, round(max(height, width) / 128)) if style == "contour" else 1
        cv2.drawContours(picture, outlines, -1, colour, thickness, cv2.LINE_AA)
    return picture


def striped(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) stripes across, two pixels of four."""
    rows, columns = np.indices(shape)
    return np.asarray((rows + columns) % 4 < 2)


def spelled(text: str) -> str:
    """Text in letters that the font has: Greek ones by their names, raised and lowered ones as plain ones."""
    parts = []
    for letter in unicodedata.normalize("NFKC", text):
        name = unicodedata.name(letter, "")
        parts.append(name.rpartition(" ")[2].lower() if name.startswith("GREEK SMALL LETTER") else letter)
    return "".join(parts)


def _check(
    rows: Sequence[Row], headers: Sequence[str], cell: int, dice: Sequence[Sequence[float | None]] | None
) -> None:
    if not rows:
        raise ValueError("`rows` must hold at least one case.")
    if cell < LEAST_CELL:
        raise ValueError(f"`cell` must be at least {LEAST_CELL} pixels, got {cell}.")
    if dice is not None and len(dice) != len(rows):
        raise ValueError(f"`dice` must have one entry per row, got {len(dice)} for {len(rows)}.")
    for place, (name, _, _, predictions) in enumerate(rows):
        if len(headers) != 2 + len(predictions):
            raise ValueError(
                f"`headers` must name image, truth and each prediction; got {len(headers)} for {len(predictions)} "
                f"predictions of {name!r}."
            )
        if dice is not None and len(dice[place]) != len(predictions):
            raise ValueError(f"`dice` must have one number per prediction of {name!r}, got {len(dice[place])}.")


def _rgb(image: Pixels) -> Pixels:
    return np.ascontiguousarray(np.broadcast_to(image[..., None], (*image.shape, 3)) if image.ndim == 2 else image)


def _write(
    pen: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], font: Any, colour: tuple[int, int, int]
) -> None:
    """Text in the middle of a box (left, top, width, height), cut with an ellipsis where it is too long."""
    left, top, width, height = box
    shown = spelled(text)
    while len(shown) > 1 and pen.textlength(shown, font) > width:
        shown = f"{shown[:-2]}…"
    pen.text((left + width / 2, top + height / 2), shown, colour, font, anchor="mm")
