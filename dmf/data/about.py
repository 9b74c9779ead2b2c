"""All there is to say about a dataset on one card: is it here, what does it hold, whose is it, how to get it."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from dmf.config import DataConfig
from dmf.data.base import Dataset
from dmf.data.check import Report, check
from dmf.data.duplicates import Finding, find_duplicates, findings, hash_cases, split_cases
from dmf.data.prepare import choose_cases
from dmf.errors import DataError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Card:
    """What is known about a dataset.

    Attributes:
        name, title: What it is called in configurations, and in full.
        licence, citation, how_to_get: In words; the last is what a failed download says too.
        class_names: The first is the background.
        is_here: Whether its files were found; true for what is simulated.
        report: Counts, sizes, class shares and problems; None where it is not here.
        splits: Cases per label in each split; empty where it cannot be split.
        duplicates: Pictures that look the same, those in different splits first; empty where it cannot be split.
    """

    name: str
    title: str
    licence: str
    citation: str
    how_to_get: str
    class_names: tuple[str, ...]
    is_here: bool
    report: Report | None
    splits: dict[str, dict[str, int]]
    duplicates: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether it is here and nothing is wrong with it."""
        return self.report is not None and self.report.is_sound

    def __str__(self) -> str:
        lines = [self.title, f"  licence: {self.licence}", f"  citation: {self.citation}"]
        if self.report is None:
            return "\n".join([*lines, f"  not here. {self.how_to_get}"])
        lines.append(str(self.report))
        for split, labels in self.splits.items():
            counts = ", ".join(f"{count} {label}" for label, count in labels.items())
            lines.append(f"  {split}: {sum(labels.values())} cases ({counts})")
        if self.splits:
            apart = sum(finding.across_splits for finding in self.duplicates)
            labelled = sum(finding.across_labels for finding in self.duplicates)
            where = f"{apart} in different splits, {labelled} with different labels"
            lines.append(f"  pairs that look the same: {len(self.duplicates)}, {where}")
            if apart and self.report.split:
                lines.append("    the split is given, so duplicates=group moves none of them; split=ignore deals anew")
            elif apart:
                lines.append("    train with duplicates=group to keep them in one split")
        return "\n".join(lines)


def is_here(dataset: Dataset) -> bool:
    """Whether there is anything where the dataset should lie; true for what is simulated."""
    if not dataset.needs_download:
        return True
    try:
        return any(not entry.name.startswith(".") for entry in dataset.root.iterdir())
    except OSError:  # no folder, or one that may not be looked into
        return False


def describe(
    dataset: Dataset,
    config: DataConfig | None = None,
    seed: int = 0,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Look at every case of a dataset, and at how a configuration would split it.

    Args:
        dataset: What :func:`dmf.data.build_dataset` made of ``config``.
        config: Its limit, split and way with duplicates are used; the defaults when not given.
        seed: Of the split.
        on_progress: Called with (cases done, cases in all); a second time from the start while duplicates are sought.
    """
    config = config or DataConfig(dataset=dataset.name)
    here = is_here(dataset)
    report = check(dataset, on_progress=on_progress) if here else None
    if report is not None:
        still = tuple(doubt for doubt in report.doubts if not doubt.is_settled(config.dataset_options))
        report = replace(report, doubts=still)
    splits: dict[str, dict[str, int]] = {}
    duplicates: list[Finding] = []
    if report is not None and report.is_sound:
        cases = choose_cases(dataset, config.limit)
        hashes = hash_cases(dataset, cases, on_progress=on_progress)
        with suppress(DataError):  # too few cases to be split: the counts say so
            indices = split_cases(dataset, cases, config, seed)
            duplicates = findings(cases, find_duplicates(hashes), indices)
            splits = {name: dict(Counter(cases[n].label for n in getattr(indices, name))) for name in SPLITS}
    return Card(
        dataset.name,
        dataset.title,
        dataset.licence,
        dataset.citation,
        dataset.how_to_get,
        dataset.class_names,
        here,
        report,
        splits,
        tuple(duplicates),
    )
