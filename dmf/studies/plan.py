"""The plan of a study as plain data, and the cells that it is expanded into. Opens without torch."""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from dmf.config import NOTEBOOK, ExperimentConfig, FusionConfig
from dmf.config_text import SECTIONS, build, experiment, names_of, to_text
from dmf.errors import ConfigError, UnknownNameError
from dmf.options import FrozenConfig
from dmf.registry import unknown

Setting = bool | int | float | str
Settings = dict[str, Setting]

AS_NOTEBOOK: Settings = {**NOTEBOOK, "absent": "zero", "metrics_over": "batch", "filter": False}
"""What ``mode = "notebook"`` sets, unless the plan says otherwise."""

_NAMED = ("weighting", "auxiliary")  # what a configuration is first called by


class Axis(FrozenConfig):
    """One setting that is varied."""

    field: str = Field(description="A setting of `dmf train`, with underscores.")
    values: tuple[Setting, ...] = Field(min_length=1, description="What it is set to, one after the other.")


class Budget(FrozenConfig):
    """When no further cell is begun; what trains is trained to its end."""

    hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="Hours that the cells may have trained, all together."
    )
    steps: int | None = Field(None, ge=1, description="Optimizer steps that the runs may have taken, all together.")


class StudyPlan(FrozenConfig):
    """A study: configurations x datasets x repeats.

    The configurations are every combination of the values of ``axes``, and those of ``configurations`` besides. What
    they say wins over a dataset's settings, and those over ``base``. Repeat r has seed ``first_seed`` + r, which
    decides the split, the first network and the batches for all configurations alike.
    """

    name: str = Field(min_length=1, max_length=100, description="By which the study is found.")
    about: str = Field("", description="One sentence: what it is to tell.")
    mode: Literal["paper", "notebook"] = Field(
        "paper", description="Losses and weights as the paper has them, or as the authors' notebook computes them."
    )
    base: Settings = Field(default_factory=dict, description="Settings of all cells, as `dmf train` takes them.")
    axes: tuple[Axis, ...] = ()
    configurations: tuple[Settings, ...] = ()
    datasets: tuple[Settings, ...] = Field(({"dataset": "phantom"},), min_length=1)
    repeats: int = Field(1, ge=1, le=1000)
    first_seed: int = Field(0, ge=0, le=2**31 - 2001)
    article: str = Field("", description="Whose figures can stand beside, as it is cited; none if empty.")
    reference: str = Field("", description="Configuration that all others are compared with; none if empty.")
    budget: Budget = Budget()

    @field_validator("datasets", mode="before")
    @classmethod
    def _names_stand_for_datasets(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = (given,)
        return tuple({"dataset": one} if isinstance(one, str) else one for one in given)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [name for name, _ in self.named()]
        if not names:
            raise ValueError("axes: a study needs an axis or a configuration")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"configurations: {', '.join(twice)} is there more than once")
        if self.reference and self.reference not in names:
            _refuse_unknown({axis.field: axis.values[0] for axis in self.axes})  # which would explain it
            raise ValueError(f"reference: {self.reference!r} is none of the configurations {', '.join(names)}")
        for settings in self.datasets:
            if not settings.get("dataset"):
                raise ValueError("datasets: each needs its `dataset`")
        titles = [self.title(settings) for settings in self.datasets]
        if len(set(titles)) < len(titles):
            raise ValueError("datasets: one is there more than once; tell them apart by their settings")
        if any("seed" in settings for settings in (self.base, *self.datasets, *(one for _, one in self.named()))):
            raise ValueError("base: the seed of each repeat is set by `first_seed` and `repeats`")
        return self

    def named(self) -> Iterator[tuple[str, Settings]]:
        """Each configuration with its name: weighting and auxiliary loss, then whatever else it sets."""
        if self.axes:
            for values in itertools.product(*(axis.values for axis in self.axes)):
                settings = {axis.field: value for axis, value in zip(self.axes, values, strict=True)}
                yield name_of(settings), settings
        for settings in self.configurations:
            yield name_of(settings), settings

    def title(self, dataset: Settings) -> str:
        """What one of the datasets is called: by its name, and whatever else it sets but where it lies."""
        return _joined(str(dataset["dataset"]), {k: v for k, v in dataset.items() if k not in ("dataset", "root")})

    def joined(self, other: Self) -> Self:
        """This plan with the datasets and repeats of another one besides, for a study that was extended."""
        datasets = (*self.datasets, *(one for one in other.datasets if one not in self.datasets))
        return self.changed({"datasets": datasets, "repeats": max(self.repeats, other.repeats)})

    def only(self, configurations: Sequence[str]) -> Self:
        """The same plan with these of its configurations, in the order of the plan.

        Raises:
            UnknownNameError: If one of them is not there.
        """
        known = dict(self.named())
        for name in configurations:
            if name not in known:
                raise UnknownNameError(unknown("configuration", name, known), "configurations")
        kept = tuple(settings for name, settings in known.items() if name in configurations)
        reference = self.reference if self.reference in configurations else ""
        return self.changed({"axes": (), "configurations": kept, "reference": reference})

    def changed(self, values: Mapping[str, Any]) -> Self:
        """The same plan with other values, checked.

        Raises:
            ConfigError: If one of them cannot be.
        """
        plan: Self = build(type(self), {**self.model_dump(), **values})
        return plan


def name_of(settings: Settings) -> str:
    """What a configuration is called, e.g. ``mad/none`` or ``fixed/none, lr=0.01``."""
    first = "/".join(str(settings[field]) for field in _NAMED if field in settings)
    return _joined(first, {field: value for field, value in settings.items() if field not in _NAMED})


def _joined(first: str, others: Settings) -> str:
    return ", ".join([*([first] if first else []), *(f"{field}={to_text(value)}" for field, value in others.items())])


def cells(plan: StudyPlan) -> dict[str, ExperimentConfig]:
    """The cells of a plan by their keys, one repeat of all datasets after the other.

    Configurations that differ only in how the losses are combined are runs of one cell, and see the same batches from
    the same first network. Those that differ in data, network or training are cells of their own, under the same seed.

    Raises:
        ConfigError: If a setting is unknown or cannot work, with the field to blame.
    """
    return {key: _cell(plan, dataset, shared, members, seed) for key, dataset, shared, members, seed in _planned(plan)}


def places(plan: StudyPlan) -> dict[str, tuple[str, int]]:
    """Title of the dataset and seed of each cell of a plan, by its key."""
    return {key: (plan.title(dataset), seed) for key, dataset, _, _, seed in _planned(plan)}


def _planned(plan: StudyPlan) -> Iterator[tuple[str, Settings, Settings, dict[str, Settings], int]]:
    """Key, dataset, settings that its runs share, those that each has alone, and seed of every cell."""
    for seed in range(plan.first_seed, plan.first_seed + plan.repeats):
        for dataset in plan.datasets:
            for shared, members in _groups(plan):
                yield _joined(plan.title(dataset), shared) + f", seed {seed}", dataset, shared, members, seed


def _groups(plan: StudyPlan) -> list[tuple[Settings, dict[str, Settings]]]:
    """Settings that runs of a cell share, and by the name of each configuration those that it has alone."""
    of_run = {*names_of(FusionConfig)}
    groups: dict[str, tuple[Settings, dict[str, Settings]]] = {}
    for name, settings in plan.named():
        shared = {field: value for field, value in settings.items() if field not in of_run}
        own = {field: value for field, value in settings.items() if field in of_run}
        groups.setdefault(_joined("", shared), (shared, {}))[1][name] = own
    return list(groups.values())


def _cell(
    plan: StudyPlan, dataset: Settings, shared: Settings, members: Mapping[str, Settings], seed: int
) -> ExperimentConfig:
    common = {**(AS_NOTEBOOK if plan.mode == "notebook" else {}), **plan.base, **dataset, **shared, "seed": seed}
    _refuse_unknown(common)
    texts = {field: to_text(value) for field, value in common.items()}
    name = f"{plan.name}: {_joined(plan.title(dataset), shared)}, seed {seed}"
    # A run without a weighting of its own has the plan's.
    weighting = texts.get("weighting", FusionConfig().weighting.name)
    runs = [
        ",".join(f"{field}={_in_a_run(value)}" for field, value in {"weighting": weighting, **own}.items())
        for own in members.values()
    ]
    config = experiment(texts, runs=runs, name=name)
    labelled = [run.model_copy(update={"label": label}) for run, label in zip(config.runs, members, strict=True)]
    checked: ExperimentConfig = build(ExperimentConfig, config.model_dump() | {"runs": labelled})
    return checked


def _in_a_run(value: Setting) -> str:
    """A value as :func:`dmf.config_text.parse_run` reads it: there a list has colons, as commas part the settings."""
    text = to_text(value)
    return text if "=" in text else text.replace(",", ":")


def _refuse_unknown(settings: Settings) -> None:
    known = {field: model for model in SECTIONS.values() for field in names_of(model)}
    for field in settings:
        if field not in known and field not in ("task", "task_options"):
            raise ConfigError(unknown("setting", field, known), field)


def read_plan(file: Path) -> StudyPlan:
    """A plan from a TOML file; its name is the file's unless it says another.

    Raises:
        ConfigError: If there is no such file, it is no TOML, or something in it cannot be.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the plan {file}: {error.strerror or error}.", "plan") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is no TOML: {error}.", "plan") from error
    plan: StudyPlan = build(StudyPlan, {"name": file.stem, **values})
    return plan
