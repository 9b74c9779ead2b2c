"""Paired volumes of one's own: slices of a target that is to be made of the same slices of a source."""

from pathlib import Path

import numpy as np

from dmf.data.base import Case, OptionValue, RawPair
from dmf.data.intensity import Range
from dmf.data.names import SYNTHESIS
from dmf.data.paired import LEVELS, RangeOptions
from dmf.data.sliced import SlicedVolumes, SlicingOptions
from dmf.data.volumes import open_slices, read_geometry, read_slice


class PairedVolumeOptions(RangeOptions, SlicingOptions):
    """How pairs of volumes become pairs of slices."""


class PairedVolumes(SlicedVolumes):
    """Reads pairs of volumes as slices, from a folder ``source`` beside a folder ``target``, matched by name.

    Both are brought into canonical orientation and must lie on the same voxels.
    """

    name = "paired-volumes"
    title = "Paired volumes of your own (NIfTI, MetaImage, NRRD)"
    target = "image"
    class_names: tuple[str, ...] = ()
    pixel_type = np.uint16
    white: float = LEVELS
    target_white: float = LEVELS
    sides = SYNTHESIS
    marks = "content"
    how_to_get = (
        "Put the volumes to start from (.nii, .nii.gz, .mha, .mhd, .nrrd) into a folder called source and those to be "
        "made, of the same names and on the same voxels, into a folder called target beside it; then set the root to "
        "the folder that holds both, or put them into data/raw/paired-volumes."
    )
    licence = "Whatever holds for your images."
    citation = "Whatever your images ask for."
    declares = PairedVolumeOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self._is_common = self.said("scale") == "common"
        self._marked: dict[Path, tuple[bool, ...]] = {}

    def marked(self, mask: Path) -> tuple[bool, ...]:
        """Slices of a target that are not one value all over."""
        if mask not in self._marked:
            slices = open_slices(mask, self.axis)
            self._marked[mask] = tuple(bool(np.ptp(slices[index])) for index in range(len(slices)))
        return self._marked[mask]

    def remarks(self) -> list[str]:
        """What was left out, and what was decided."""
        remarks = super().remarks()
        if not self._sound:
            return remarks
        if self._is_common:
            return [*remarks, self.range_in_words(self._range_of("source"))]
        return [*remarks, *(f"{side}: {self.range_in_words(self._range_of(side))}" for side in ("source", "target"))]

    def load(self, case: Case) -> RawPair:
        """A slice of source and target, (H, W) uint16 each, black at 0 and white at 65535 in every image."""
        pair, target, number = self.pair_of(case)
        source = self._image(pair)
        with self.remembering(source, target):
            stored = read_slice(source, self.axis, number, self._channel_of(pair))
            wanted = read_slice(target, self.axis, number)
            levels = self._range_of("source").apply_16(stored), self._range_of("target").apply_16(wanted)
        notes = () if np.ptp(wanted) else (f"{target.name}: slices of one value all over",)
        return RawPair(*levels, notes, read_geometry(source).spacing(self.axis))  # type: ignore[arg-type]  # 16 bits

    def _range_of(self, side: str) -> Range:
        return self._range(*(("source", "target") if self._is_common else (side,)))
