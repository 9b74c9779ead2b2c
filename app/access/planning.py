"""Plans of studies: those that come with the program, a dry run, and keeping one."""

from collections.abc import Mapping

import pandas as pd

from app.access.reading import store
from app.views.study import DryRun
from app.visitors import owner_only
from dmf.config import ExperimentConfig
from dmf.data import DATASETS
from dmf.studies import PLANS, PlanText, cells, read_typed, typed
from dmf.studies.probe import Estimate, estimate
from dmf.studies.storing import checked_cells, store_plan

PLAN_NAMES = tuple(PLANS)


def dataset_names() -> list[str]:
    """All datasets that are known, those of plug-ins too."""
    return list(DATASETS)


def plan_text(name: str) -> PlanText:
    """A plan that comes with the program, as it would be typed."""
    return typed(PLANS[name])


def configuration_names(text: PlanText) -> list[str]:
    """What the configurations of a plan are called.

    Raises:
        ConfigError: If the plan cannot be.
    """
    return [name for name, _ in read_typed(text).named()]


def planned(text: PlanText) -> DryRun:
    """The cells of a plan as it is typed, neither measured nor checked for what needs networks and losses built.

    Raises:
        ConfigError: If the plan cannot be.
    """
    return _dry_run(cells(read_typed(text)), {})


@owner_only
def dry_run(text: PlanText) -> DryRun:
    """The cells of a plan, with what they take here by training a little of each kind; nothing is kept.

    Raises:
        ConfigError: If something cannot work; nothing is trained then.
    """
    configs = checked_cells(read_typed(text))
    return _dry_run(configs, estimate(configs))


def _dry_run(configs: Mapping[str, ExperimentConfig], estimates: Mapping[str, Estimate]) -> DryRun:
    rows = [(key, len(config.runs), estimates.get(key, Estimate(None, None))) for key, config in configs.items()]
    frame = pd.DataFrame(
        [(key, runs, one.seconds, None if one.size is None else one.size / 1e6) for key, runs, one in rows],
        columns=["cell", "runs", "seconds", "megabytes"],
    ).astype({"seconds": "float64", "megabytes": "float64"})
    measured = frame["seconds"].notna()
    return DryRun(
        cells=frame,
        runs=int(frame["runs"].sum()),
        seconds=float(frame["seconds"].sum()) if measured.any() else None,
        megabytes=float(frame["megabytes"].sum()) if measured.any() else None,
        measured=int(measured.sum()),
        reasons=tuple(dict.fromkeys(one.reason for _, _, one in rows if one.reason)),
    )


@owner_only
def save_plan(text: PlanText) -> str:
    """Keep a plan as a study, or extend the one of this name; returns the name.

    Raises:
        ConfigError: If something cannot work, or a study of this name has other settings; nothing is kept then.
        StoreError: If the store refuses.
    """
    plan = read_typed(text)
    store_plan(store(), plan)
    return plan.name
