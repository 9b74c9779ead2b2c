"""What a dataset holds, and everything that is wrong with it, in one pass."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dmf.data.base import NO_MASK, NO_MASKS_FOR, BrokenDataError, Dataset, Doubt, Problem
from dmf.data.bounds import refuse_large_cases
from dmf.data.discovery import told
from dmf.data.scaling import nearly_blank

MOST_NAMED = 3  # files that a line about several names


@dataclass(frozen=True)
class Report:
    """Findings about a dataset. Sizes and shares cover the cases that could be loaded.

    Attributes:
        name, root: The dataset, and where it was looked for; the root is empty where nothing lies on disk.
        cases: Cases listed.
        masks: Mask files listed.
        labels: Cases per label.
        heights, widths: Smallest, median and largest, in pixels; None where nothing could be loaded.
        class_shares: Share per class name of the pixels that have a class.
        problems: All that is wrong; training refuses to start until they are gone.
        notes: What is unusual, and how it is read.
        doubts: What may be meant otherwise than it is read, with the options that settle it.
    """

    name: str
    root: str
    cases: int
    masks: int
    labels: dict[str, int]
    heights: tuple[int, int, int] | None
    widths: tuple[int, int, int] | None
    class_shares: dict[str, float]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        labels = ", ".join(f"{count} {label}" for label, count in self.labels.items())
        lines = [f"{self.name}: {self.cases} cases ({labels or 'none'}), {self.masks} mask files"]
        if self.root:
            lines.append(f"  in {self.root}")
        if self.heights and self.widths:
            for side, values in (("height", self.heights), ("width", self.widths)):
                lines.append(f"  {side}: {values[0]} to {values[2]} pixels, median {values[1]}")
            shares = ", ".join(f"{name} {share:.2%}" for name, share in self.class_shares.items())
            lines.append(f"  share of pixels: {shares}")
        for title, found in (("problems", self.problems), ("doubts", self.doubts), ("notes", self.notes)):
            lines.append(f"  {title}: {len(found) or 'none'}")
            lines += [f"    {entry}" for entry in found]
        return "\n".join(lines)


def check(dataset: Dataset, *, on_progress: Callable[[int, int], None] | None = None) -> Report:
    """Load every case and report counts, sizes, class shares and every problem; stops at none of them.

    Args:
        dataset: What to look at.
        on_progress: Called with (number of the case that is loaded, cases in all).
    """
    problems = dataset.problems()
    notes = dataset.remarks()
    try:
        cases = dataset.cases()
        refuse_large_cases(dataset, cases)
    except BrokenDataError as error:
        cases = []
        problems += error.problems
    sizes: list[tuple[int, ...]] = []
    single: list[Problem] = []
    blank: dict[str, list[str]] = {}
    pixels = np.zeros(len(dataset.class_names), dtype=np.int64)
    bare: list[tuple[str, Problem]] = []
    twins: dict[bytes, list[str]] = {}
    for done, case in enumerate(cases, start=1):
        if on_progress is not None:
            on_progress(done, len(cases))
        try:
            pair = dataset.load(case)
        except BrokenDataError as error:
            bare += [(case.id, problem) for problem in error.problems if problem.what == NO_MASK]
            single += [problem for problem in error.problems if problem.what != NO_MASK]
            continue
        notes += pair.notes
        if (colour := nearly_blank(pair.image)) is not None:
            blank.setdefault(colour, []).append(case.id)
        sizes.append(pair.mask.shape)
        pixels += np.bincount(pair.mask.ravel(), minlength=len(pixels))[: len(pixels)]  # without those of no class
        content = hashlib.sha256(repr(pair.image.shape).encode() + pair.image.tobytes()).digest()
        twins.setdefault(content, []).append(case.id)
    if bare and not any(problem.what.startswith(NO_MASKS_FOR) for problem in problems):
        problems.append(_unmasked(dataset, bare, len(cases)))
    notes += [
        f"{' and '.join(ids)}: the same picture, so they may fall into different splits"
        for ids in twins.values()
        if len(ids) > 1
    ]
    heights, widths = (_range(side) for side in zip(*sizes, strict=True)) if sizes else (None, None)
    shares = pixels / max(int(pixels.sum()), 1)
    return Report(
        dataset.name,
        str(dataset.root) if dataset.needs_download else "",
        len(cases),
        len({mask for case in cases for mask in case.masks}),
        dict(Counter(case.label for case in cases)),
        heights,
        widths,
        dict(zip(dataset.class_names, shares.tolist(), strict=True)),
        (*problems, *dataset.sum_up(list(dict.fromkeys(single)))),  # a file of many cases is told once
        tuple(_gathered(notes)),
        (*dataset.doubts(), *_blank(dataset, blank, len(cases))),
    )


def _unmasked(dataset: Dataset, bare: Sequence[tuple[str, Problem]], cases: int) -> Problem:
    """One problem for all images without a mask."""
    if len(bare) == 1:
        return bare[0][1]
    what = f"{NO_MASKS_FOR} {len(bare)} of {cases} images ({told([id for id, _ in bare])})"
    return Problem(str(dataset.root), what, bare[0][1].remedy)


def _blank(dataset: Dataset, blank: Mapping[str, Sequence[str]], cases: int) -> list[Doubt]:
    """Images that are nearly black or nearly white."""
    ways = tuple(f"intensity={how}" for how in ("percentile", "depth", "window") if "intensity" in dataset.options)
    return [
        Doubt(
            f"{len(ids)} of {cases} images are nearly {colour} all over, such as {', '.join(ids[:MOST_NAMED])}",
            "they are read so",
            ways,
        )
        for colour, ids in blank.items()
    ]


def _gathered(notes: Sequence[str]) -> list[str]:
    """Notes in their order, those that say the same of several files as one."""
    same: dict[str, list[str]] = {}
    for note in notes:
        file, colon, what = note.partition(": ")
        same.setdefault(what if colon else note, []).append(file if colon else "")
    lines = []
    for what, files in same.items():
        if len(files) < MOST_NAMED:
            lines += [f"{file}: {what}" if file else what for file in files]
            continue
        named = ", ".join(filter(None, files[:MOST_NAMED]))
        more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
        lines.append(f"{named}{more}: {what}" if named else what)
    return lines


def _range(values: tuple[int, ...]) -> tuple[int, int, int]:
    return min(values), int(np.median(values)), max(values)
