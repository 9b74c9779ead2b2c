"""Oxford-IIIT Pet: photographs of cats and dogs with trimaps; three classes, in colour."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmf.data.base import BrokenDataError, Link, Problem
from dmf.data.discovery import Discovered, Entry, discover
from dmf.data.files import read_levels
from dmf.data.listing import Listing
from dmf.data.pairs import PairedDataset

ANIMAL, BACKGROUND, BORDER = 1, 2, 3  # values of a trimap
CLASS_OF = np.full(256, 255, dtype=np.uint8)
CLASS_OF[[BACKGROUND, ANIMAL, BORDER]] = 0, 1, 2


class Pets(PairedDataset):
    """Reads ``images`` and ``annotations/trimaps`` as they are unpacked; ``root`` is that folder or the one above.

    Classes are background, animal and the border between them, which trimaps number 2, 1 and 3. Breeds of cats are
    written with a capital letter, those of dogs without; that is the label. The published lists of training and test
    images are not used: the split is drawn as for every dataset.

    Reference:
        Parkhi et al., Cats and Dogs, CVPR 2012, https://doi.org/10.1109/CVPR.2012.6248092
    """

    name = "pets"
    title = "Oxford-IIIT Pet"
    class_names = ("background", "animal", "border")
    in_channels = 3
    how_to_get = (
        "Run `dmf data get pets` (810 MB), or fetch images.tar.gz and annotations.tar.gz from "
        "https://www.robots.ox.ac.uk/~vgg/data/pets/ in a browser and unpack both into data/raw/pets, so that images "
        "and annotations/trimaps lie there; or set the root to where they lie."
    )
    licence = "CC BY-SA 4.0; the photographs stay with their owners."
    citation = (
        "O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar. Cats and Dogs. CVPR 2012, "
        "https://doi.org/10.1109/CVPR.2012.6248092"
    )
    links = (
        Link(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            size=791_918_971,
            md5="5c4f3ee8e5d25df40f4fd59a7f44e54c",
        ),
        Link(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            md5="95a8c909bbe2e81eed6a22bccdf3f68f",
        ),
    )

    def find(self, listed: Listing) -> Discovered:
        """``images`` and ``annotations/trimaps``, in the root or in a folder around both."""
        discovered = discover(listed.files, images="images", masks="annotations/trimaps")
        return (
            discovered
            if discovered.entries
            else Discovered(problems=[Problem("", "holds no images beside annotations/trimaps", "")])
        )

    def label(self, entry: Entry) -> str:
        """Cat or dog, by the first letter of the breed."""
        return "cat" if entry.image.name[0].isupper() else "dog"

    def remarks(self) -> list[str]:
        """Nothing: the archive is known to hold hidden files and a few tables, which are not read."""
        return []

    def classes(self, mask: Path, page: int | None = None) -> tuple[NDArray[np.integer], list[str]]:
        """Classes of a trimap."""
        trimap = read_levels(mask, page)
        numbers = CLASS_OF[np.minimum(trimap, 255)]
        if (numbers == 255).any():
            strange = ", ".join(str(value) for value in np.unique(trimap[numbers == 255])[:5])
            what = f"holds {strange}, but a trimap holds 1 (animal), 2 (background) and 3 (border)"
            raise BrokenDataError([Problem(str(mask), what, "Fetch annotations.tar.gz again.")])
        return numbers, []
