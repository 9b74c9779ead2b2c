"""What several runs are called beside each other: each by what it has that the others have not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

WEIGHTING, SEED = "fusion.weighting", "training.seed"
MOST_SETTINGS = 2  # in a name; where more of them differ it has those alone that tell runs of one label apart

_OF_THE_MACHINE = frozenset(
    f"training.{name}"
    for name in ("device", "threads", "memory_format", "deterministic", "keep_probabilities", "probabilities_mb")
)


@dataclass(frozen=True)
class Named:
    """A run that is to be named.

    Attributes:
        label: What it is called in its experiment.
        config: Its settings, ``section.field`` to value, as ``dmf.analysis.differences.flat_config`` gives them.
        experiment: The name that somebody gave to its experiment; empty without one.
    """

    label: str
    config: Mapping[str, Any]
    experiment: str = ""

    @property
    def is_named_by_hand(self) -> bool:
        """Whether somebody gave it its label: others are a weighting, then what the run has of its own."""
        method, *settings = self.label.split(" ")
        return method.partition(",")[0] != self.config.get(WEIGHTING) or not all("=" in word for word in settings)

    @property
    def in_label(self) -> frozenset[str]:
        """Settings that its label tells, without their section."""
        return frozenset(word.partition("=")[0].rpartition(".")[2] for word in self.label.split(" ")[1:])


def names_of(
    runs: Mapping[str, Named],
    title: Callable[[str], str] = str,
    words: Callable[[str, Any], str] | None = None,
) -> dict[str, str]:
    """A name for each run that none of the others has: its label, then the settings in which these runs differ.

    ``variance`` with two seeds are ``variance · seed 0`` and ``variance · seed 1``. A label that somebody gave and that
    no other run has stays as it is. Settings of the machine, and more than two others, stand in a name only where
    labels are shared. Runs whose settings are the same too have the names of their experiments behind them, and where
    these are the same they are counted, in the order given.

    Args:
        runs: Id to run, in the order they are shown.
        title: How a label is written.
        words: Takes a field and its value; gives what is said of it.
    """
    titles = {id: title(run.label) for id, run in runs.items()}
    alone = {id for id, run in runs.items() if run.is_named_by_hand and _count(titles, id) == 1}
    others = {id: run for id, run in runs.items() if id not in alone}
    fields = _chosen(others, titles)
    say = words or _plainly
    names = dict(titles)
    for id, run in others.items():
        names[id] = _joined(titles[id], *(say(field, run.config[field]) for field in fields if field in run.config))
    of_name = {name: {runs[id].experiment for id in names if names[id] == name} for name in names.values()}
    parted = {id: _joined(name, runs[id].experiment) if len(of_name[name]) > 1 else name for id, name in names.items()}
    return _counted(parted)


def repeats_of(runs: Mapping[str, Named]) -> list[tuple[str, ...]]:
    """The runs in groups that differ in nothing but the seed; each by itself where two of a group have the same seed.

    A setting that a run did not record is none in which it differs.

    Args:
        runs: Id to run, in the order they are shown.
    """
    fields = [field for field in differing([*runs.values()]) if field != SEED]
    alike: dict[str, list[str]] = {}
    for id, run in runs.items():
        alike.setdefault(repr([run.config.get(field) for field in fields]), []).append(id)
    groups: list[tuple[str, ...]] = []
    for ids in alike.values():
        is_repeated = len({runs[id].config.get(SEED) for id in ids}) == len(ids)
        groups += [tuple(ids)] if is_repeated else [(id,) for id in ids]
    return groups


def names_of_groups(
    runs: Mapping[str, Named],
    groups: Sequence[tuple[str, ...]],
    title: Callable[[str], str] = str,
    words: Callable[[str, Any], str] | None = None,
) -> dict[str, tuple[str, ...]]:
    """A name for each of the groups, as :func:`names_of` names runs; of several runs it leaves the seed out."""
    first = {ids[0]: runs[ids[0]] for ids in groups}
    alike = {
        ids[0]: {field: value for field, value in runs[ids[0]].config.items() if len(ids) == 1 or field != SEED}
        for ids in groups
    }
    names = names_of({id: replace(run, config=alike[id]) for id, run in first.items()}, title, words)
    return {names[ids[0]]: ids for ids in groups}


def differing(runs: Sequence[Named]) -> list[str]:
    """Fields of which two of these runs recorded different values, the seed last."""
    fields = dict.fromkeys(field for run in runs for field in run.config)
    values = {field: [run.config[field] for run in runs if field in run.config] for field in fields}
    return sorted((field for field in fields if _differ(values[field])), key=SEED.__eq__)


def _chosen(runs: Mapping[str, Named], titles: Mapping[str, str]) -> list[str]:
    """The settings that stand in names."""
    of_label = {label: [run for id, run in runs.items() if titles[id] == label] for label in titles.values()}
    within = {field for group in of_label.values() for field in differing(group)}
    in_labels = {WEIGHTING.partition(".")[2]}.union(*(run.in_label for run in runs.values()))
    every = [
        field for field in differing([*runs.values()]) if field in within or field.rpartition(".")[2] not in in_labels
    ]
    plain = [field for field in every if field not in _OF_THE_MACHINE]
    if len(plain) <= MOST_SETTINGS and within <= {*plain}:
        return plain
    needed = [field for field in every if field in within]
    return needed if len(needed) <= MOST_SETTINGS else _fewest(needed, runs, titles)


def _fewest(fields: Sequence[str], runs: Mapping[str, Named], titles: Mapping[str, str]) -> list[str]:
    """Those of the fields, each as it is needed, that tell all apart which the fields together do."""
    kept: list[str] = []

    def apart(by: Sequence[str]) -> int:
        return len({(titles[id], *(repr(run.config.get(field)) for field in by)) for id, run in runs.items()})

    for field in sorted(fields, key=_OF_THE_MACHINE.__contains__):
        if apart([*kept, field]) > apart(kept):
            kept.append(field)
    return [field for field in fields if field in kept]


def _differ(values: Sequence[Any]) -> bool:
    # A switch is not a number: True == 1 in Python.
    first = values[0]
    return any(isinstance(value, bool) != isinstance(first, bool) or value != first for value in values)


def _counted(names: Mapping[str, str]) -> dict[str, str]:
    """With a number behind each name that several have."""
    counted, seen = {}, dict.fromkeys(names.values(), 0)
    for id, name in names.items():
        seen[name] += 1
        counted[id] = f"{name} ({seen[name]})" if _count(names, id) > 1 else name
    return counted


def _count(names: Mapping[str, str], id: str) -> int:
    return list(names.values()).count(names[id])


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _plainly(field: str, value: Any) -> str:
    return f"{field.rpartition('.')[2].replace('_', ' ')} {value}"
