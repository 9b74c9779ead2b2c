"""What a dataset holds, and everything that is wrong with it, in one pass."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dmf.data.base import NO_MASK, BrokenDataError, Case, Dataset, Doubt, Problem
from dmf.data.bounds import refuse_large_cases
from dmf.data.discovery import in_words
from dmf.data.headers import header_of
from dmf.data.intensity import eight_bits
from dmf.data.scaling import nearly_blank

MOST_NAMED = 3  # files that a line about several names
MOST_SHOWN = 8  # entries of a list that a screen has room for
LOWEST = 0.0001  # share that is written as it is; a smaller one is written as below it


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
        class_images: Share per class name of the images that show it.
        depths: Images per kind of pixel as stored, e.g. ``8-bit grey``; empty where nothing lies on disk.
        channels: Channels of the images that a network sees.
        void: Share of the pixels that belong to no class.
        groups: Groups, such as patients, that no split parts; None where no case is in one.
        split: The split that comes with the files, in words; empty where it is dealt.
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
    class_images: dict[str, float] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    channels: int = 1
    void: float = 0.0
    groups: int | None = None
    split: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        truths = "mask" if self.class_shares else "target"
        lines = [f"{self.name}: {self.cases} cases ({counted(self.labels) or 'none'}), {self.masks} {truths} files"]
        if self.root:
            lines.append(f"  in {self.root}")
        if self.heights and self.widths:
            for side, values in (("height", self.heights), ("width", self.widths)):
                lines.append(f"  {side}: {values[0]} to {values[2]} pixels, median {values[1]}")
        if self.depths:
            seen = "grey" if self.channels == 1 else f"{self.channels} channels"
            lines.append(f"  stored as: {counted(self.depths)}; read as {seen}")
        if self.class_shares and self.heights:
            for what, shares in (("pixels", self.class_shares), ("images", self.class_images)):
                named = ", ".join(f"{name} {_percent(share)}" for name, share in shares.items())
                lines.append(f"  share of {what}: {named}")
            lines += [f"  of no class (void): {_percent(self.void)} of the pixels"] if self.void else []
        lines.append(f"  groups: {'none, so each image is split on its own' if self.groups is None else self.groups}")
        lines.append(f"  split: {self.split or 'dealt by shares and seed'}")
        for title, findings in (("problems", self.problems), ("doubts", self.doubts), ("notes", self.notes)):
            lines.append(f"  {title}: {len(findings) or 'none'}")
            lines += [f"    {entry}" for entry in findings[:MOST_SHOWN]]
            lines += [f"    and {len(findings) - MOST_SHOWN} more"] if len(findings) > MOST_SHOWN else []
        return "\n".join(lines)


def counted(counts: Mapping[str, int]) -> str:
    """How many of what, the first ones by name."""
    shown = [f"{count} {name}" for name, count in [*counts.items()][:MOST_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join([*shown, *([f"{more} more kinds"] if more else [])])


def _percent(share: float) -> str:
    return f"below {LOWEST:.2%}" if 0 < share < LOWEST else f"{share:.2%}"


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
        problems += [problem for problem in error.problems if problem not in problems]
    sizes: list[tuple[int, ...]] = []
    single: list[Problem] = []
    blank: dict[str, list[str]] = {}
    classes = len(dataset.class_names)
    pixels = np.zeros(classes, dtype=np.int64)
    images = np.zeros(classes, dtype=np.int64)
    void = 0
    depths: Counter[str] = Counter()
    bare: list[tuple[str, Problem]] = []
    by_content: dict[bytes, list[str]] = {}
    for done, case in enumerate(cases, start=1):
        if on_progress is not None:
            on_progress(done, len(cases))
        try:
            pair = dataset.load(case)
        except BrokenDataError as error:
            bare += [(case.id, problem) for problem in error.problems if problem.kind == NO_MASK]
            single += [problem for problem in error.problems if problem.kind != NO_MASK]
            continue
        notes += pair.notes
        if (colour := nearly_blank(eight_bits(pair.image, dataset.white))) is not None:
            blank.setdefault(colour, []).append(case.id)
        sizes.append(pair.mask.shape[:2])
        if dataset.target == "classes":
            counts = np.bincount(pair.mask.ravel(), minlength=classes)[:classes]  # without those of no class
            pixels += counts
            images += counts > 0
            void += pair.mask.size - int(counts.sum())
        depths.update(_stored(case))
        content = hashlib.sha256(repr(pair.image.shape).encode() + pair.image.tobytes()).digest()
        by_content.setdefault(content, []).append(case.id)
    if bare and not any(problem.kind == NO_MASK for problem in problems):
        problems.append(_unmasked(dataset, bare, len(cases)))
    notes += [
        f"{' and '.join(ids)}: the same picture, so they may fall into different splits"
        for ids in by_content.values()
        if len(ids) > 1
    ]
    heights, widths = (_range(side) for side in zip(*sizes, strict=True)) if sizes else (None, None)
    shares = pixels / max(int(pixels.sum()), 1)
    shown = images / max(len(sizes), 1)
    named = {case.group for case in cases if case.group is not None}
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
        tuple(notes_once(notes)),
        (*dataset.doubts(), *_blank(dataset, blank, len(cases))),
        dict(zip(dataset.class_names, shown.tolist(), strict=True)),
        dict(depths.most_common()),
        dataset.in_channels,
        void / max(void + int(pixels.sum()), 1),
        len(named) + sum(case.group is None for case in cases) if named else None,
        dataset.given_split(),
    )


def _stored(case: Case) -> list[str]:
    """How the pixels of an image are stored, as its file says."""
    header = None if case.image is None else header_of(case.image)
    if header is None:
        return []
    kinds = {1: "grey", 2: "grey with transparency", 3: "colour", 4: "colour with transparency"}
    kind = "palette" if header.has_palette else kinds.get(header.channels, f"{header.channels} channels")
    return [f"{header.bits}-bit {kind}"]


def _unmasked(dataset: Dataset, bare: Sequence[tuple[str, Problem]], cases: int) -> Problem:
    """One problem for all images without a mask."""
    if len(bare) == 1:
        return bare[0][1]
    missing = bare[0][1].what.removeprefix("has ")
    what = f"holds {missing} for {len(bare)} of {cases} images ({in_words([id for id, _ in bare])})"
    return Problem(str(dataset.root), what, bare[0][1].remedy, kind=NO_MASK)


def _blank(dataset: Dataset, blank: Mapping[str, Sequence[str]], cases: int) -> list[Doubt]:
    """Images that are nearly black or nearly white."""
    ways = tuple(f"intensity={how}" for how in ("auto", "percentile", "depth") if "intensity" in dataset.options)
    return [
        Doubt(
            f"{len(ids)} of {cases} images are nearly {colour} all over, such as {', '.join(ids[:MOST_NAMED])}",
            "they are read so",
            ways,
        )
        for colour, ids in blank.items()
    ]


def notes_once(notes: Sequence[str]) -> list[str]:
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
