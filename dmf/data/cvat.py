"""CVAT: one XML file for many pictures, "CVAT for images 1.1"."""

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from dmf.data.base import BrokenDataError, Problem
from dmf.data.documents import read_xml
from dmf.data.drawing import Outlines, Region, RowRuns, Shape, box, ellipse
from dmf.data.drawn import AnnotatedPicture, Annotations, DrawnDataset, Shelf, listed, split_of
from dmf.errors import DataError

ROOT = "annotations"
FLAT = frozenset({"polyline", "points", "skeleton", "cuboid"})  # kinds of shapes that cover no area of the picture
SOLID = frozenset({"polygon", "box", "ellipse", "mask"})


class Cvat(DrawnDataset):
    """Reads pictures, and the XML files "CVAT for images 1.1" below ``root`` that speak of them.

    Polygons, boxes, ellipses and masks are drawn by their ``z_order``, those of one order as they follow in the file;
    lines, points, skeletons and cuboids are left out. Classes are the labels of the task, as they are listed there. The
    subset of a picture, else a file or folder called train, val or test, says which part it belongs to.

    Reference:
        https://docs.cvat.ai/docs/manual/advanced/xml_format/
    """

    name = "cvat"
    title = "CVAT annotations"
    how_to_get = (
        'Export the task as "CVAT for images 1.1" with its images, unpack it, and set the root to that folder, or put '
        "it into data/raw/cvat."
    )
    licence = "Whatever holds for your images."
    citation = "CVAT.ai Corporation. Computer Vision Annotation Tool (CVAT). https://doi.org/10.5281/zenodo.4009388"

    def annotations(self, shelf: Shelf) -> Annotations:
        """What all files hold."""
        annotations = Annotations()
        left: Counter[str] = Counter()
        others = []
        for file in shelf.annotations(".xml"):
            try:
                document = read_xml(file)
                if document.tag != ROOT:
                    others.append(file.name)
                    continue
                if document.find("track") is not None:
                    what = "holds tracks of a video, not annotations of pictures"
                    raise BrokenDataError([Problem(str(file), what, 'Export it as "CVAT for images 1.1".')])
                annotations.labels += [label.text or "" for label in document.iterfind("meta//labels/label/name")]
                for image in document.iterfind("image"):
                    self._add(file, image, shelf, annotations, left)
            except BrokenDataError as error:
                annotations.problems += error.problems
        annotations.labels += sorted(
            {shape.label for each in annotations.pictures for shape in each.shapes} - {*annotations.labels}
        )
        annotations.remarks += [
            f"{kind}: covers no area, not drawn: {count}" for kind, count in sorted(left.items()) if count
        ]
        if others:
            annotations.remarks.append(f"{len(others)} XML files that are not of CVAT, not read: {listed(others)}")
        spoken_of = {each.file for each in annotations.pictures}
        alone = [file.name for file in shelf.pictures if file not in spoken_of]
        if alone and annotations.pictures:
            annotations.remarks.append(f"{len(alone)} pictures of which no file speaks, not read: {listed(alone)}")
        return annotations

    def _add(self, file: Path, image: Element, shelf: Shelf, annotations: Annotations, left: Counter[str]) -> None:
        """Add a picture.

        Raises:
            BrokenDataError: If an attribute is missing or no number.
        """
        name = image.get("name", "")
        shapes = []
        try:
            size = _whole(image, "height"), _whole(image, "width")
            # Sorting keeps those of one order as they follow.
            for shape in sorted(image, key=lambda each: int(each.get("z_order", 0))):
                if shape.tag in SOLID:
                    label = _text(shape, "label")
                    shapes.append(Shape(f"a {shape.tag} ({label!r})", label, _region(shape)))
                left[shape.tag] += shape.tag in FLAT
        except (ValueError, DataError) as error:
            sentence = error if isinstance(error, DataError) else "an attribute holds no number"
            what = f"picture {name or image.get('id')!r}: {sentence}"
            raise BrokenDataError([Problem(str(file), what, "Export it from CVAT again.")]) from error
        place = shelf.find(name, file)
        if place is not None:
            split = split_of(Path(image.get("subset", ""))) or split_of(file.relative_to(self.root))
            annotations.pictures.append(AnnotatedPicture(place, file, tuple(shapes), size, split=split))


def _region(shape: Element) -> Region:
    if shape.tag == "polygon":
        corners = [corner.split(",") for corner in _text(shape, "points").split(";") if corner.strip()]
        if any(len(corner) != 2 for corner in corners):
            raise DataError("a polygon has a corner of other than two numbers")
        return Outlines([np.array(corners, np.float64).reshape(-1, 2)])
    if shape.tag == "mask":
        left, top, width, height = (_whole(shape, side) for side in ("left", "top", "width", "height"))
        return RowRuns(_text(shape, "rle"), left, top, width, height)
    make, names = (box, ("xtl", "ytl", "xbr", "ybr")) if shape.tag == "box" else (ellipse, ("cx", "cy", "rx", "ry"))
    first, second, third, fourth = (float(_text(shape, name)) for name in names)
    return make(first, second, third, fourth, float(shape.get("rotation", 0)))


def _text(element: Element, name: str) -> str:
    text = element.get(name)
    if text is None:
        raise DataError(f"a {element.tag} has no attribute {name}")
    return text


def _whole(element: Element, name: str) -> int:
    return int(_text(element, name))
