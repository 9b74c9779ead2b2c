"""DDTI, ultrasound of the thyroid: an XML file for each case, with the outlines of its nodules."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dmf.data.base import BrokenDataError, OptionValue, Problem
from dmf.data.documents import AGAIN, Number, read_xml
from dmf.data.drawing import Outlines, Shape
from dmf.data.drawn import AnnotatedPicture, Annotations, DrawnDataset, DrawnOptions, Shelf, Unmarked, listed
from dmf.data.pairs import UNLABELLED

NODULE = "nodule"
PICTURE = re.compile(r"(?P<case>.+)_(?P<number>\d+)")


class Corner(BaseModel):
    """A corner of an outline."""

    x: Number
    y: Number


class Outline(BaseModel):
    """An entry of ``svg``; what else it holds is not read."""

    points: list[Corner]


OUTLINES = TypeAdapter(list[Outline])


class DdtiOptions(DrawnOptions):
    """How outlines become masks."""

    unmarked: Unmarked = Field(
        "empty",
        description="Whether pictures of which no file speaks are all background (empty), or left out (leave).",
    )


class Ddti(DrawnDataset):
    """Reads ``1.xml`` with the pictures ``1_1.jpg``, ``1_2.jpg``, ... beside it, and so on.

    The number before the underscore is the case, and all pictures of one case are one group; the number behind it is
    what ``<image>`` of a mark says. The label is the TI-RADS grade. Age and sex are not read.

    Reference:
        Pedraza et al., An open access thyroid ultrasound image database, SIPAIM 2015,
        https://doi.org/10.1117/12.2073532
    """

    name = "ddti"
    title = "Thyroid ultrasound (DDTI)"
    how_to_get = (
        "Run `dmf data get ddti`, or fetch the Thyroid Digital Image Database, e.g. from https://www.kaggle.com/datasets/"
        "dasmehdixtr/ddti-thyroid-ultrasound-images, in a browser and unpack it into data/raw/ddti; or set the root to "
        "where it lies."
    )
    licence = "Open access for research; cite the article."
    citation = (
        "L. Pedraza, C. Vargas, F. Narváez et al. An open access thyroid ultrasound image database. SIPAIM 2015, "
        "https://doi.org/10.1117/12.2073532"
    )
    kaggle = ("dasmehdixtr/ddti-thyroid-ultrasound-images",)
    declares = DdtiOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self._labels: dict[Path, str] = {}  # of pictures without outline, where their case has one

    def annotations(self, shelf: Shelf) -> Annotations:
        """What all files hold."""
        annotations = Annotations(labels=[NODULE])
        others = []
        by_case: dict[tuple[Path, str], dict[int, Path]] = {}
        for file in shelf.pictures:
            if match := PICTURE.fullmatch(file.stem):
                by_case.setdefault((file.parent, match["case"]), {})[int(match["number"])] = file
        for file in shelf.annotations(".xml"):
            try:
                document = read_xml(file)
                if document.tag != "case":
                    others.append(file.name)
                    continue
                self._add(file, document, by_case.get((file.parent, file.stem), {}), annotations)
            except BrokenDataError as error:
                annotations.problems += error.problems
        if others:
            annotations.remarks.append(f"{len(others)} XML files that are not of DDTI, not read: {listed(others)}")
        self.add_unmarked(shelf, annotations)
        return annotations

    def _add(self, file: Path, document: Element, pictures: Mapping[int, Path], annotations: Annotations) -> None:
        """Add the pictures of a case.

        Raises:
            BrokenDataError: If a mark cannot be read.
        """
        shapes: dict[int, list[Shape]] = {}
        for mark in document.iterfind("mark"):
            svg = (mark.findtext("svg") or "").strip()
            try:
                number = int(mark.findtext("image") or "")
                outlines = OUTLINES.validate_json(svg) if svg else []
            except ValueError as error:
                raise BrokenDataError(
                    [Problem(str(file), f"has a mark that cannot be read ({_told(error)})", AGAIN)]
                ) from error
            for place, outline in enumerate(outlines, start=1):
                corners = np.array([(corner.x, corner.y) for corner in outline.points], np.float64).reshape(-1, 2)
                shapes.setdefault(number, []).append(Shape(f"outline {place}", NODULE, Outlines([corners])))
        missing = [f"{file.stem}_{number}" for number in sorted(shapes) if number not in pictures]
        if missing:
            what = f"speaks of pictures that are not beside it: {listed(missing)}"
            annotations.problems.append(Problem(str(file), what, "Put them there, or remove the file."))
        grade = (document.findtext("tirads") or "").strip()
        label = f"TI-RADS {grade}" if grade else UNLABELLED
        group = file.relative_to(self.root).with_suffix("").as_posix()
        for number, picture in pictures.items():
            if number in shapes:
                annotations.pictures.append(AnnotatedPicture(picture, file, tuple(shapes[number]), None, label, group))
            else:
                self._labels[picture] = label

    def unmarked(self, file: Path) -> AnnotatedPicture:
        """A picture of which no file speaks; its case may have one all the same."""
        match = PICTURE.fullmatch(file.stem)
        group = file.relative_to(self.root).with_name(match["case"]).as_posix() if match else None
        return AnnotatedPicture(file, label=self._labels.get(file, UNLABELLED), group=group)


def _told(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}".removeprefix(": ")
    return "its image has no number"
