"""What the table of runs is sent."""

import json
import math

import pandas as pd

from app.components.run_picker import COLUMNS, rows_text


def test_a_row_is_its_id_its_experiment_and_a_value_per_column() -> None:
    row = {name: None for name, _, _ in COLUMNS} | {"run": "r-1", "name": "Race", "label": "mad gamma=2"}
    row |= {"method": "mad", "auxiliary": "cb-dice", "tags": ("a", "b"), "test_cb_dice": math.nan, "seconds": 1.25}
    ((id, experiment, *values),) = json.loads(rows_text(pd.DataFrame([row])))
    named = dict(zip((name for name, _, _ in COLUMNS), values, strict=True))
    assert (id, experiment, named["name"]) == ("r-1", "Race", "MAD gamma=2")
    assert (named["method"], named["auxiliary"], named["tags"]) == ("MAD", "CB-Dice", "a, b")
    assert (named["test_cb_dice"], named["seconds"], named["dataset"]) == (None, 1.25, None)
