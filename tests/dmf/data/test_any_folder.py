"""Sets of small pictures drawn at random: each is read as it was drawn, or refused in sentences; nothing between.

What is drawn varies in modes and depths of images, codings of masks, names, layouts, sizes and faults; some sets are
outlined in COCO, labelme or CVAT instead. The message of a failure has the seed of its set.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dmf.data import DATASETS, Dataset, Report, check, identify, suggest
from dmf.errors import DMFError

BATCHES, SETS = 20, 25
STEMS = [
    "a",
    "b7",
    "benign (1)",
    "Größe",
    "x.y",
    "0001",
    "0002",
    "img-3",
    "CASE_7",
    "p1 left",
    "scan",
    "_",
    "mask",
    "image_4",
]
FOLDERS = [
    ("images", "masks"), ("image", "label"), ("img", "ann"), ("original", "GT"), ("imagesTr", "labelsTr"),
    ("Images", "segmentation"), ("deep/er/images", "deep/er/masks"),
]  # fmt: skip
AFFIXES = ["{}", "{}_mask", "{}_segmentation", "{}_seg", "{}_gt", "mask_{}"]
FAULTS = ["missing mask", "orphan", "damaged image", "damaged mask", "empty mask file", "other size", "stranger"]


@dataclass
class Drawn:
    """A set as it was drawn.

    Attributes:
        values: (H, W) what the mask of each image holds, by the stem of the image.
        images: (H, W) its grey levels, where they are stored without loss.
        may_be_refused: Something is wrong or cannot be told from files.
    """

    root: Path
    values: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    images: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    is_deep: bool = False
    may_be_refused: bool = False


def save(pixels: NDArray[np.generic] | Image.Image, file: Path, **options: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.ascontiguousarray(pixels))
    image.save(file, **options)


def blocks(rng: np.random.Generator, shape: tuple[int, int], codes: list[int]) -> NDArray[np.int64]:
    """Rectangles of the codes on a ground of the first, some over others."""
    values = np.full(shape, codes[0], np.int64)
    for code in codes[1:]:
        top, left = (int(rng.integers(0, side)) for side in shape)
        values[top : top + int(rng.integers(2, 9)), left : left + int(rng.integers(2, 9))] = code
    return values


def save_image(rng: np.random.Generator, drawn: Drawn, file: Path, mode: str) -> None:
    stem = file.name.removesuffix(".png")
    shape = drawn.values[stem].shape
    grey = rng.integers(0, 256, shape).astype(np.uint8)
    kept: NDArray[np.generic] | None = grey
    if mode in ("png", "bmp", "tif", "gif", "PNG"):
        save(grey, file.with_name(f"{stem}.{mode}"))
    elif mode == "rgb":
        save(np.dstack([grey] * 3), file)
    elif mode == "rgba":
        save(np.dstack([grey] * 3 + [np.full_like(grey, 255)]), file)
    elif mode == "la":
        save(Image.fromarray(grey).convert("LA"), file)
    elif mode == "palette":
        save(Image.fromarray(grey).convert("P"), file)
    elif mode == "bilevel":
        save(Image.fromarray(grey > 99), file)
        kept = (grey > 99) * 255
    elif mode == "deep":
        kept = rng.integers(0, 4096, shape).astype(np.uint16)
        save(kept, file)
    elif mode == "float":
        kept = rng.normal(0, 100, shape).astype(np.float32)
        save(kept, file.with_name(f"{stem}.tif"))
    elif mode == "jpeg":
        save(grey, file.with_name(f"{stem}.jpg"), quality=90)
        kept = None
    else:  # turned by a camera: what is stored lies on its side
        exif = Image.Exif()
        exif[0x0112] = 6
        save(np.rot90(grey), file.with_name(f"{stem}.jpg"), exif=exif)
        kept = None
    drawn.is_deep |= mode in ("deep", "float")
    if kept is not None:
        drawn.images[stem] = kept


IMAGES = [
    "png",
    "PNG",
    "bmp",
    "tif",
    "gif",
    "rgb",
    "rgba",
    "la",
    "palette",
    "bilevel",
    "deep",
    "float",
    "jpeg",
    "turned",
]

CODES: dict[str, list[int]] = {
    "two": [0, 255], "zero and one": [0, 1], "three": [0, 1, 2], "spread": [0, 127, 255], "gap": [0, 3],
    "deep": [0, 300, 700], "rgb": [0, 255], "alpha": [0, 255], "black alpha": [0, 255], "bilevel": [0, 255],
    "palette": [0, 1, 2], "jpeg": [0, 255], "gif": [0, 255], "tif": [0, 255], "bmp": [0, 255], "void": [0, 1, 255],
    "objects": [0, *range(1, 40)], "colours": [0, 1],
}  # fmt: skip


def save_mask(values: NDArray[np.int64], file: Path, coding: str) -> None:
    flat = values.astype(np.uint16 if coding in ("deep", "objects") else np.uint8)
    if coding in ("gif", "tif", "bmp"):
        save(flat, file.with_suffix(f".{coding}") if "." not in file.stem else file.with_name(f"{file.stem}.{coding}"))
    elif coding == "jpeg":
        save(flat, file.with_name(f"{file.stem}.jpg"), quality=92)
    elif coding == "rgb":
        save(np.dstack([flat] * 3), file)
    elif coding == "alpha":
        save(np.dstack([np.full_like(flat, 255)] * 3 + [flat]), file)
    elif coding == "black alpha":
        save(np.dstack([np.zeros_like(flat)] * 3 + [flat]), file)
    elif coding == "bilevel":
        save(Image.fromarray(flat > 0), file)
    elif coding == "palette":
        image = Image.fromarray(flat)
        image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        save(image, file)
    elif coding == "colours":
        save(np.dstack([flat * 200, flat * 0, flat * 0]), file)
    else:
        save(flat, file)


def draw(seed: int, root: Path) -> Drawn:
    rng = np.random.default_rng(seed)
    drawn = Drawn(root)
    if seed % 10 == 9:
        outline(rng, drawn)
        return drawn
    coding = str(rng.choice([*CODES]))
    mode, affix = str(rng.choice(IMAGES)), str(rng.choice(AFFIXES))
    images, masks = (root / folder for folder in FOLDERS[rng.integers(len(FOLDERS))])
    if rng.random() < 0.15 and affix != "{}":
        masks = images  # beside each other
    fault = str(rng.choice(FAULTS)) if rng.random() < 0.25 else ""
    drawn.may_be_refused = bool(fault) or coding == "colours"
    stems = [str(stem) for stem in rng.choice(STEMS, int(rng.integers(1, 5)), replace=False)]
    shape = int(rng.integers(3, 25)), int(rng.integers(3, 25))
    for place, stem in enumerate(stems):
        if rng.random() < 0.3:
            shape = int(rng.integers(3, 25)), int(rng.integers(3, 25))
        codes = CODES[coding] if rng.random() < 0.9 else CODES[coding][:1]  # some show nothing
        values = drawn.values[stem] = blocks(rng, shape, codes)
        values[0, 0] = 0  # black and wholly opaque would be no different from black and empty
        save_image(rng, drawn, images / f"{stem}.png", mode)
        if fault == "other size" and place == 0:
            values = np.pad(values, ((0, 3), (0, 0)))
        if fault != "missing mask" or place:
            save_mask(values, masks / f"{affix.format(stem)}.png", coding)
    spoil(rng, fault, images, masks / f"{affix.format(stems[0])}.png", affix)
    return drawn


def outline(rng: np.random.Generator, drawn: Drawn) -> None:
    """Boxes of two labels, some over others and some reaching out, in the files of one of three programs."""
    program = str(rng.choice(["coco", "labelme", "cvat"]))
    boxes: dict[str, list[tuple[str, NDArray[np.int64]]]] = {}
    for stem in map(str, rng.choice(STEMS, int(rng.integers(1, 5)), replace=False)):
        shape = int(rng.integers(3, 25)), int(rng.integers(3, 25))
        drawn.values[stem] = np.zeros(shape, np.int64)
        boxes[stem] = []
        for _ in range(int(rng.integers(0, 4))):
            number, (left, top, width, height) = int(rng.integers(1, 3)), rng.integers([-3, -3, 1, 1], [24, 24, 9, 9])
            drawn.values[stem][max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = number
            corners = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
            boxes[stem].append(("one" if number == 1 else "two", corners))
        save_image(rng, drawn, drawn.root / "images" / f"{stem}.png", "png")
    if program == "labelme":
        for stem, own in boxes.items():
            shapes = [{"label": label, "points": corners.tolist(), "shape_type": "polygon"} for label, corners in own]
            document = {"shapes": shapes, "imagePath": f"{stem}.png"}
            (drawn.root / "images" / f"{stem}.json").write_text(json.dumps(document))
    elif program == "coco":
        document = {
            "images": [{"id": id, "file_name": f"{stem}.png"} for id, stem in enumerate(boxes)],
            "categories": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
            "annotations": [
                {"image_id": id, "category_id": 1 + (label == "two"), "segmentation": [corners.ravel().tolist()]}
                for id, own in enumerate(boxes.values())
                for label, corners in own
            ],
        }
        (drawn.root / "a.json").write_text(json.dumps(document))
    else:
        root = ElementTree.Element("annotations")
        for stem, own in boxes.items():
            height, width = map(str, drawn.values[stem].shape)
            image = ElementTree.SubElement(root, "image", name=f"{stem}.png", width=width, height=height)
            for label, corners in own:
                points = ";".join(f"{x},{y}" for x, y in corners)
                ElementTree.SubElement(image, "polygon", label=label, points=points)
        ElementTree.ElementTree(root).write(drawn.root / "a.xml")


def spoil(rng: np.random.Generator, fault: str, images: Path, mask: Path, affix: str) -> None:
    if fault == "orphan":
        save(np.zeros((4, 4), np.uint8), mask.with_name(f"{affix.format('nobody')}.png"))
    elif fault in ("damaged mask", "empty mask file"):
        for file in mask.parent.glob(f"{mask.stem}.*"):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2] if fault == "damaged mask" else b"")
    elif fault == "damaged image":
        file = sorted(images.iterdir())[0]
        content = file.read_bytes()
        file.write_bytes(content[: int(rng.integers(0, len(content)))])
    elif fault == "stranger":
        (images / "notes.md").write_text("not a picture")
        (images / ".hidden.png").write_bytes(b"")


def read(root: Path) -> tuple[Dataset, Report]:
    layout = identify(root)
    base = root / layout.base
    dataset = DATASETS.build(layout.dataset, base, 0, **suggest(layout.dataset, base))
    return dataset, check(dataset)


def compare(drawn: Drawn, dataset: Dataset, report: Report) -> None:
    """Everything that was read is what was drawn."""
    pairs = {case.image.stem: dataset.load(case) for case in dataset.cases() if case.image is not None}
    assert pairs.keys() <= drawn.values.keys()
    assert drawn.may_be_refused or pairs.keys() == drawn.values.keys()
    stored = np.concatenate([drawn.values[stem].ravel() for stem in pairs])
    numbers = np.concatenate([pair.mask.ravel() for pair in pairs.values()])
    for stem, pair in pairs.items():
        assert pair.mask.shape == drawn.values[stem].shape == pair.image.shape[:2]
    meant = {int(value): set(numbers[stored == value].tolist()) for value in np.unique(stored)}
    assert all(len(found) == 1 for found in meant.values()), f"one value, several classes: {meant}"
    assert meant[0] == {0}
    told = " ".join(option for doubt in report.doubts for option in doubt.options)
    if "labels=any" not in told:
        assert len({next(iter(found)) for found in meant.values()}) == len(meant), f"classes are united: {meant}"
    counts = np.bincount(numbers[numbers != 255], minlength=len(dataset.class_names))
    assert list(report.class_shares.values()) == pytest.approx((counts / counts.sum()).tolist())
    assert report.cases == len(pairs)
    kept = [stem for stem in pairs if stem in drawn.images]
    if not kept:
        return
    levels = np.concatenate([drawn.images[stem].ravel() for stem in kept])
    seen = np.concatenate([pairs[stem].image.ravel() for stem in kept]).astype(int)
    if not drawn.is_deep:
        np.testing.assert_array_equal(seen, levels)
    else:  # one range for all images: what was brighter is nowhere darker
        assert (np.diff(seen[np.argsort(levels, kind="stable")]) >= 0).all()
        assert np.ptp(seen) > 100


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_folder_of_any_kind_is_read_as_it_was_drawn_or_refused_in_sentences(batch: int, tmp_path: Path) -> None:
    for seed in range(batch * SETS, (batch + 1) * SETS):
        drawn = draw(seed, tmp_path / str(seed))
        try:
            dataset, report = read(drawn.root)
            if report.is_sound:
                compare(drawn, dataset, report)
                continue
            said = [str(problem) for problem in report.problems]
        except DMFError as error:
            said = str(error).split("\n")
        except Exception as error:
            raise AssertionError(f"set {seed} raised {type(error).__name__}: {error}") from error
        except AssertionError as error:
            raise AssertionError(f"set {seed}: {error}") from error
        assert drawn.may_be_refused, f"set {seed} is sound, but was refused: {said}"
        assert all(sentence.strip() and "\n" not in sentence for sentence in said), f"set {seed}: {said}"
