"""labelme: a JSON file beside each picture."""

import base64
import binascii
import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dmf.data.base import BrokenDataError, Pixels, Problem
from dmf.data.decode import decode
from dmf.data.documents import Number, checked, read_json
from dmf.data.drawing import Bitmap, Outlines, Region, Shape, box, ellipse
from dmf.data.drawn import AnnotatedPicture, Annotations, DrawnDataset, DrawnOptions, Shelf, Unmarked, listed, split_of
from dmf.data.files import as_grey, as_rgb

Point: TypeAlias = tuple[Number, Number]
POLYGON = "polygon"
FLAT = frozenset({"point", "points", "line", "linestrip"})  # kinds of shapes that cover no area


class Drawn(BaseModel):
    """An entry of ``shapes``."""

    label: str
    points: list[Point]
    shape_type: str | None = POLYGON
    mask: str | None = None


class Document(BaseModel):
    """A file; what else it holds is not read."""

    model_config = ConfigDict(alias_generator=to_camel)

    shapes: list[Drawn]
    image_path: str
    image_data: str | None = None
    image_height: int | None = Field(default=None, gt=0)
    image_width: int | None = Field(default=None, gt=0)


class LabelmeOptions(DrawnOptions):
    """How outlines become masks."""

    unmarked: Unmarked = Field(
        "empty",
        description="Whether pictures without a JSON file are all background (empty), or left out (leave).",
    )


class Labelme(DrawnDataset):
    """Reads pictures, and the JSON file that labelme writes for each of them.

    Polygons, rectangles, circles and masks are drawn as they follow in the file; points and lines cover no area and
    are left out. Classes are the labels in alphabetical order. Where the picture is not there, the copy inside the
    JSON file is read. A folder called train, val or test says which part its pictures belong to.

    Reference:
        Wada, Labelme: Image Polygonal Annotation with Python, https://doi.org/10.5281/zenodo.5711226
    """

    name = "labelme"
    title = "labelme annotations"
    how_to_get = (
        "Put the pictures and the .json file that labelme wrote for each into one folder and set the root to it, or "
        "put them into data/raw/labelme."
    )
    licence = "Whatever holds for your images."
    citation = "K. Wada. Labelme: Image Polygonal Annotation with Python. https://doi.org/10.5281/zenodo.5711226"
    declares = LabelmeOptions

    def annotations(self, shelf: Shelf) -> Annotations:
        """What all files hold."""
        annotations = Annotations()
        labels: set[str] = set()
        flat = 0
        others = []
        for file in shelf.annotations(".json"):
            try:
                document = read_json(file)
                if not (isinstance(document, dict) and "shapes" in document and "imagePath" in document):
                    others.append(file.name)
                    continue
                document = checked(file, Document, document)
                shapes = _shapes(file, document)
            except BrokenDataError as error:
                annotations.problems += error.problems
                continue
            labels |= {shape.label for shape in shapes}
            flat += len(document.shapes) - len(shapes)
            size = None
            if document.image_height is not None and document.image_width is not None:
                size = document.image_height, document.image_width
            place = shelf.find(document.image_path, file, instead=file if document.image_data else None)
            if place is not None:
                split = split_of(file.relative_to(self.root).parent)
                annotations.pictures.append(AnnotatedPicture(place, file, shapes, size, split=split))
        annotations.labels = sorted(labels)
        if flat:
            annotations.remarks.append(f"points and lines, which cover no area and are not drawn: {flat}")
        if others:
            annotations.remarks.append(f"{len(others)} JSON files that are not of labelme, not read: {listed(others)}")
        self.add_unmarked(shelf, annotations)
        return annotations

    def picture(self, annotated: AnnotatedPicture) -> tuple[Pixels, tuple[str, ...]]:
        """The pixels of the picture, or of its copy inside the JSON file."""
        source = annotated.source
        if source is None or annotated.file != source:
            return super().picture(annotated)
        document = checked(source, Document, read_json(source))
        try:
            copy = decode(base64.b64decode(document.image_data or "", validate=True), source.name)
        except (binascii.Error, BrokenDataError) as error:
            what = "holds a copy of its picture that cannot be read as an image"
            remedy = f"Put the picture {document.image_path} beside it."
            raise BrokenDataError([Problem(str(source), what, remedy)]) from error
        read = (as_rgb if self.in_channels == 3 else as_grey)(copy, self.scale)
        return read.pixels, (*read.notes, f"{source.name}: the picture is the copy inside it")


def _shapes(file: Path, document: Document) -> tuple[Shape, ...]:
    """Those that cover an area."""
    called = [f"shape {place} ({each.label!r})" for place, each in enumerate(document.shapes, start=1)]
    regions = [_region(file, name, each) for name, each in zip(called, document.shapes, strict=True)]
    return tuple(
        Shape(name, each.label, region)
        for name, each, region in zip(called, document.shapes, regions, strict=True)
        if region is not None
    )


def _region(file: Path, called: str, drawn: Drawn) -> Region | None:
    """None for what covers no area.

    Raises:
        BrokenDataError: If there are not the points that its kind needs.
    """
    points = [(float(x), float(y)) for x, y in drawn.points]
    match drawn.shape_type or POLYGON, points:
        case ("polygon" | "oriented_rectangle", _):
            return Outlines([np.array(points, np.float64).reshape(-1, 2)])
        case ("rectangle", [(left, top), (right, bottom)]):
            return box(min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        case ("circle", [(x, y), (edge_x, edge_y)]):
            radius = math.hypot(edge_x - x, edge_y - y)
            return ellipse(x, y, radius, radius)
        case ("mask", [(left, top), _]) if drawn.mask is not None:
            return Bitmap(drawn.mask, round(left), round(top))
        case (kind, _) if kind in FLAT:
            return None
    what = f"has {called} of the type {drawn.shape_type!r} with {len(points)} points, which cannot be drawn"
    raise BrokenDataError([Problem(str(file), what, "Draw it as a polygon.")])
