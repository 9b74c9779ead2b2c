"""COCO: one JSON file for many pictures, with polygons or run lengths."""

from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
from pydantic import BaseModel, Field

from dmf.data.base import BrokenDataError, Doubt, Problem
from dmf.data.documents import Number, checked, read_json
from dmf.data.drawing import ColumnRuns, Outlines, Region, Shape, box
from dmf.data.drawn import AnnotatedPicture, Annotations, DrawnDataset, DrawnOptions, Shelf, listed, split_of

MAIN = "instances"  # what the files with outlines are called where others lie beside them
Crowd = Literal["class", "ignore", "leave"]
MOST_PIXELS = 1 << 28  # of a side of a picture
NO_OUTLINE = "have a box but no outline"
PARTS = ("images", "annotations", "categories")

Name: TypeAlias = int | str
Side: TypeAlias = Annotated[int, Field(gt=0, lt=MOST_PIXELS)]


class Runs(BaseModel):
    """Run lengths, or the text that pycocotools makes of them."""

    size: tuple[Side, Side]
    counts: str | list[int]


class Picture(BaseModel):
    """An entry of ``images``."""

    id: Name
    file_name: str
    height: Side | None = None
    width: Side | None = None


class Category(BaseModel):
    """An entry of ``categories``."""

    id: Name
    name: str
    supercategory: str | None = None


class Annotation(BaseModel):
    """An entry of ``annotations``."""

    id: Name | None = None
    image_id: Name
    category_id: Name
    segmentation: list[list[Number]] | Runs | None = None
    bbox: list[Number] | None = None
    iscrowd: bool = False


class Document(BaseModel):
    """A file; what else it holds is not read."""

    images: list[Picture]
    annotations: list[Annotation]
    categories: list[Category]


class CocoOptions(DrawnOptions):
    """How outlines become masks."""

    annotations: str = Field(
        "",
        description="Names of the files to read, parted by colons; empty for those called instances..., or all where "
        "none is called so.",
    )
    crowd: Crowd = Field(
        "class",
        description="Whether regions marked iscrowd are drawn as their class, belong to no class (ignore), or are not "
        "drawn (leave).",
    )
    boxes: Literal["refuse", "draw", "leave"] = Field(
        "refuse",
        description="What becomes of an annotation that has a box but no outline: it is refused, its box is drawn, or "
        "it is left out (leave).",
    )


class Coco(DrawnDataset):
    """Reads pictures, and the JSON files of instances below ``root`` that speak of them.

    Polygons of one annotation are one shape, their union; annotations are drawn as they follow in the file. Classes
    are the categories by their ids; several files share them by name. A file or folder called train, val or test says
    which part its pictures belong to.

    Reference:
        Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, https://doi.org/10.1007/978-3-319-10602-1_48;
        format: https://cocodataset.org/#format-data
    """

    name = "coco"
    title = "COCO annotations"
    how_to_get = (
        "Put the pictures and the COCO file (.json with images, annotations and categories) below one folder and set "
        "the root to it, or put them into data/raw/coco."
    )
    licence = "Whatever holds for your images."
    citation = (
        "T.-Y. Lin, M. Maire, S. Belongie et al. Microsoft COCO: Common Objects in Context. ECCV 2014, "
        "https://doi.org/10.1007/978-3-319-10602-1_48"
    )
    declares = CocoOptions

    def annotations(self, shelf: Shelf) -> Annotations:
        """What the files of instances hold."""
        annotations = Annotations()
        documents = self._documents(shelf, annotations)
        for file, document in documents.items():
            self._add(file, document, shelf, annotations)
            crowds = sum(annotation.iscrowd for annotation in document.annotations)
            if crowds:
                what = f"{file.name} marks {crowds} regions as crowds"
                ways = {"class": "drawn as their class", "ignore": "of no class", "leave": "not drawn"}
                decided = ways[str(self.options["crowd"])]
                options = tuple(f"crowd={way}" for way in get_args(Crowd))
                annotations.doubts.append(Doubt(what, f"they are {decided}", options))
        unused = _umbrellas(list(documents.values()))
        annotations.labels = [
            category.name
            for document in documents.values()
            for category in sorted(document.categories, key=lambda category: _order(category.id))
            if category.name not in unused
        ]
        if unused:
            annotations.remarks.append(f"only the name above other categories, no class: {listed(sorted(unused))}")
        spoken_of = {each.file for each in annotations.pictures}
        others = [file.name for file in shelf.pictures if file not in spoken_of]
        if others and annotations.pictures:
            annotations.remarks.append(f"{len(others)} pictures of which no file speaks, not read: {listed(others)}")
        return annotations

    def _documents(self, shelf: Shelf, annotations: Annotations) -> dict[Path, Document]:
        files = shelf.annotations(".json")
        wanted = [name.strip() for name in str(self.options["annotations"]).split(":") if name.strip()]
        for name in wanted:
            if not any(name in (file.name, file.stem) for file in files):
                what = f"holds no {name}, only {listed([file.name for file in files])}"
                annotations.problems.append(Problem(str(self.root), what, "Correct the option annotations."))
        if wanted:
            files = [file for file in files if file.name in wanted or file.stem in wanted]
        elif any(file.name.startswith(MAIN) for file in files):
            left = [file.name for file in files if not file.name.startswith(MAIN)]
            files = [file for file in files if file.name.startswith(MAIN)]
            annotations.remarks += [f"{listed(left)}: beside files of {MAIN}, not read"] if left else []
        documents: dict[Path, Document] = {}
        others = []
        for file in files:
            try:
                document = read_json(file)
                lacking = [part for part in PARTS if not isinstance(document, dict) or part not in document]
                if lacking:
                    others.append(f"{file.name}: has no {' and no '.join(lacking)}, so it is no COCO file of instances")
                else:
                    documents[file] = checked(file, Document, document)
            except BrokenDataError as error:
                annotations.problems += error.problems
        if documents or annotations.problems:
            annotations.remarks += others
        else:
            annotations.problems += [Problem(str(self.root), other, self.how_to_get) for other in others[:1]]
        return documents

    def _add(self, file: Path, document: Document, shelf: Shelf, annotations: Annotations) -> None:
        names = {category.id: category.name for category in document.categories}
        shapes: dict[Name, list[Shape]] = defaultdict(list)
        known = {picture.id for picture in document.images}
        for what, ids in (
            ("pictures", [each.id for each in document.images]),
            ("categories", [each.id for each in document.categories]),
        ):
            twice = [str(id) for id, count in Counter(ids).items() if count > 1]
            if twice:
                sentence = f"gives the same id to several {what}: {listed(twice)}"
                annotations.problems.append(Problem(str(file), sentence, "Give each an id of its own."))
        wrong: dict[str, list[str]] = defaultdict(list)
        for place, annotation in enumerate(document.annotations):
            called = f"annotation {place if annotation.id is None else annotation.id}"
            if annotation.image_id not in known:
                wrong["are of pictures that are not among its images"].append(called)
            elif annotation.category_id not in names:
                wrong["have a category that is not among its categories"].append(called)
            elif not annotation.segmentation and self.options["boxes"] == "refuse":
                wrong[NO_OUTLINE].append(called)
            else:
                try:
                    region = self._region(annotation)
                except ValueError:
                    wrong["have an odd number of coordinates, or a box of other than four numbers"].append(called)
                    continue
                if region is None or (annotation.iscrowd and self.options["crowd"] == "leave"):
                    continue
                is_void = annotation.iscrowd and self.options["crowd"] == "ignore"
                shapes[annotation.image_id].append(
                    Shape(called, names[annotation.category_id], region, is_void=is_void)
                )
        for what, which in wrong.items():
            remedy = "Set the option boxes=draw or boxes=leave." if what == NO_OUTLINE else "Correct or remove them."
            annotations.problems.append(
                Problem(str(file), f"has {len(which)} annotations that {what}: {listed(which)}", remedy)
            )
        split = split_of(file.relative_to(self.root))
        for picture in document.images:
            where = shelf.find(picture.file_name, file)
            if where is not None:
                size = None if picture.height is None or picture.width is None else (picture.height, picture.width)
                annotations.pictures.append(AnnotatedPicture(where, file, tuple(shapes[picture.id]), size, split=split))

    def _region(self, annotation: Annotation) -> Region | None:
        """None for one that is left out.

        Raises:
            ValueError: If numbers do not make corners.
        """
        if isinstance(annotation.segmentation, Runs):
            return ColumnRuns(annotation.segmentation.counts, annotation.segmentation.size)
        if annotation.segmentation:
            return Outlines([np.array(part, np.float64).reshape(-1, 2) for part in annotation.segmentation])
        if self.options["boxes"] == "leave":
            return None
        left, top, width, height = annotation.bbox or [0.0]
        return box(left, top, left + width, top + height)


def _umbrellas(documents: Collection[Document]) -> set[str]:
    """Categories that only stand above others, as some programs write them: no annotation is of them."""
    above: set[str] = set()
    used: set[str] = set()
    for document in documents:
        names = {category.id: category.name for category in document.categories}
        above |= {category.supercategory for category in document.categories if category.supercategory}
        above -= {category.name for category in document.categories if category.name == category.supercategory}
        used |= {
            names[annotation.category_id] for annotation in document.annotations if annotation.category_id in names
        }
    return above & {each.name for document in documents for each in document.categories} - used


def _order(id: Name) -> tuple[int, str]:
    return (id, "") if isinstance(id, int) else (0, id)
