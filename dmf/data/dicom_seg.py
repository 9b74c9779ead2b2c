"""DICOM segmentations: which frames of them mark what in which frame of which image."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Problem
from dmf.data.dicom_files import Header, reading

HALF = 0.5  # share of a fractional segment from which on a pixel belongs to it


@dataclass(frozen=True)
class Mark:
    """A frame of a segmentation that belongs to a frame of an image.

    Attributes:
        source: The segmentation.
        frame: Of it, from 0.
        segments: Labels by the value that stands for them: 1 in a segment of its own, its number in a label map.
    """

    source: Header
    frame: int
    segments: tuple[tuple[int, str], ...]

    def masks(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Each label with its pixels (H, W).

        Raises:
            BrokenDataError: If they cannot be decoded.
        """
        from pydicom.pixels.utils import pixel_array

        dataset = self.source.dataset
        with reading(self.source.path):
            many = self.source.frames > 1
            pixels = pixel_array(self.source.path, index=self.frame if many else None)
            pixels = pixels.reshape(self.source.height, self.source.width)
            kind = str(dataset.get("SegmentationType", "BINARY"))
            highest = float(dataset.get("MaximumFractionalValue") or 1)
        for value, label in self.segments:
            if kind == "LABELMAP":
                yield label, pixels == value
            else:
                yield label, pixels >= (HALF * highest if kind == "FRACTIONAL" else 1)


@dataclass
class Segmentations:
    """What the segmentations of a folder mark.

    Attributes:
        marks: By the image's instance and frame (from 1; 0 for all of its frames).
        instances: All images they speak of, also where nothing is marked.
        labels: What segments are called, in order of their numbers.
        problems: Segmentations that cannot be used.
    """

    marks: dict[tuple[str, int], list[Mark]]
    instances: set[str]
    labels: list[str]
    problems: list[Problem]

    def of(self, uid: str, frame: int) -> list[Mark]:
        """What is marked in one frame of an image, counted from 0."""
        return [*self.marks.get((uid, 0), ()), *self.marks.get((uid, frame + 1), ())]


def read_segmentations(headers: Sequence[Header]) -> Segmentations:
    """Look through the headers of segmentations; their pixels wait until a case is loaded."""
    segmentations = Segmentations(defaultdict(list), set(), [], [])
    for header in headers:
        try:
            with reading(header.path):
                _add(header, segmentations)
        except BrokenDataError as error:
            segmentations.problems += error.problems
    return segmentations


def _add(header: Header, segmentations: Segmentations) -> None:
    dataset = header.dataset
    names = {int(segment.SegmentNumber): _label(segment) for segment in dataset.SegmentSequence}
    for number in sorted(names):
        if names[number] not in segmentations.labels:
            segmentations.labels.append(names[number])
    listed = {
        str(instance.ReferencedSOPInstanceUID)
        for series in dataset.get("ReferencedSeriesSequence") or ()
        for instance in series.get("ReferencedInstanceSequence") or ()
    }
    segmentations.instances |= listed
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    is_map = str(dataset.get("SegmentationType", "")) == "LABELMAP"
    lost = 0
    for frame, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if is_map:
            segments = tuple(sorted(names.items()))
        else:
            identified = group.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
            segments = ((1, names[int(identified[0].ReferencedSegmentNumber)]),)
        places = list(_places(group)) or list(_places(shared))
        if not places and len(listed) == 1:
            places = [(next(iter(listed)), frame + 1 if header.frames > len(names) else 0)]
        lost += not places
        for place in places:
            segmentations.instances.add(place[0])
            segmentations.marks[place].append(Mark(header, frame, segments))
    if lost:
        what = f"does not say to which image {lost} of its {header.frames} frames belong"
        remedy = "Save it with the instances of its source images (Derivation Image Sequence)."
        segmentations.problems.append(Problem(str(header.path), what, remedy))


def _places(group: Any) -> Iterator[tuple[str, int]]:
    """Instances and frames that a frame of a segmentation was drawn on."""
    for derivation in group.get("DerivationImageSequence") or ():
        for source in derivation.get("SourceImageSequence") or ():
            frames = source.get("ReferencedFrameNumber") or 0
            for frame in frames if hasattr(frames, "__iter__") else [frames]:
                yield str(source.ReferencedSOPInstanceUID), int(frame)


def _label(segment: Any) -> str:
    return str(segment.get("SegmentLabel", "")).strip() or f"segment {segment.SegmentNumber}"
