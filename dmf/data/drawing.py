"""Masks drawn from outlines and run lengths, with the pixels that COCO gives them.

A corner at ``(x, y)`` lies on the grid between pixels: the first pixel covers 0 to 1, as in COCO, labelme and CVAT.
A pixel belongs to an outline where its middle lies inside, so that areas are kept: OpenCV and Pillow paint a disc of
radius 3 some 40 % too large.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from dmf.data.base import IGNORE, Pixels
from dmf.errors import DataError

Corners: TypeAlias = NDArray[np.float64]
Inside: TypeAlias = NDArray[np.bool_]

ROUND = 180  # corners of a circle or an ellipse; its area is then 0.02 % too small
TOLERANCE = 0.5  # pixels by which a corner may lie outside without a word: programs round
FARTHEST = 10  # sides of the picture by which one may lie outside; drawing takes as long as outlines are


class Region(Protocol):
    """Pixels that a shape covers."""

    def fill(self, height: int, width: int) -> Inside:
        """Where it lies in a picture, (height, width).

        Raises:
            DataError: If it cannot be drawn; says what is wrong, without the file.
        """

    def is_cut(self, height: int, width: int) -> bool:
        """Whether it reaches out of the picture."""


@dataclass(frozen=True)
class Outlines:
    """The union of polygons; each is a list of corners (N, 2), x before y."""

    parts: Sequence[Corners]

    def fill(self, height: int, width: int) -> Inside:
        """Pixels whose middle lies inside one of them; an outline that crosses itself is filled by the even-odd rule.

        Raises:
            DataError: If a corner is no place, or lies far from the picture.
        """
        encoded = self._encoded(height, width)
        if not encoded:
            return np.zeros((height, width), np.bool_)
        return np.asarray(coco.decode(coco.merge(encoded)), np.bool_)

    def is_filled(self, height: int, width: int) -> bool:
        """Whether an outline lies inside another, as holes are written that COCO fills all the same."""
        encoded = [each for each in self._encoded(height, width) if coco.area(each)]
        if len(encoded) < 2:
            return False
        inside = np.asarray(coco.iou(encoded, encoded, [True] * len(encoded)))  # share of the first in the second
        return bool((inside - np.eye(len(encoded)) == 1).any())

    def is_cut(self, height: int, width: int) -> bool:
        """Whether a corner lies more than :data:`TOLERANCE` outside."""
        corners = np.concatenate([*self.parts, np.zeros((1, 2))])
        return bool((corners < -TOLERANCE).any() or (corners > np.array([width, height]) + TOLERANCE).any())

    def _encoded(self, height: int, width: int) -> list[Any]:
        flat = []
        farthest = FARTHEST * max(height, width)
        for part in self.parts:
            if not np.isfinite(part).all():
                raise DataError("has a corner that is no number")
            if (np.abs(part) > farthest).any():
                x, y = part[np.abs(part).max(axis=1).argmax()]
                raise DataError(f"has a corner at ({x:g}, {y:g}), far outside of its picture of {width} x {height}")
            if len(part) > 2:  # pycocotools takes four numbers for a box
                flat.append(part.ravel().tolist())
        return list(coco.frPyObjects(flat, height, width)) if flat else []


@dataclass(frozen=True)
class ColumnRuns:
    """COCO's run lengths over a whole picture, column by column, outside first.

    Attributes:
        counts: The lengths, or the text that pycocotools makes of them.
        size: Height and width they are for.
    """

    counts: Sequence[int] | str
    size: tuple[int, int]

    def fill(self, height: int, width: int) -> Inside:
        """Pixels of every second run.

        Raises:
            DataError: If they are for a picture of another size.
        """
        if tuple(self.size) != (height, width):
            raise DataError(f"has run lengths for {self.size[1]} x {self.size[0]} pixels in one of {width} x {height}")
        # Checked here: decoding runs that end early gives back whatever was in the memory.
        _check_runs(_spelt_out(self.counts) if isinstance(self.counts, str) else self.counts, height, width)
        packed = {"size": [height, width], "counts": self.counts}
        encoded = packed if isinstance(self.counts, str) else coco.frPyObjects(packed, height, width)
        return np.asarray(coco.decode(encoded), np.bool_)

    def is_cut(self, height: int, width: int) -> bool:
        """Never: they end with the picture."""
        return False


@dataclass(frozen=True)
class RowRuns:
    """CVAT's run lengths in a box, row by row, outside first; ``counts`` as written, parted by commas."""

    counts: str
    left: int
    top: int
    width: int
    height: int

    def fill(self, height: int, width: int) -> Inside:
        """Pixels of every second run.

        Raises:
            DataError: If they do not fill the box.
        """
        try:
            runs = [int(part) for part in self.counts.split(",")]
        except ValueError:
            raise DataError("has run lengths that are no whole numbers") from None
        _check_runs(runs, self.height, self.width)
        inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(self.height, self.width)
        return _stamp(inside, self.left, self.top, height, width)

    def is_cut(self, height: int, width: int) -> bool:
        """Whether the box reaches out of the picture."""
        return self.left < 0 or self.top < 0 or self.left + self.width > width or self.top + self.height > height


@dataclass(frozen=True)
class Bitmap:
    """labelme's mask in a box: a picture as Base64, inside where it is not 0."""

    content: str
    left: int
    top: int

    def fill(self, height: int, width: int) -> Inside:
        """Pixels that are not 0.

        Raises:
            DataError: If the picture cannot be read.
        """
        return _stamp(self._pixels(), self.left, self.top, height, width)

    def is_cut(self, height: int, width: int) -> bool:
        """Whether the picture reaches out of the other one."""
        own_height, own_width = self._pixels().shape
        return self.left < 0 or self.top < 0 or self.left + own_width > width or self.top + own_height > height

    def _pixels(self) -> Inside:
        try:
            content = base64.b64decode(self.content, validate=True)
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
        except (binascii.Error, ValueError, cv2.error):
            pixels = None
        if pixels is None:
            raise DataError("has a mask that cannot be read as an image")
        return np.asarray(pixels, np.bool_)


def box(left: float, top: float, right: float, bottom: float, degrees: float = 0) -> Outlines:
    """A rectangle, turned clockwise about its middle."""
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    return Outlines([_turned(corners, corners.mean(axis=0), degrees)])


def ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float = 0) -> Outlines:
    """An ellipse about ``(x, y)``, turned clockwise."""
    angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    middle = np.array([x, y])
    return Outlines(
        [_turned(middle + np.stack([radius_x * np.cos(angles), radius_y * np.sin(angles)], 1), middle, degrees)]
    )


@dataclass(frozen=True)
class Shape:
    """A region and what it shows.

    Attributes:
        name: What messages call it.
        label: What it shows.
        region: Where it lies.
        is_void: Whether its pixels belong to no class, whatever its label.
    """

    name: str
    label: str
    region: Region
    is_void: bool = False


@dataclass(frozen=True)
class Painted:
    """Class numbers (H, W) uint8, and what was unusual about the shapes."""

    mask: Pixels
    notes: tuple[str, ...]


def paint(shapes: Iterable[Shape], numbers: Mapping[str, int], height: int, width: int) -> Painted:
    """Draw one shape after another; where they overlap, the later one counts.

    Args:
        shapes: In the order of drawing.
        numbers: The class number of each label; shapes with other labels are left out.
        height: Of the picture.
        width: Of the picture.

    Raises:
        DataError: If one cannot be drawn; names it.
    """
    mask = np.zeros((height, width), np.uint8)
    contested = np.zeros((height, width), np.bool_)
    cut = without = filled = 0
    for shape in shapes:
        number = IGNORE if shape.is_void else numbers.get(shape.label)
        if number is None:
            continue
        try:
            inside = shape.region.fill(height, width)
        except DataError as error:
            raise DataError(f"{shape.name} {error}") from error
        cut += shape.region.is_cut(height, width)
        without += not inside.any()
        filled += isinstance(shape.region, Outlines) and shape.region.is_filled(height, width)
        if number not in (0, IGNORE):  # what is cut out on purpose is not contested
            contested |= inside & (mask != 0) & (mask != IGNORE) & (mask != number)
        mask[inside] = number
    notes = []
    if cut:
        notes.append(f"shapes that reach out of the picture, cut at its border: {cut}")
    if without:
        notes.append(f"shapes that cover no pixel: {without}")
    if filled:
        notes.append(f"shapes with an outline inside another, which cuts no hole and is filled as COCO does: {filled}")
    if contested.any():
        notes.append(f"{int(contested.sum())} pixels lie in shapes of several classes; the shape drawn last counts")
    return Painted(mask, tuple(notes))


def _turned(corners: Corners, middle: Corners, degrees: float) -> Corners:
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])  # y points down
    return np.asarray((corners - middle) @ turn + middle, np.float64)


def _stamp(inside: Inside, left: int, top: int, height: int, width: int) -> Inside:
    """A small picture in a larger one, cut at its borders."""
    whole = np.zeros((height, width), np.bool_)
    rows = slice(max(top, 0), max(min(top + inside.shape[0], height), 0))
    columns = slice(max(left, 0), max(min(left + inside.shape[1], width), 0))
    whole[rows, columns] = inside[
        rows.start - top : max(rows.stop - top, 0), columns.start - left : max(columns.stop - left, 0)
    ]
    return whole


def _check_runs(runs: Sequence[int], height: int, width: int) -> None:
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        what = f"cover {sum(runs)} pixels" if all(run >= 0 for run in runs) else "hold a negative number"
        raise DataError(f"has run lengths that {what}, expected {height * width}: {width} x {height}")


def _spelt_out(text: str) -> list[int]:
    """Run lengths of COCO's text: groups of five bits from 48 on, each run from the third on less the one before last.

    Reference:
        ``rleFrString`` in https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        group = ord(letter) - 48
        if not 0 <= group < 64:
            raise DataError(f"has run lengths with the letter {letter!r}, which COCO does not use")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise DataError("has run lengths that break off")
    return runs
