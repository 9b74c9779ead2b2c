"""A plan with what somebody says besides: on the command line, or in a form. Opens without torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from dmf.errors import ConfigError
from dmf.studies.plan import AS_NOTEBOOK, StudyPlan
from dmf.studies.plan_text import parted, settings_of


def adapted(
    plan: StudyPlan,
    *,
    name: str | None = None,
    dataset: Sequence[str] | None = None,
    root: str | None = None,
    repeats: int | None = None,
    epochs: int | None = None,
    image_size: int | None = None,
    configurations: str | None = None,
    settings: Sequence[str] | None = None,
    mode: str | None = None,
) -> StudyPlan:
    """``plan`` with other values; what is None stays as the plan has it.

    Args:
        plan: The plan to begin from.
        name: By which the study is found.
        dataset: Names of datasets that stand in place of the plan's.
        root: Folder of the one dataset there is.
        repeats: How often.
        epochs: Passes over the training images.
        image_size: Side of the images that the network sees, in pixels.
        configurations: Names of those that are kept, with semicolons or commas between.
        settings: Settings of all cells, each as ``field=value``; they win over ``mode``.
        mode: ``paper`` or ``notebook``; what a mode decides, the plan's base no longer does.

    Raises:
        ConfigError: If something cannot be.
    """
    changes: dict[str, Any] = {"name": name, "repeats": repeats, "mode": mode}
    datasets = tuple({"dataset": one} for one in dataset) if dataset else plan.datasets
    if root is not None:
        if len(datasets) != 1:
            raise ConfigError(f"`--root` is the folder of one dataset, these are {len(datasets)}.", "root")
        datasets = ({**datasets[0], "root": root},)
    decided = AS_NOTEBOOK if mode == "notebook" else {}
    base: dict[str, Any] = {field: value for field, value in plan.base.items() if field not in decided}
    base |= settings_of(settings or (), "set")
    base |= _said({"epochs": epochs, "image_size": image_size})
    changed = plan.changed({**_said(changes), "datasets": datasets, "base": base})
    if configurations is None:
        return changed
    return changed.only(parted(configurations))


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
