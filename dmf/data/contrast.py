"""Simulated contrast-enhanced MR of the head: an early and a late slice after one injection.

Every tissue takes contrast agent up and gives it back as the extended Tofts model says; a spoiled gradient echo turns
the concentrations at 10 minutes and at 1 hour into two pictures. Active tumour is leaky and washes out within the hour;
where a treatment left scarred tissue, little leaks in, and it stays. So the late slice is not the early one made
brighter or darker: what a spot becomes depends on what kind of tissue its surroundings show it to be.
"""

import cv2
import numpy as np
import pydantic
from numpy.typing import NDArray

from dmf.data.base import Case, Dataset, RawPair
from dmf.data.heads import SIZE, Head, make_head, tissue_maps
from dmf.data.tofts import Field, concentration, signal
from dmf.errors import DataError
from dmf.options import Options
from dmf.seeding import derive

EARLY, LATE = 10.0, 60.0  # minutes after the injection
WHITE = 0.09  # signal, as a share of that of fully magnetised water, which is white in every slice
NOISE = 0.012  # standard deviation of each channel of the receiver, as a share of white
SHIFT, TURN = 0.35, 0.35  # how far the late slice lies from the early one: pixels and degrees, standard deviations
LEVELS = 65535  # of 16 bits
LOWEST, HIGHEST = -0.5, 0.5  # of the slices of a subject, where -1 is the base of the head and 1 its top
MOST_SUBJECTS, MOST_SLICES = 2000, 50

Pixels16 = NDArray[np.uint16]


class ContrastOptions(Options):
    """What is simulated."""

    subjects: int = pydantic.Field(80, ge=1, le=MOST_SUBJECTS, description="How many subjects to simulate.")
    slices: int = pydantic.Field(6, ge=1, le=MOST_SLICES, description="How many slices of each subject.")


class Contrast(Dataset):
    """Pairs of an early and a late slice, several per subject; the late one is to be made of the early one."""

    name = "contrast"
    title = "Simulated delayed contrast in MR"
    target = "image"
    class_names: tuple[str, ...] = ()
    pixel_type = np.uint16
    white: float = float(LEVELS)
    target_white: float = float(LEVELS)
    needs_download = False
    how_to_get = "Nothing to get: the images are simulated."
    licence = "Made by this program; yours to use."
    citation = "None needed. Uptake and wash-out follow Tofts (1997)."
    declares = ContrastOptions

    def cases(self) -> list[Case]:
        """One case per slice, grouped by subject; a subject does not depend on how many there are."""
        subjects, slices = int(self.options["subjects"]), int(self.options["slices"])
        labels = [_kind(make_head(self.seed, subject)) for subject in range(subjects)]
        return [
            Case(f"{self.name}-{subject:04d}-{slice:02d}", labels[subject], f"subject {subject:04d}")
            for subject in range(subjects)
            for slice in range(slices)
        ]

    def load(self, case: Case) -> RawPair:
        """Simulate a slice: early and late, (128, 128) uint16 each."""
        prefix, *numbers = case.id.split("-")
        if prefix != self.name or len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            raise DataError(f"Case {case.id!r} is not of dataset {self.name!r}; take cases from its cases().")
        subject, slice = map(int, numbers)
        height = float(np.linspace(LOWEST, HIGHEST, int(self.options["slices"]) + 2)[slice + 1])
        rng = np.random.default_rng(derive(self.seed, self.name, subject, slice))
        early, late = simulate(make_head(self.seed, subject), height, rng)
        return RawPair(early, late)  # type: ignore[arg-type]  # of its pixel_type

    def fingerprint(self) -> str:
        """Name, options, seed and version of the simulation."""
        options = " ".join(f"{option}={self.options[option]!r}" for option in sorted(self.options))
        return f"{self.name} {options} seed={self.seed} version=1"


def _kind(head: Head) -> str:
    """What lesions a subject has, in words."""
    kinds = {lesion.is_tumour for lesion in head.lesions}
    return "both" if len(kinds) == 2 else "tumour" if True in kinds else "scar"


def simulate(head: Head, height: float, rng: np.random.Generator) -> tuple[Pixels16, Pixels16]:
    """The early and the late slice of a subject.

    Args:
        head: The subject.
        height: Of the slice, from -1 (base) to 1 (top); the head ends at both.
        rng: Of noise and motion.

    Returns:
        Two (128, 128) uint16; 65535 is one and the same signal in every slice of every subject.
    """
    maps = tissue_maps(head, height)
    shading = cv2.resize(head.shading, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    pictures: list[Field] = []
    for minutes in (EARLY, LATE):
        agent = concentration(minutes, maps.transfer, maps.space, maps.plasma)
        clean = signal(maps.density, maps.t1, agent) * shading / WHITE
        spread = cv2.GaussianBlur(np.asarray(clean, dtype=np.float32), (0, 0), 0.7)  # of a point
        pictures.append(np.asarray(spread, dtype=np.float32))
    pictures[1] = _moved(pictures[1], rng)
    early, late = (_rician(picture, rng) for picture in pictures)
    return early, late


def _moved(picture: Field, rng: np.random.Generator) -> Field:
    """The picture after the subject moved a little and the slices were registered."""
    centre = ((SIZE - 1) / 2, (SIZE - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, rng.normal(0, TURN), 1.0)
    matrix[0, 2] += rng.normal(0, SHIFT)
    matrix[1, 2] += rng.normal(0, SHIFT)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC), dtype=np.float32)


def _rician(picture: Field, rng: np.random.Generator) -> Pixels16:
    """Magnitude of the signal with Gaussian noise in both channels of the receiver, in 16 bits."""
    real, imaginary = rng.standard_normal((2, SIZE, SIZE), dtype=np.float32) * np.float32(NOISE)
    magnitude = np.hypot(np.maximum(picture, 0) + real, imaginary)
    return np.asarray(np.clip(magnitude, 0, 1) * LEVELS + 0.5, dtype=np.uint16)
