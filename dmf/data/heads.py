"""Heads made up of tissues, with lesions in the brain, for simulated magnetic resonance.

Reference:
    What lesions take up and give back: Zach et al., Neuro-Oncology 17 (2015), 457-465.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dmf.data.tofts import Field
from dmf.seeding import derive

SIZE = 128  # side of a slice, in pixels


@dataclass(frozen=True)
class Tissue:
    """What decides how bright a tissue is, and when.

    Attributes:
        density: Protons, as a share of those of water.
        t1: Longitudinal relaxation time without contrast agent, in s.
        transfer: Transfer constant K of the Tofts model, per minute.
        space: Volume fraction v_e the agent leaks into.
        plasma: Volume fraction v_p of blood plasma.
    """

    density: float
    t1: float
    transfer: float
    space: float
    plasma: float


AIR, SCALP, BONE, LIQUOR, GREY, WHITE_MATTER, VESSEL, PLEXUS, SWELLING, TUMOUR, SCAR, DEAD = range(12)
TISSUES = (
    Tissue(0.0, 1.0, 0.0, 0.2, 0.0),
    Tissue(0.75, 0.45, 0.02, 0.15, 0.02),
    Tissue(0.08, 0.6, 0.005, 0.1, 0.01),
    Tissue(1.0, 4.0, 0.0004, 0.9, 0.0),
    Tissue(0.82, 1.30, 0.0004, 0.1, 0.035),
    Tissue(0.71, 0.85, 0.0002, 0.1, 0.02),
    Tissue(0.85, 1.5, 0.0, 0.2, 0.55),
    Tissue(0.85, 1.4, 0.12, 0.3, 0.10),
    Tissue(0.86, 1.5, 0.0008, 0.25, 0.02),
    Tissue(0.85, 1.4, 0.16, 0.30, 0.06),
    Tissue(0.84, 1.3, 0.011, 0.55, 0.02),
    Tissue(0.92, 2.2, 0.003, 0.7, 0.0),
)


@dataclass(frozen=True)
class Lesion:
    """A focus in the brain of a subject; lengths as shares of half the head's width.

    Attributes:
        is_tumour: Active tumour, else scarred by treatment.
        centre: Row, column and height.
        radius: Of the enhancing part.
        core: Radius of what lies dead within it, as a share of the radius.
        lobes: Amplitude and phase of its outline at 2 to 5 waves around.
        swelling: Radius of the swelling around it, as a share of the radius.
        leak: Its transfer constant over that of its tissue.
    """

    is_tumour: bool
    centre: tuple[float, float, float]
    radius: float
    core: float
    lobes: tuple[tuple[float, float], ...]
    swelling: float
    leak: float


@dataclass(frozen=True)
class Head:
    """A subject: the shape of the head, what makes its folds and vessels, and its lesions.

    Attributes:
        axes: Half height and half width in pixels.
        tilt: Turn of the head, in degrees.
        folds, strands: (height, 18, 18) and (height, 14, 14) smooth noise at several heights, for cortex and vessels.
        shading: (4, 4) how the sensitivity of the coil varies.
        lesions: One to three.
    """

    axes: tuple[float, float]
    tilt: float
    folds: Field
    strands: Field
    shading: Field
    lesions: tuple[Lesion, ...]


@lru_cache(maxsize=4)  # slices of a subject are mostly asked for one after another
def make_head(seed: int, subject: int) -> Head:
    """The subject of a number; the same for the same seed on every machine."""
    rng = np.random.default_rng(derive(seed, "contrast", subject))
    axes = rng.uniform(53, 60), rng.uniform(43, 49)
    noise = [np.asarray(rng.standard_normal((5, cells, cells)), dtype=np.float32) for cells in (18, 14)]
    shading = np.asarray(rng.uniform(0.82, 1.0, (4, 4)), dtype=np.float32)
    lesions = tuple(_lesion(rng) for _ in range(rng.integers(1, 4)))
    return Head(axes, rng.normal(0, 5), noise[0], noise[1], shading, lesions)


def _lesion(rng: np.random.Generator) -> Lesion:
    is_tumour = bool(rng.random() < 0.5)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.6)
    centre = (far * float(np.sin(angle)) * 1.1, far * float(np.cos(angle)), rng.uniform(-0.35, 0.35))
    # Tumours are solid, or a thick rim around what died; scars are a thin, ragged rim.
    core = rng.uniform(0, 0.55) if is_tumour else rng.uniform(0.5, 0.75)
    ragged = 0.12 if is_tumour else 0.22
    lobes = tuple((rng.uniform(0, ragged), rng.uniform(0, 2 * np.pi)) for _ in range(4))
    radius, swelling = rng.uniform(0.12, 0.28), rng.uniform(1.2, 2.2)
    return Lesion(is_tumour, centre, radius, core, lobes, swelling, rng.uniform(0.7, 1.4))


@dataclass(frozen=True)
class TissueMaps:
    """(128, 128) maps of what :class:`Tissue` says, and ``kinds``, the number of each pixel's tissue."""

    density: Field
    t1: Field
    transfer: Field
    space: Field
    plasma: Field
    kinds: NDArray[np.uint8]


def tissue_maps(head: Head, height: float) -> TissueMaps:
    """What lies where in a slice of a subject."""
    row, column = _coordinates(head)
    extent = float(np.sqrt(max(1 - height**2, 0.05)))  # heads taper
    folds, strands = (_between(noise, height) for noise in (head.folds, head.strands))
    far = np.hypot(row, column) / extent
    depth = far + 0.02 * strands
    kinds = np.select(
        [depth > 1, depth > 0.92, depth > 0.85, depth > 0.82 + 0.02 * folds],
        [np.uint8(AIR), np.uint8(SCALP), np.uint8(BONE), np.uint8(LIQUOR)],
        np.uint8(WHITE_MATTER),
    )
    brain = kinds == WHITE_MATTER
    kinds[brain & (depth > 0.70 + 0.07 * np.abs(folds))] = GREY
    kinds[brain & (np.abs(folds) < 0.10) & (depth > 0.62)] = LIQUOR  # furrows
    brain &= depth < 0.68
    for side in (-1, 1):
        nucleus = np.hypot((row + 0.02) / 0.20, (column - side * 0.27) / 0.13)
        kinds[brain & (nucleus < 1)] = GREY
        # Ventricles are bent, and narrow towards the top.
        bent = column - side * (0.09 + 0.35 * row**2)
        ventricle = np.hypot(row / 0.36, bent / (0.075 * extent)) + 0.1 * folds
        kinds[brain & (ventricle < 1)] = LIQUOR
        kinds[brain & (np.hypot((row - 0.16) / 0.08, (bent + 0.01) / 0.022) < 1)] = PLEXUS
    kinds[brain & (np.abs(strands) < 0.035) & (folds > 0.4)] = VESSEL
    kinds[np.hypot((row - 0.86 * extent) / 0.05, column / 0.035) < 1] = VESSEL  # the sagittal sinus
    leak = np.ones((SIZE, SIZE), dtype=np.float32)
    for lesion in head.lesions:
        _put(lesion, kinds, leak, row, column, height, strands)
    table = np.array([[t.density, t.t1, t.transfer, t.space, t.plasma] for t in TISSUES], dtype=np.float32)
    density, t1, transfer, space, blood = (table[:, n][kinds] for n in range(5))
    texture = np.asarray(1 + 0.04 * strands, dtype=np.float32)
    return TissueMaps(density, t1 * texture, transfer * leak, space, blood, kinds)


def _put(  # noqa: PLR0917
    lesion: Lesion, kinds: NDArray[np.uint8], leak: Field, row: Field, column: Field, height: float, texture: Field
) -> None:
    """Draw a lesion over what lies there; only in brain."""
    down, right, up = row - lesion.centre[0], column - lesion.centre[1], height - lesion.centre[2]
    if abs(up) >= lesion.radius:
        return
    angle = np.arctan2(down, right)
    outline: Field = 1 + sum(
        size * np.cos((wave + 2) * angle + phase) for wave, (size, phase) in enumerate(lesion.lobes)
    )
    away = np.sqrt(down**2 + right**2 + up**2) / (lesion.radius * outline)
    brain = np.isin(kinds, (GREY, WHITE_MATTER, LIQUOR)) & (np.hypot(row, column) < 0.8)
    kinds[(kinds == WHITE_MATTER) & (away + 0.1 * texture < lesion.swelling)] = SWELLING
    inside = brain & (away < 1)
    kinds[inside] = TUMOUR if lesion.is_tumour else SCAR
    kinds[inside & (away < lesion.core)] = DEAD
    patchy = lesion.leak * (1 + (0.2 if lesion.is_tumour else 0.5) * np.clip(texture, -1.5, 1.5))
    leak[inside] = patchy[inside]


def _coordinates(head: Head) -> tuple[Field, Field]:
    """Row and column of each pixel, turned with the head, as shares of its half axes."""
    places = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    angle = np.deg2rad(head.tilt)
    down, right = places[:, None], places[None]
    row = (down * np.cos(angle) + right * np.sin(angle)) / head.axes[0]
    column = (right * np.cos(angle) - down * np.sin(angle)) / head.axes[1]
    return np.asarray(row, dtype=np.float32), np.asarray(column, dtype=np.float32)


def _between(noise: Field, height: float) -> Field:
    """Smooth noise (128, 128) at a height, between the two layers next to it, of unit spread."""
    place = (np.clip(height, -1, 1) + 1) / 2 * (len(noise) - 1)
    below = min(int(place), len(noise) - 2)
    share = np.float32(place - below)
    layer = ((1 - share) * noise[below] + share * noise[below + 1]) / np.hypot(1 - share, share)
    return np.asarray(
        cv2.resize(np.asarray(layer, dtype=np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )
