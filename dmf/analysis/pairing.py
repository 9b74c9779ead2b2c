"""Which trained models may be compared image by image: those judged on the same images of the same truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dmf.analysis.differences import FlatConfig, flat_config, in_order
from dmf.config import DataConfig
from dmf.config_text import to_text
from dmf.image_sets import DRAWN

Floats = NDArray[np.float64]

Shared: TypeAlias = Literal["all", "some", "none"]

SEED = "training.seed"
SPLIT_SEED = "data.split_seed"

# What must be the same, and what is said where it is not. {} is replaced by both values. So must all other settings of
# the data be but those of the filter, which changes what a network sees and not what it is judged by.
_SAME = {
    "data.dataset": "were trained on different datasets ({})",
    "data.dataset_options": "use different options of the dataset ({})",
    "data.root": "read their images from different folders ({})",
    "data.limit": "use different numbers of cases ({})",
    "data.split_seed": "were split by different seeds ({})",
    "data.split": "deal cases to training, validation and test in different shares ({})",
    "data.image_size": "see images of different size ({} pixels), so that their scores count different pixels",
    "data.fit": "make images square in different ways ({}), so that their scores count different pixels",
    "training.absent": "score a class that is neither there nor found differently ({})",
}
_DEFAULTS = flat_config({"data": DataConfig().model_dump(mode="json")}, {})


@dataclass(frozen=True)
class ScoredRun:
    """Scores of one run on its test images.

    Attributes:
        config: What ``flat_config`` gives; the run's data, split and seed are read from it.
        cases: One id per image.
        scores: (cases,) one score per image, NaN where there is none.
        of_another_task: What its task is called, if the score is one that only other tasks have; else empty.
    """

    run: str
    config: FlatConfig
    cases: tuple[str, ...]
    scores: Floats
    of_another_task: str = ""


@dataclass(frozen=True)
class Pairing:
    """Scores side by side.

    Attributes:
        groups: Names of those that can be compared, the baseline among them, in the order given.
        seeds: Seeds that all of them were trained with.
        scores: For each seed, (groups, images); images that any group has no score for are left out.
        refused: Name to the reason, one sentence, of each group that cannot be compared.
        shared: Whether the seeds were tested on ``all`` the same images, have ``some`` in common, or ``none``.
    """

    groups: tuple[str, ...]
    seeds: tuple[Any, ...]
    scores: tuple[Floats, ...]
    refused: dict[str, str]
    shared: Shared = "none"


def pair(groups: Mapping[str, Sequence[ScoredRun]], baseline: str) -> Pairing:
    """Line up the test images of all groups with those of the baseline.

    The seed decides the first weights and the order of batches, and the split unless that has a seed of its own, so
    runs are paired seed by seed. A group is refused where the data, the split, the image size or the scoring differ
    from the baseline's, where it has no seed in common with it, or where it has two runs of one seed. A run that
    recorded no settings of its data is taken to agree with another that did not.

    Args:
        groups: Name to the runs of one method, one per seed.
        baseline: The group that others are held against.

    Raises:
        ValueError: If there is no such group.
    """
    if baseline not in groups:
        raise ValueError(f"`baseline` must be one of {', '.join(groups)}, got {baseline!r}.")
    refused = {name: reason for name, runs in groups.items() if (reason := _unfit(name, runs))}
    if baseline in refused:
        return Pairing((), (), (), {name: refused.get(name, refused[baseline]) for name in groups})
    by_seed = {
        name: {run.config.get(SEED): run for run in runs} for name, runs in groups.items() if name not in refused
    }
    reference = by_seed[baseline]
    for name, runs in list(by_seed.items()):
        one, other = next(iter(runs.values())), next(iter(reference.values()))
        usable = {seed: run for seed, run in runs.items() if seed in reference and _same_images(run, reference[seed])}
        why = _difference(one.config, other.config)
        if not why and not usable:
            why = _other_images(runs, reference)
        if why:
            refused[name] = f"{name} and {baseline} cannot be compared: they {why}."
            del by_seed[name]
        else:
            by_seed[name] = usable
    common = [seed for seed in reference if all(seed in runs for runs in by_seed.values())]
    tables = {seed: _table([runs[seed] for runs in by_seed.values()], reference[seed]) for seed in common}
    seeds = [seed for seed in common if tables[seed].shape[1]]
    if not seeds:
        missing = (
            "test image that all of them have a score for" if common else "seed that all of them were trained with"
        )
        why = f"{', '.join(by_seed)} cannot be compared: there is no {missing}."
        return Pairing((), (), (), {name: refused.get(name, why) for name in groups})
    shared = _shared([reference[seed] for seed in seeds])
    return Pairing(tuple(by_seed), tuple(seeds), tuple(tables[seed] for seed in seeds), refused, shared)


def _shared(runs: Sequence[ScoredRun]) -> Shared:
    """Which test images runs of different seeds have in common."""
    first = runs[0].config
    if len(runs) < 2 or (first.get("data.dataset") in DRAWN and first.get(SPLIT_SEED) is None):
        return "none"
    sets = [set(run.cases) for run in runs]
    if all(each == sets[0] for each in sets):
        return "all"
    return "some" if len(set().union(*sets)) < sum(map(len, sets)) else "none"


def _unfit(name: str, runs: Sequence[ScoredRun]) -> str:
    """Why a group by itself cannot be compared; empty if it can."""
    if other := next((run.of_another_task for run in runs if run.of_another_task), ""):
        return f"{name} is of the task {other}, which has no such score."
    if not runs or not all(run.cases for run in runs):
        return f"{name} has no scores of single test images; a race keeps them when its training ends."
    for run in runs[1:]:
        if why := _difference(run.config, runs[0].config):
            return f"The runs of {name} cannot be taken together: they {why}."
    seeds = [run.config.get(SEED) for run in runs]
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), _NONE)
    if twice is not _NONE:
        return (
            f"{name} has {seeds.count(twice)} runs of seed {to_text(twice)}; group by more settings, so that every "
            "group has one run per seed."
        )
    return ""


_NONE = object()


def _difference(one: FlatConfig, other: FlatConfig) -> str:
    """How the data or the scoring of two runs differ, to follow "they"; empty if they agree."""
    others = [field for field in in_order({"one": one, "other": other}) if field.startswith("data.")]
    sentences = _SAME | {
        field: f"differ in {field} ({{}})" for field in others if not field.startswith((*_SAME, "data.filter"))
    }
    for field, sentence in sentences.items():
        values = [_values(config, field) for config in (one, other)]
        if values[0] != values[1]:
            return sentence.replace("{}", " and ".join(_words(part) for part in values))
    return ""


def _values(config: FlatConfig, field: str) -> FlatConfig:
    """A field, or its options. One that is younger than the run counts as its default, which is how things were."""
    values = {name: value for name, value in config.items() if name == field or name.startswith(f"{field}.")}
    if not values and field in _DEFAULTS and "data.dataset" in config:
        return {field: _DEFAULTS[field]}
    return values


def _words(values: FlatConfig) -> str:
    if not values:
        return "not recorded"
    # Options carry their names, a plain field is known from the sentence.
    return ", ".join(
        to_text(value) if name.count(".") == 1 else f"{name.rpartition('.')[2]}={to_text(value)}"
        for name, value in values.items()
    )


def _same_images(one: ScoredRun, other: ScoredRun) -> bool:
    return len(one.cases) == len(other.cases) and set(one.cases) == set(other.cases)


def _other_images(runs: Mapping[Any, ScoredRun], reference: Mapping[Any, ScoredRun]) -> str:
    common = [seed for seed in runs if seed in reference]
    if not common:
        mine, theirs = (", ".join(to_text(seed) for seed in images) for images in (runs, reference))
        return f"have no seed in common ({mine} and {theirs}), and the seed decides the split into test images"
    one, other = runs[common[0]], reference[common[0]]
    shared = len(set(one.cases) & set(other.cases))
    return (
        f"were tested on different images (of {len(one.cases)} and {len(other.cases)} images, {shared} are the same), "
        "although their settings agree; the dataset was changed between them"
    )


def _table(runs: Sequence[ScoredRun], reference: ScoredRun) -> Floats:
    """Scores (runs, images) in the order of the reference, without images that one of them has no score for."""
    rows = []
    for run in runs:
        place = {case: position for position, case in enumerate(run.cases)}
        rows.append(run.scores[[place[case] for case in reference.cases]])
    table = np.array(rows, np.float64)
    return table[:, np.isfinite(table).all(0)]
