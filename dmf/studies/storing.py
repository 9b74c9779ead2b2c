"""A plan is checked as a whole before anything of it is trained or kept."""

from dmf.config import ExperimentConfig
from dmf.errors import ConfigError
from dmf.runs import RunStore
from dmf.studies.plan import StudyPlan, cells


def checked_cells(plan: StudyPlan) -> dict[str, ExperimentConfig]:
    """The cells of a plan by their keys, as they are stored; of those that differ in their seed alone, one is checked.

    Raises:
        ConfigError: If something in one of them is unknown or cannot work; it names the cell.
    """
    from dmf.jobs import check_experiment

    checked, ready = {}, {}
    for key, config in cells(plan).items():
        same = config.model_copy(
            update={"name": "", "training": config.training.model_copy(update={"seed": plan.first_seed})}
        ).model_dump_json()
        if same not in checked:
            try:
                checked[same] = check_experiment(config)
            except ConfigError as error:
                raise ConfigError(f"Cell {key!r}: {error}", error.field) from error
        first = checked[same]
        ready[key] = config.model_copy(update={"plugins": first.plugins, "data": first.data})
    return ready


def store_plan(store: RunStore, plan: StudyPlan) -> int:
    """Keep a study, or extend the one of the same name by repeats and datasets; returns how many cells are new.

    Raises:
        ConfigError: If something cannot work, or a study of this name has other settings; nothing is stored then.
        StoreError: If the store refuses.
    """
    dumped = {key: config.model_dump(mode="json") for key, config in checked_cells(plan).items()}
    known = next((row.plan for row in store.studies() if row.name == plan.name), None)
    kept = plan if known is None else plan.joined(StudyPlan.model_validate(known))
    return store.save_study(plan.name, kept.model_dump(mode="json"), dumped)
