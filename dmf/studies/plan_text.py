"""A plan as people type it in a form, and back. Opens without torch.

Settings stand as ``field=value``; several in a line, like values of an axis, have semicolons between them, or, where no
value holds a comma, commas.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dmf.config_text import build, to_text
from dmf.errors import ConfigError
from dmf.studies.plan import Setting, Settings, StudyPlan


@dataclass(frozen=True)
class PlanText:
    """A plan, as typed.

    Attributes:
        name: By which the study is found.
        about: One sentence.
        article: Whose figures can stand beside; empty for none.
        mode: ``paper`` or ``notebook``.
        datasets: Each a name, then what else it sets: ``busi, duplicates=group``.
        repeats: How often, each time with another seed.
        first_seed: Of the first repeat.
        base: Settings of all cells, one a line.
        axes: A setting with its values a line: ``weighting=mad, fixed``.
        configurations: Those besides the axes' combinations, one a line: ``weighting=fixed, auxiliary=none``.
        reference: Name of the configuration that the others are compared with; empty for none.
        hours, steps: The budget; None where it has no end.
    """

    name: str
    about: str = ""
    article: str = ""
    mode: str = "paper"
    datasets: tuple[str, ...] = ("phantom",)
    repeats: int = 1
    first_seed: int = 0
    base: str = ""
    axes: str = ""
    configurations: str = ""
    reference: str = ""
    hours: float | None = None
    steps: int | None = None


def typed(plan: StudyPlan) -> PlanText:
    """A plan as it would be typed; :func:`read_typed` reads it back."""
    return PlanText(
        name=plan.name,
        about=plan.about,
        article=plan.article,
        mode=plan.mode,
        datasets=tuple(
            _line([str(one["dataset"]), *_pairs({k: v for k, v in one.items() if k != "dataset"})])
            for one in plan.datasets
        ),
        repeats=plan.repeats,
        first_seed=plan.first_seed,
        base="\n".join(_pairs(plan.base)),
        axes="\n".join(f"{axis.field}={_line([to_text(value) for value in axis.values])}" for axis in plan.axes),
        configurations="\n".join(_line(_pairs(settings)) for settings in plan.configurations),
        reference=plan.reference,
        hours=plan.budget.hours,
        steps=plan.budget.steps,
    )


def read_typed(text: PlanText) -> StudyPlan:
    """The plan that somebody typed.

    Raises:
        ConfigError: If something is not as above, or cannot be.
    """
    datasets = []
    for line in text.datasets:
        name, *others = parted(line) or [""]
        datasets.append({"dataset": name, **settings_of(others, "datasets")})
    plan: StudyPlan = build(
        StudyPlan,
        {
            "name": text.name.strip(),
            "about": text.about,
            "article": text.article,
            "mode": text.mode,
            "datasets": datasets,
            "repeats": text.repeats,
            "first_seed": text.first_seed,
            "base": settings_of(_lines(text.base), "base"),
            "axes": [
                {"field": field, "values": parted(str(values))}
                for line in _lines(text.axes)
                for field, values in settings_of([line], "axes").items()
            ],
            "configurations": [settings_of(parted(line), "configurations") for line in _lines(text.configurations)],
            "reference": text.reference.strip(),
            "budget": {"hours": text.hours, "steps": text.steps},
        },
    )
    return plan


def settings_of(texts: Sequence[str], field: str) -> Settings:
    """Settings from texts such as ``lr=0.01``.

    Raises:
        ConfigError: If one is no ``field=value``; it blames ``field``.
    """
    settings: dict[str, Setting] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"Expected field=value, got {text!r}.", field)
        settings[name.strip().replace("-", "_")] = value.strip()
    return settings


def parted(text: str) -> list[str]:
    """What stands between semicolons, or, where there are none, between commas; nothing empty."""
    return [part.strip() for part in text.split(";" if ";" in text else ",") if part.strip()]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _pairs(settings: Mapping[str, Any]) -> list[str]:
    return [f"{field}={to_text(value)}" for field, value in settings.items()]


def _line(parts: Iterable[str]) -> str:
    """Texts that :func:`parted` takes apart again."""
    parts = list(parts)
    return "; ".join(parts) + ";" * (len(parts) == 1) if any("," in part for part in parts) else ", ".join(parts)
