"""Which options the chosen methods have: the form shows these, and no others."""

from collections.abc import Iterable, Mapping, Sequence

from app.components.fields import named
from dmf import declared
from dmf.config import DEFAULT_TASK, FusionConfig
from dmf.config_text import run_changes
from dmf.declared import Kind
from dmf.errors import ConfigError
from dmf.options import Choice

TITLES: Mapping[Kind, str] = {"weighting": "Weighting", "loss": "Losses", "schedule": "Auxiliary weight"}
"""What options are called that all chosen methods of a kind have."""

AT_THE_TOP = "decay_rate"
"""The option of a schedule that stands beside the weight itself."""


def option_groups(
    runs: Sequence[str], terms: Iterable[str], auxiliary: str, task: str = DEFAULT_TASK, schedule: str = ""
) -> dict[str, tuple[str, ...]]:
    """Words of options by the title of the group they belong to: that of their kind, or the methods that have them.

    Args:
        runs: The race, as ``--run`` reads it; one that cannot be read adds nothing.
        terms: Loss terms that are common to the runs, as texts of choices.
        auxiliary: Their auxiliary loss.
        task: Whose losses these are.
        schedule: The schedule of the auxiliary weight that is common to the runs.
    """
    weightings: dict[str, None] = {}
    for run in runs:
        try:
            weighting = run_changes(run).get("weighting", str(FusionConfig.model_fields["weighting"].default))
        except ConfigError:
            continue
        weightings[Choice.named(weighting)] = None
    losses = dict.fromkeys(map(Choice.named, (*terms, auxiliary)))
    with declared.of_task(task):
        groups = _groups("weighting", weightings) | _groups("loss", losses)
    own = tuple(word for word in schedule_options(schedule) if word != AT_THE_TOP)
    return groups | ({TITLES["schedule"]: own} if own else {})


def schedule_options(schedule: str) -> tuple[str, ...]:
    """Words of the options that a schedule of the auxiliary weight has; none where it is not known here."""
    return words_of("schedule", schedule)


def words_of(kind: Kind, choice: str) -> tuple[str, ...]:
    """Words of the options that a method has, by the text of a choice; none where it is not known here."""
    model = declared.options_model(kind, Choice.named(choice))
    return tuple(model.words().values()) if model else ()


def _groups(kind: Kind, methods: Iterable[str]) -> dict[str, tuple[str, ...]]:
    models = {name: declared.options_model(kind, name) for name in methods if name in declared.registry(kind)}
    owners: dict[str, list[str]] = {}
    for name, model in models.items():
        for word in model.words().values() if model else ():
            owners.setdefault(word, []).append(name)
    groups: dict[str, tuple[str, ...]] = {}
    for word, names in sorted(owners.items(), key=lambda one: len(one[1]) < len(models)):  # those of all first
        title = TITLES[kind] if len(names) == len(models) > 1 else ", ".join(map(named, names))
        groups[title] = (*groups.get(title, ()), word)
    return groups
