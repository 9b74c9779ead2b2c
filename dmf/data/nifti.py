"""Volumes of one's own, slice by slice: NIfTI, and MetaImage or NRRD where SimpleITK is installed."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from dmf.data.base import IGNORE, BrokenDataError, Case, Doubt, OptionValue, Problem, RawPair, gathered
from dmf.data.class_options import parse_names, parse_values, parse_void, refusing
from dmf.data.meaning import VOID, has_void
from dmf.data.sliced import SlicedVolumes, SlicingOptions
from dmf.data.volume_labels import MOST_CLASSES, UNKNOWN, listed, scan_mask, whole_labels
from dmf.data.volumes import Numbers, read_geometry, read_slice

LABELS = "labels"  # kind of problem: labels that are no class


class VolumeOptions(SlicingOptions):
    """What the labels in masks mean, and how volumes become slices."""

    values: str = Field("0:1", description="The label of each class, the background first, e.g. 0:1:2.")
    names: str = Field("", description="What the classes are called, e.g. background:tumour; numbered when left empty.")
    ignore: str = Field("", description="The label of voxels that belong to no class.")


class Volumes(SlicedVolumes):
    """Reads volumes and their masks as slices; ``root`` is the folder above both.

    Understood are folders of images beside folders of masks (``images`` and ``labels``, ``imagesTr`` and ``labelsTr``),
    and masks beside their images (``a.nii.gz`` and ``a_seg.nii.gz``). Image and mask are brought into canonical
    orientation.
    """

    name = "nifti"
    title = "Volumes of your own (NIfTI, MetaImage, NRRD)"
    how_to_get = (
        "Put volumes (.nii, .nii.gz, .mha, .mhd, .nrrd) into a folder called images and a mask for each, of the same "
        "name, into a folder called labels beside it; then set the root to the folder that holds both, or put them "
        "into data/raw/nifti."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    marks = "lesion"
    declares = VolumeOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        with refusing(self, "values"):
            values = parse_values(self.said("values"))
        with refusing(self, "ignore"):
            self._values = replace(values, void=parse_void(self.said("ignore"), values.values))
        with refusing(self, "names"):
            self.class_names = parse_names(self.said("names"), len(values.values))
        self.ignore = None if self._values.void is None else IGNORE

    def marked(self, mask: Path) -> tuple[bool, ...]:
        """Slices with any label but 0."""
        return scan_mask(mask, self.axis).marked

    def remarks(self) -> list[str]:
        """What was left out, and what was decided."""
        remarks = super().remarks()
        if not self._sound:
            return remarks
        expected = tuple(range(len(self._values.values)))
        if self._values.values != expected:
            remarks.append(f"labels {listed(self._values.values)} become classes {listed(expected)}")
        return [*remarks, self.range_in_words(self._range("image"))]

    def doubts(self) -> list[Doubt]:
        """What names and headers suggest and no option settles."""
        doubts = super().doubts()
        classes = self._sheet.classes
        if classes and not self.said("names") and len(classes) == len(self._values.values):
            names = f"names={':'.join(re.sub('[:,=]', ' ', name) for name in classes)}"
            doubts.append(Doubt(f"dataset.json calls the classes {', '.join(classes)}", "they are numbered", (names,)))
        known, void = self._values.values, self._values.void
        if has_void({*known, *([] if void is None else [void])}):
            decided = "they are a class" if void is None else "they belong to no class and count nowhere"
            ways = _ways_to_read({*known, VOID})
            doubts.append(Doubt(f"masks hold {VOID} beside small labels", f"voxels of {VOID}: {decided}", ways))
        return doubts

    def load(self, case: Case) -> RawPair:
        """One slice (H, W) and the class of each of its pixels."""
        pair, mask, number = self.pair_of(case)
        image = self._image(pair)
        with self.remembering(image, mask):
            grey = self._range("image").apply(read_slice(image, self.axis, number, self._channel_of(pair)))
            classes = self._classes(read_slice(mask, self.axis, number), mask)
        return RawPair(grey, classes, (), read_geometry(image).spacing(self.axis))

    def labels(self) -> set[int]:
        """All that masks hold, by going through them.

        Raises:
            BrokenDataError: If one cannot be read.
        """
        masks = [pair.mask for pair in self._sound if pair.mask is not None]
        return set().union(*(scan_mask(mask, self.axis).labels for mask in masks))

    @property
    def class_table(self) -> tuple[str, ...]:
        """What ``dataset.json`` calls the classes, in order; empty where it does not."""
        return self._sheet.classes

    def _classes(self, levels: Numbers, mask: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        classes = self._values.classes(whole_labels(levels, mask))
        if (classes == UNKNOWN).any():
            labels = scan_mask(mask, self.axis).labels
            known = listed(self._values.values)
            what = f"holds the labels {listed(self._values.strange(labels))}, but the classes are {known}"
            many = f"Labels are numbered objects? They are more than {MOST_CLASSES}; save one label for each class."
            remedy = (
                f"Set the option values to all labels of your masks, here {' or '.join(_ways_to_read({0, *labels}))}."
            )
            remedy = many if len(labels) > MOST_CLASSES else remedy
            raise BrokenDataError([Problem(str(mask), what, remedy, kind=LABELS)])
        return classes

    def sum_up(self, problems: Sequence[Problem]) -> list[Problem]:
        """Labels that are no class are said once, with the option that reads all masks."""
        strange = {problem.where for problem in problems if problem.kind == LABELS}
        if len(strange) < 2:
            return gathered(problems)
        masks = [pair.mask for pair in self._found.pairs if pair.mask is not None]
        labels = sorted({0, *self.labels()})
        if len(labels) > MOST_CLASSES:
            return gathered(problems)
        ways = _ways_to_read(labels)
        unknown, known = listed(self._values.strange(labels)), listed(self._values.values)
        what = f"{len(strange)} of {len(masks)} masks hold the labels {unknown}, but the classes are {known}"
        others = [problem for problem in problems if problem.kind != LABELS]
        where = str(Path(next(iter(strange))).parent)
        return [Problem(where, what, f"Set the option {' or '.join(ways)}.", ways), *gathered(others)]


def suggest_volume_options(dataset: Volumes) -> dict[str, OptionValue]:
    """Options under which the masks of volumes can be read; only those that differ from the defaults.

    Raises:
        BrokenDataError: If a mask cannot be read.
    """
    labels = sorted({0, *dataset.labels()})
    options: dict[str, OptionValue] = {}
    if has_void(labels):
        labels.remove(VOID)
        options["ignore"] = str(VOID)
    if len(labels) == 1 or labels == [0, 1]:
        labels = [0, 1]
    elif len(labels) <= MOST_CLASSES:
        options["values"] = ":".join(map(str, labels))
    names = dataset.class_table
    if len(names) == len(labels) and labels == list(range(len(labels))):
        options["names"] = ":".join(re.sub("[:,=]", " ", name) for name in names)
    return options


def _ways_to_read(labels: Collection[int]) -> tuple[str, ...]:
    """Options that read masks of these labels, the likeliest first."""
    joined = ":".join(map(str, sorted(labels)))
    if not has_void(labels):
        return (f"values={joined}",)
    classes = ":".join(map(str, sorted({*labels} - {VOID})))
    return f"values={classes},ignore={VOID}", f"values={joined}"
