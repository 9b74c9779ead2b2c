"""Which images a run was trained on, whatever else it was trained with: by what they are drawn from."""

import json
from collections.abc import Mapping
from typing import Any

from dmf.config import DataConfig

DRAWN = ("phantom", "phantom-4", "contrast")
"""Datasets that are simulated anew for each seed of the data: images of one name are others."""

_FIELDS = ("dataset", "dataset_options", "root")


def image_set(config: Mapping[str, Any], experiment: str) -> str:
    """A text that is the same for two experiments if a name of an image means the same image in both.

    It holds the dataset with its options and folder, and the seed of what is simulated.

    Args:
        config: Of the experiment, as plain data.
        experiment: Its id, which stands in where the dataset was not recorded.
    """
    data = config.get("data") or {}
    if "dataset" not in data:
        return json.dumps({"experiment": experiment})
    defaults = DataConfig().model_dump(mode="json")
    chosen = {field: data.get(field, defaults[field]) for field in _FIELDS}
    known: dict[str, Any] = {field: value for field, value in chosen.items() if value not in (None, {})}
    if data["dataset"] in DRAWN:
        own = data.get("split_seed")
        known["seed"] = own if own is not None else (config.get("training") or {}).get("seed", 0)
    return json.dumps(known, sort_keys=True)
