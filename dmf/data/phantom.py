"""Simulated breast ultrasound: speckle images of layered tissue with lesions of exactly known shape.

Scatterers of random strength fill a grid twice as fine as the image. Their spread follows the echogenicity of the
tissue they lie in (in dB); a pulse with a carrier, and a beam that widens away from its focus, blur them into an
interference pattern; its quadrature envelope, attenuated with depth and compressed logarithmically, is the image.

Reference:
    Burckhardt, Speckle in ultrasound B-mode scans, IEEE Trans. Sonics Ultrason. 25 (1978), 1-6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import pydantic
from numpy.typing import NDArray

from dmf.data.base import Case, Dataset, Pixels, RawPair
from dmf.errors import DataError
from dmf.options import Options
from dmf.seeding import derive

SIZE = 128  # side of an image, in pixels
FINE = 2  # grid cells per pixel along each side
DYNAMIC_RANGE = 46.0  # dB from black to white
MOST_IMAGES = 20_000  # about 4 minutes to simulate; a slip of the finger must not fill the memory with cases

Field = NDArray[np.floating]


@dataclass(frozen=True)
class Kind:
    """How lesions of one kind look. Pairs are the ends of a uniform range.

    Attributes:
        level: Echogenicity of the inside, in dB of the scale where gland lies near 0.
        texture: Unevenness of the inside, in dB.
        behind: Added at the far side of the lesion, in dB: below 0 a shadow, above 0 an enhancement.
        elongation: Width over height.
        lobes: Amplitudes of the slow (harmonics 2 to 4) outline waves, as a share of the radius.
        spicules: Amplitudes of the fast (harmonics 6 to 13) outline waves, as a share of the radius.
        rim: Brightness of the margin, in dB.
    """

    level: tuple[float, float]
    texture: tuple[float, float]
    behind: tuple[float, float]
    elongation: tuple[float, float]
    lobes: tuple[float, float]
    spicules: tuple[float, float]
    rim: tuple[float, float]


KINDS = {
    "cyst": Kind((-46, -36), (0, 1), (7, 12), (1.0, 1.6), (0.0, 0.02), (0, 0), (3, 6)),
    "benign": Kind((-25, -16), (1, 3), (0, 6), (1.2, 2.1), (0.0, 0.09), (0, 0), (1, 5)),
    "malignant": Kind((-29, -19), (3, 6), (-14, -3), (0.75, 1.25), (0.10, 0.22), (0.05, 0.11), (-2, 3)),
}


class PhantomOptions(Options):
    """What is simulated."""

    images: int = pydantic.Field(256, ge=1, le=MOST_IMAGES, description="How many images to simulate.")


class Phantom(Dataset):
    """Breast-ultrasound phantom with one lesion per image; labels say benign or malignant, classes only lesion."""

    name = "phantom"
    title = "Simulated breast ultrasound"
    class_names: tuple[str, ...] = ("background", "lesion")
    needs_download = False
    how_to_get = "Nothing to get: the images are simulated."
    licence = "Made by this program; yours to use."
    citation = "None needed. The way speckle is simulated follows Burckhardt (1978)."
    declares = PhantomOptions
    shares: ClassVar[Mapping[str, float]] = {"benign": 0.6, "malignant": 0.4}

    def cases(self) -> list[Case]:
        """One case per image; image ``i`` does not depend on how many there are."""
        count = int(self.options["images"])
        return [Case(f"{self.name}-{number:05d}", self._label(number)) for number in range(count)]

    def load(self, case: Case) -> RawPair:
        """Simulate the image: (128, 128) uint8, and its mask."""
        prefix, _, number = case.id.rpartition("-")
        if prefix != self.name or not number.isdigit():
            raise DataError(f"Case {case.id!r} is not of dataset {self.name!r}; take cases from its cases().")
        rng = np.random.default_rng(derive(self.seed, self.name, int(number)))
        kind = self._label(int(number))
        image, lesion = simulate(rng, KINDS[kind])
        return RawPair(image, lesion * np.uint8(self._class_of(kind)))

    def fingerprint(self) -> str:
        """Name, options, seed and version of the simulation."""
        return f"{super().fingerprint()}\nseed={self.seed} version=1"

    def _label(self, number: int) -> str:
        rng = np.random.default_rng(derive(self.seed, self.name, "label", number))
        return str(rng.choice(list(self.shares), p=list(self.shares.values())))

    def _class_of(self, kind: str) -> int:
        return 1


class Phantom4(Phantom):
    """The phantom with the kinds of lesion told apart, and unequally often."""

    name = "phantom-4"
    title = "Simulated breast ultrasound, four classes"
    class_names = ("background", "cyst", "benign", "malignant")
    shares: ClassVar[Mapping[str, float]] = {"cyst": 0.15, "benign": 0.55, "malignant": 0.30}

    def _class_of(self, kind: str) -> int:
        return self.class_names.index(kind)


def simulate(rng: np.random.Generator, kind: Kind) -> tuple[Pixels, Pixels]:
    """One image with one lesion.

    Returns:
        image (128, 128) uint8, and lesion (128, 128) uint8, 1 inside.
    """
    cells = (np.arange(SIZE * FINE, dtype=np.float32) + 0.5) / (SIZE * FINE)
    depth, across = cells[:, None], cells[None]
    echo = _tissue(rng, depth)
    distance = _outline(rng, kind, depth, across)
    inside = np.asarray(distance < 1, dtype=np.float32)
    level = rng.uniform(*kind.level) + rng.uniform(*kind.texture) * _cloud(rng, 14, 14)
    echo = echo + inside * (level - echo)
    echo += rng.uniform(*kind.rim) * np.exp(-(((distance - 1.06) / 0.05) ** 2))
    echo += _behind(inside, rng.uniform(*kind.behind))
    echo = echo - rng.uniform(10, 24) * depth**1.5  # what the gain does not make up for
    image = _compress(_insonify(rng, echo), rng.uniform(-5, 0))
    lesion = cv2.resize(inside, (SIZE, SIZE), interpolation=cv2.INTER_AREA) >= 0.5
    return image, np.asarray(lesion, dtype=np.uint8)


def _cloud(rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Smooth noise of unit spread with about ``rows`` x ``columns`` blobs."""
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    fine = cv2.resize(coarse, (SIZE * FINE, SIZE * FINE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine, dtype=np.float32)


def _boundary(rng: np.random.Generator, middle: float, swing: float) -> Field:
    """Depth (1, W) of a wavy interface between two layers."""
    return np.asarray(middle + swing * _cloud(rng, 1, 5)[:1], dtype=np.float32)


def _tissue(rng: np.random.Generator, depth: Field) -> Field:
    """Echogenicity (H, W) of skin, fat, gland and muscle, in dB."""
    skin = _boundary(rng, rng.uniform(0.025, 0.045), 0.003)
    fat = _boundary(rng, rng.uniform(0.14, 0.34), 0.04)
    gland = _boundary(rng, rng.uniform(0.62, 0.88), 0.04)
    fibres = _cloud(rng, 30, 6)
    textures = [
        -6 + fibres,
        -17 + 2 * _cloud(rng, 8, 8) + 17 * _strands(rng, 8, 4),
        -7 + 2.5 * fibres + 3.5 * _cloud(rng, 7, 5) + 11 * _strands(rng, 18, 4),
    ]
    muscle = -15 + 3 * _cloud(rng, 8, 4) + 14 * _strands(rng, 22, 2)
    echo = np.select([depth < skin, depth < fat, depth < gland], textures, muscle)
    for interface, brightness in ((skin, 5), (fat, 7), (gland, 11)):
        patchy = np.clip(_cloud(rng, 5, 5) + 0.6, 0, 1)  # an interface is bright where the beam meets it squarely
        echo = echo + brightness * patchy * np.exp(-(((depth - interface) / 0.009) ** 2))
    return np.asarray(echo + 2.5 * _cloud(rng, 3, 3), dtype=np.float32)


def _strands(rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Thin winding lines of height 1, like ligaments and fascia: the zero lines of smooth noise, here and there."""
    lines = np.exp(-((_cloud(rng, rows, columns) / 0.14) ** 2))
    return np.asarray(lines * np.clip(_cloud(rng, 7, 5) + 0.5, 0, 1), dtype=np.float32)


def _outline(rng: np.random.Generator, kind: Kind, depth: Field, across: Field) -> Field:
    """Distance from the centre of the lesion in units of its radius in that direction: below 1 is inside."""
    angles = np.linspace(-np.pi, np.pi, 361, dtype=np.float32)
    width = np.sqrt(rng.uniform(*kind.elongation))
    radius = 1 / np.hypot(np.cos(angles) / width, np.sin(angles) * width)
    for harmonics, amplitude in ((range(2, 5), rng.uniform(*kind.lobes)), (range(6, 14), rng.uniform(*kind.spicules))):
        for harmonic in harmonics:
            phase = rng.uniform(0, 2 * np.pi)
            radius = radius * (1 + amplitude * rng.uniform(-1, 1) * np.cos(harmonic * angles + phase))
    area = np.exp(rng.uniform(np.log(0.022), np.log(0.14)))  # share of the image
    radius *= np.sqrt(area / (np.mean(radius[:-1] ** 2) * np.pi))  # a polar curve encloses pi * mean(r^2)
    high, wide = np.abs(radius * np.sin(angles)).max(), np.abs(radius * np.cos(angles)).max()
    centre = [  # the largest lesions do not fit between the margins and sit in the middle of them
        rng.uniform(min(near + reach, middle), max(far - reach, middle))
        for near, middle, far, reach in ((0.10, 0.5, 0.90, high), (0.01, 0.5, 0.99, wide))
    ]
    tilt = rng.normal(0, 0.2)
    down, right = depth - np.float32(centre[0]), across - np.float32(centre[1])
    direction = np.remainder(np.arctan2(down, right) + tilt + np.pi, 2 * np.pi) - np.pi
    return np.asarray(np.hypot(down, right) / np.interp(direction, angles, radius), dtype=np.float32)


def _behind(inside: Field, change: float) -> Field:
    """Sound that crossed the lesion is weaker or stronger, in dB, in proportion to the path inside."""
    path = np.cumsum(inside, axis=0)
    spread = cv2.GaussianBlur(path, (0, 0), sigmaX=4, sigmaY=1)
    return np.asarray(spread * np.float32(change / max(float(path.max()), 1.0)))


def _insonify(rng: np.random.Generator, echo: Field) -> Field:
    """Echo envelope (H / 2, W) of scatterers on a grid (H, W) whose strength is ``echo`` dB."""
    rows, columns = echo.shape
    scatterers = rng.standard_normal(echo.shape, dtype=np.float32) * 10 ** (echo / 20)
    # Axially a pulse with a Gaussian spectrum around its carrier, 4 cells long. Positive frequencies alone make the
    # analytic signal, whose magnitude is what quadrature detection measures. Moving their band down to 0 leaves the
    # magnitude as it is, and half as many rows carry it.
    spectrum = np.fft.rfft(scatterers, axis=0)[: rows // 2]
    frequency = np.arange(rows // 2, dtype=np.float32)[:, None] / rows
    signal = np.fft.ifft(spectrum * np.exp(-0.5 * ((frequency - 0.25) / 0.11) ** 2), axis=0)
    # Laterally a Gaussian beam, narrowest at the focus; its energy is the same at every depth.
    beam = 1.3 + 2.5 * np.abs(np.linspace(0, 1, rows // 2, dtype=np.float32)[:, None] - rng.uniform(0.3, 0.6))
    wave = np.fft.fftfreq(columns).astype(np.float32)[None]
    envelopes = []
    spectrum = np.fft.fft(signal, axis=1)
    for angle in (-1, 1):  # two looks from the left and right half of the aperture, as in spatial compounding
        look = np.exp(-0.5 * (2 * np.pi * (wave - angle * 0.06) * beam) ** 2) * np.sqrt(beam)
        envelopes.append(np.abs(np.fft.ifft(spectrum * look, axis=1)))
    return np.asarray((envelopes[0] + envelopes[1]) / 2, dtype=np.float32)


def _compress(envelope: Field, gain: float) -> Pixels:
    """Log-compressed grey levels (128, 128) of an envelope."""
    small = np.asarray(cv2.resize(envelope, (SIZE, SIZE), interpolation=cv2.INTER_AREA), dtype=np.float32)
    white = float(np.quantile(small, 0.998))
    decibels = 20 * np.log10(small / white + 1e-4) + gain
    return np.asarray(np.clip(255 * (1 + decibels / DYNAMIC_RANGE), 0, 255).round(), dtype=np.uint8)
