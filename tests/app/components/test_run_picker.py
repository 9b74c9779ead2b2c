"""What the table of runs is sent."""

import json
import math

import pandas as pd

from app.components.run_picker import columns_of, rows_text
from dmf.tasks import known_metric


def test_a_row_is_its_id_its_experiment_and_a_value_per_column() -> None:
    names = [name for name, _, _ in columns_of(pd.DataFrame(), known_metric)] + ["test_cb_dice"]
    row = dict.fromkeys(names) | {"run": "r-1", "experiment": "e-1", "name": "Race", "label": "mad gamma=2"}
    row |= {"method": "mad", "auxiliary": "cb-dice", "tags": ("a", "b"), "test_cb_dice": math.nan, "seconds": 1.25}
    ((id, race, experiment, *values),) = json.loads(rows_text(pd.DataFrame([row]), names))
    named = dict(zip(names, values, strict=True))
    assert (id, race, experiment, named["name"], named["run"]) == ("r-1", "e-1", "Race", "MAD gamma=2", "r-1")
    assert (named["method"], named["auxiliary"], named["tags"]) == ("MAD", "CB-Dice", "a, b")
    assert (named["test_cb_dice"], named["seconds"], named["dataset"]) == (None, 1.25, None)


def test_only_scores_that_some_run_has_are_columns() -> None:
    table = pd.DataFrame({"run": ["a", "b"], "validation_psnr": [math.nan, 30.0], "test_psnr": math.nan})
    titles = [title for name, title, _ in columns_of(table, known_metric) if name.endswith("psnr")]
    assert titles == ["Val. PSNR [dB]"]
