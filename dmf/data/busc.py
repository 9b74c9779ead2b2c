"""BUSC: 250 small breast ultrasound images of benign and malignant tumours, annotated later."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.data.base import BrokenDataError, Link, Problem
from dmf.data.discovery import Discovered, Entry, discover
from dmf.data.files import read_grey
from dmf.data.listing import Listing
from dmf.data.pairs import UNLABELLED, PairedDataset
from dmf.options import Options

LABELS = ("benign", "malignant")


class BuscOptions(Options):
    """How images find their masks."""

    pairing: Literal["name", "order"] = Field(
        "name",
        description="What goes together: an image and a mask of one name, or the first image with the first mask and "
        "so on (order), for copies whose names do not match.",
    )


class BrightMasks(PairedDataset):
    """Images of tumours whose masks are bright where the tumour is."""

    class_names = ("background", "lesion")

    def label(self, entry: Entry) -> str:
        """Benign or malignant where the path says so."""
        return next((label for label in LABELS if label in entry.id.lower()), UNLABELLED)

    def classes(self, mask: Path, page: int | None = None) -> tuple[NDArray[np.integer], list[str]]:
        """1 where the mask is brighter than 127."""
        grey = read_grey(mask, page=page)
        highest = int(grey.pixels.max())
        if 0 < highest <= 127:
            what = f"is nowhere brighter than {highest} of 255, so no pixel would count as lesion"
            raise BrokenDataError([Problem(str(mask), what, "Save the mask with 0 outside and 255 inside.")])
        return (grey.pixels > 127).astype(np.uint8), list(grey.notes)


class Busc(BrightMasks):
    """Reads an ``images`` and a ``masks`` folder; ``root`` is any folder above them.

    Lesion is what a mask shows brighter than 127. The label comes from a folder or a file name that says benign or
    malignant, where there is one. With ``pairing="order"`` the first image goes with the first mask and so on, for
    copies whose names do not match; then both folders must hold as many files.

    Reference:
        Iqbal & Sharif, PDF-UNet, Expert Systems with Applications 221 (2023),
        https://doi.org/10.1016/j.eswa.2023.119718
    """

    name = "busc"
    title = "Breast ultrasound, segmentation and classification (BUSC)"
    how_to_get = (
        "Run `dmf data get busc`, or fetch https://data.mendeley.com/datasets/vckdnhtw26/1 in a browser and unpack it "
        "into data/raw/busc, so that BUSC_Dataset/Segmentation with images and masks below lies there; or set the root "
        "to where it lies."
    )
    licence = "CC BY 4.0 as others quote it; read the licence on its page."
    citation = (
        "A. Iqbal, M. Sharif. PDF-UNet: A semi-supervised method for segmentation of breast tumor images using a "
        "U-shaped pyramid-dilated network. Expert Systems with Applications 221 (2023) 119718, "
        "https://doi.org/10.1016/j.eswa.2023.119718; images: P. S. Rodrigues. Breast Ultrasound Image. Mendeley Data "
        "V1 (2017), https://doi.org/10.17632/wmy84gzngw.1"
    )
    links = (Link("https://data.mendeley.com/public-api/zip/vckdnhtw26/download/1"),)
    declares = BuscOptions

    def discovered(self) -> Discovered:
        """Images and masks, wherever the archive wraps them."""
        try:
            return super().discovered()
        except BrokenDataError:
            for base in (self.root, self.root / "originals"):
                bare = [base / label for label in LABELS if (base / label).is_dir()]
                if bare:
                    what = "holds images by class but no masks; it looks like the older collection wmy84gzngw"
                    raise BrokenDataError([Problem(str(base), what, self.how_to_get)]) from None
            raise

    def find(self, listed: Listing) -> Discovered:
        """Match by name or by order."""
        return discover(listed.files, by_order=self.options["pairing"] == "order")
