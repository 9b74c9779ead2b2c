"""BUS synthetic: breast ultrasound made by a generative network, with masks made by another."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.data.base import BrokenDataError, OptionValue
from dmf.data.files import read_grey
from dmf.data.pairs import PairedDataset
from dmf.options import Options


class BusSyntheticOptions(Options):
    """How masks are read."""

    threshold: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Brightness, as a share of white, from which on a pixel of a mask is lesion; 0.5 is half of the "
        "grey range, 1 what the authors' notebook comes to.",
    )


class BusSynthetic(PairedDataset):
    """Reads 500 pairs of 128 x 128 pixels; ``root`` is any folder above ``images`` and ``masks``.

    The masks are probabilities as grey levels. A pixel is lesion where level / 255 reaches ``threshold``; the authors'
    notebook truncates level / 255 to a whole number, which is a threshold of 1.

    Reference:
        Iqbal & Sharif, PDF-UNet, Expert Systems with Applications 221 (2023),
        https://doi.org/10.1016/j.eswa.2023.119718
    """

    name = "bus_synthetic"
    title = "Synthetic breast ultrasound (BUS synthetic)"
    class_names = ("background", "lesion")
    how_to_get = (
        "Run `dmf data get bus_synthetic`, or fetch https://data.mendeley.com/datasets/r4phtn49r7/1 or "
        "https://www.kaggle.com/datasets/jocelyndumlao/bus-synthetic-dataset in a browser and unpack it into "
        "data/raw/bus_synthetic, so that BUS_synthetic_dataset with images and masks below lies there; or set the root "
        "to where it lies."
    )
    licence = "Not verified: the authors share it on Mendeley Data; read the licence on its page and cite the article."
    citation = (
        "A. Iqbal, M. Sharif. PDF-UNet: A semi-supervised method for segmentation of breast tumor images using a "
        "U-shaped pyramid-dilated network. Expert Systems with Applications 221 (2023) 119718, "
        "https://doi.org/10.1016/j.eswa.2023.119718"
    )
    kaggle = ("jocelyndumlao/bus-synthetic-dataset",)
    declares = BusSyntheticOptions

    def __init__(self, root: Path | None = None, seed: int = 0, **options: OptionValue) -> None:
        super().__init__(root, seed, **options)
        self.threshold = float(self.options["threshold"])

    def classes(self, mask: Path, page: int | None = None) -> tuple[NDArray[np.integer], list[str]]:
        """1 where the mask reaches the threshold."""
        grey = read_grey(mask, page=page)
        lesion = (grey.pixels >= self.threshold * 255).astype(np.uint8)
        notes = list(grey.notes)
        if not lesion.any():
            highest = int(grey.pixels.max())
            notes.append(f"{mask.name}: nowhere brighter than {highest} of 255, so no pixel counts as lesion")
        return lesion, notes

    def remarks(self) -> list[str]:
        """The threshold in use, and files that are not read."""
        try:
            self.discovered()
        except BrokenDataError:
            return []
        lowest = int(np.ceil(self.threshold * 255))
        used = f"masks are probabilities: lesion from grey level {lowest} of 255 on (threshold {self.threshold:g})"
        return [used, *super().remarks()]
