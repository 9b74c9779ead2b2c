"""What differs between runs: their configurations side by side."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dmf.config_text import SECTIONS

FlatConfig = dict[str, Any]

_MISSING = object()


def flat_config(experiment: Mapping[str, Any], run: Mapping[str, Any]) -> FlatConfig:
    """The settings of one run as ``section.field`` to value, in the order of ``dmf.config``.

    A field that holds options becomes one entry per option, ``data.dataset_options.images``. Lists become tuples, so
    that values can be compared and grouped by. Nothing is filled in: a field that was not recorded is not there.

    Args:
        experiment: ``ExperimentRow.config``, whose data, model and training its runs share.
        run: ``RunRow.config``, the run's fusion.
    """
    flat: FlatConfig = {}
    for section, model in SECTIONS.items():
        given = run if section == "fusion" else experiment.get(section, {})
        known = [name for name in model.model_fields if name in given]
        for name in known + [name for name in given if name not in model.model_fields]:
            value = given[name]
            if isinstance(value, Mapping):
                flat |= {f"{section}.{name}.{option}": _plain(value[option]) for option in sorted(value)}
            else:
                flat[f"{section}.{name}"] = _plain(value)
    return flat


def differences(configs: Mapping[str, FlatConfig]) -> pd.DataFrame:
    """Only those fields that are not the same in all runs.

    Args:
        configs: Run id to what :func:`flat_config` gives.

    Returns:
        One row per field, named by the index, in the order of ``dmf.config``; one column of objects per run, in the
        order given. ``pandas.NA`` where a run did not record the field.
    """
    fields = in_order(configs)
    rows = {field: [config.get(field, _MISSING) for config in configs.values()] for field in fields}
    differing = {field: row for field, row in rows.items() if any(not _same(value, row[0]) for value in row)}
    cells = [[pd.NA if value is _MISSING else value for value in row] for row in differing.values()]
    frame = pd.DataFrame(
        index=pd.Index(list(differing), dtype=object, name="field"), columns=list(configs), dtype=object
    )
    for position, row in enumerate(cells):
        for column, value in enumerate(row):
            frame.iat[position, column] = value
    return frame


def in_order(configs: Mapping[str, FlatConfig]) -> list[str]:
    """Every field of any run: by section, then as ``dmf.config`` has them, unknown ones last."""
    fields = dict.fromkeys(field for config in configs.values() for field in config)
    known = [f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields]
    places = {field: place for place, field in enumerate(known)}
    sections = list(SECTIONS)

    def place(field: str) -> tuple[int, int, str]:
        section, _, rest = field.partition(".")
        top = f"{section}.{rest.partition('.')[0]}"
        # Options of one field come in the order of the alphabet, whichever run named them first.
        return sections.index(section), places.get(top, len(places)), rest if "." in rest else ""

    return sorted(fields, key=place)


def _plain(value: Any) -> Any:
    return tuple(_plain(part) for part in value) if isinstance(value, list | tuple) else value


def _same(one: Any, other: Any) -> bool:
    # A switch is not a number: True == 1 in Python.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
