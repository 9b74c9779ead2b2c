"""Runs that were stopped by a version whose options lay flat in the configuration go on bit for bit.

``flat_options.zip`` holds a store of that version with five runs stopped at step 5 of 8, their checkpoints, and what
they recorded when the same version trained them through. One turns to another weighting at step 5, one changed gamma.
"""

import json
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from dmf.former import former_fingerprint
from dmf.jobs import Job
from dmf.records import RunState
from dmf.runs import RunStore, export_run, new_owner

ARCHIVE = Path(__file__).parents[2] / "data" / "stores" / "flat_options.zip"
WAS_FIVE = 5  # steps that each run had taken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def resume(folder: Path) -> RunStore:
    store = RunStore(folder / "stopped.sqlite")
    (experiment,) = store.experiments()
    Job(store, experiment, new_owner("test")).train()
    return store


def test_runs_of_before_go_on_bit_for_bit(folder):
    store = resume(folder)
    (experiment,) = store.experiments()
    assert {run.state for run in experiment.runs} == {RunState.FINISHED}
    for place, run in enumerate(experiment.runs):
        export_run(store, run.id, "csv", folder / "now.csv")
        then, now = (pd.read_csv(folder / name) for name in (f"run-{place}.csv", "now.csv"))
        assert list(then.columns) == list(now.columns)
        # The bits are those of one processor and one torch; what restarts would differ in the first digits.
        pd.testing.assert_frame_equal(then[:WAS_FIVE], now[:WAS_FIVE])
        pd.testing.assert_frame_equal(then, now, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("field", "value"), [("cov_decay", 0.7), ("gamma", 2.0)])
def test_a_configuration_that_was_altered_is_still_refused(folder, field, value):
    with sqlite3.connect(folder / "stopped.sqlite") as connection:
        config = json.loads(connection.execute("SELECT config FROM experiments").fetchone()[0])
        config["runs"][0]["fusion"][field] = value
        connection.execute("UPDATE experiments SET config = ?", [json.dumps(config)])
    connection.close()
    first, *others = resume(folder).experiments()[0].runs
    assert (first.state, "made under another configuration" in first.reason) == (RunState.FAILED, True)
    assert {run.state for run in others} == {RunState.FINISHED}


def test_what_is_stored_by_method_had_no_former_fingerprint():
    assert former_fingerprint({"runs": [{"label": "mad", "fusion": {"weighting": {"name": "mad"}}}]}, 0) == ""
