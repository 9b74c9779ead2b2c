"""Every case filtered and resized once, kept on disk under a key of everything that decided its pixels."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmf.config import DataConfig
from dmf.data.base import Case, Dataset, Pixels
from dmf.data.bounds import refuse_large_cases
from dmf.data.cache import Planned, map_arrays, read_arrays, writing
from dmf.data.filtering import preprocess, square
from dmf.errors import DataError
from dmf.paths import cache_folder
from dmf.seeding import derive

VERSION = 2  # raise it when the same settings give other pixels
ARRAYS = ("images", "masks", "sizes")  # names in the cache file, where targets of any kind are masks
_computing = threading.Lock()


@dataclass(frozen=True)
class PreparedData:
    """Images and their targets of one size, ready for a network.

    Both are maps of the cache file: they take memory only where they are looked at.

    Attributes:
        images: (N, C, S, S) uint8, uint16 or float32.
        targets: (N, S, S) uint8 class numbers; or, as images to be made, (N, O, S, S) of the type of ``images``.
        cases: The N cases, in this order.
        sizes: (N, 2) int64, height and width of the original image.
        class_names: The first is the background; empty where targets are images.
        white: Value of an image that is 1 for the network.
        target_white: The same of targets that are images.
    """

    images: NDArray[Any]
    targets: NDArray[Any]
    cases: tuple[Case, ...]
    sizes: NDArray[np.int64]
    class_names: tuple[str, ...]
    white: float = 255.0
    target_white: float = 255.0


def prepare(
    dataset: Dataset, config: DataConfig, *, on_progress: Callable[[int, int], None] | None = None
) -> PreparedData:
    """Load, filter and resize the cases of a dataset, or read them back from the cache.

    Args:
        dataset: What :func:`dmf.data.build_dataset` made of ``config``.
        config: Image size, fit, filter and limit; ``limit`` takes the first cases of an order seeded by the dataset.
        on_progress: Called with (cases done, cases in all); only while something has to be computed.

    Raises:
        DataError: If there are no cases, or one cannot be loaded.
    """
    cases = choose_cases(dataset, config.limit)
    path = cache_folder() / f"{dataset.name}-{_key(dataset, config, cases)}.npz"
    arrays = read_arrays(path, ARRAYS)
    if arrays is None:
        with _turn() as has_waited:
            arrays = read_arrays(path, ARRAYS) if has_waited else None  # another thread may just have made them
            if arrays is None:
                _compute(path, dataset, config, cases, on_progress)
                arrays = map_arrays(path, ARRAYS)
    return PreparedData(
        *(arrays["images"], arrays["masks"], tuple(cases), arrays["sizes"], dataset.class_names),
        white=dataset.white,
        target_white=dataset.target_white,
    )


@contextmanager
def _turn() -> Iterator[bool]:
    """Let one thread compute at a time; says whether another had to be waited for."""
    has_waited = not _computing.acquire(blocking=False)
    if has_waited:
        _computing.acquire()
    try:
        yield has_waited
    finally:
        _computing.release()


def choose_cases(dataset: Dataset, limit: int | None) -> list[Case]:
    """All cases, or the first ``limit`` of the seeded order; a larger limit keeps what a smaller one chose.

    Raises:
        DataError: If there are no cases, or the folders have a problem that would leave some out.
    """
    cases = dataset.cases()
    problems = dataset.problems()
    if problems:
        more = f" There are {len(problems) - 1} more problems." if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more} `dmf data check {dataset.name}` lists all there is.")
    if not cases:
        raise DataError(f"Dataset {dataset.name!r} has no cases. {dataset.how_to_get}")
    order = np.random.default_rng(derive(dataset.seed, "limit")).permutation(len(cases))
    return cases if limit is None else [cases[position] for position in order[:limit]]


def class_ratios(masks: Pixels, classes: int, positions: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Share of the pixels of each class over all masks, or those at ``positions``, void pixels left out.

    Returns:
        (classes,), sums to 1; all 0 where every pixel is void.
    """
    counts = np.zeros(classes, dtype=np.int64)
    for position in range(len(masks)) if positions is None else positions:  # counting widens pixels: one mask at a time
        counts += np.bincount(masks[position].ravel(), minlength=classes)[:classes]
    shares: NDArray[np.float64] = counts / max(1, int(counts.sum()))
    return shares


def _key(dataset: Dataset, config: DataConfig, cases: Sequence[Case]) -> str:
    settings = {
        "version": VERSION,
        "dataset": dataset.identity(),
        "root": str(dataset.root.resolve()),
        "cases": [case.id for case in cases],
        "image_size": config.image_size,
        "fit": config.fit,
        "filter": [config.filter_diameter, config.filter_sigma_space, config.filter_sigma_intensity]
        if config.filter
        else None,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:20]


def _compute(
    path: Path,
    dataset: Dataset,
    config: DataConfig,
    cases: Sequence[Case],
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Write the prepared cases into the cache, one after another, so that one image is in memory at a time."""
    refuse_large_cases(dataset, cases)
    size, count = config.image_size, len(cases)
    are_images = dataset.target == "image"
    plans = {
        "images": Planned((count, dataset.in_channels, size, size), dataset.pixel_type),
        "masks": Planned((count, dataset.target_channels, size, size), dataset.pixel_type)
        if are_images
        else Planned((count, size, size), np.uint8),
        "sizes": Planned((count, 2), np.int64),
    }
    with writing(path, plans) as writer:
        for position, case in enumerate(cases):
            pair = dataset.load(case)
            target = square(pair.mask, size, config.fit, is_mask=not are_images)
            writer.append(
                images=_planes(preprocess(pair.image, config).resized),
                masks=_planes(target) if are_images else target,
                sizes=np.array(pair.mask.shape[:2]),
            )
            if on_progress is not None:
                on_progress(position + 1, count)


def _planes(image: NDArray[Any]) -> NDArray[Any]:
    """(S, S) or (S, S, C) as (C, S, S)."""
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
