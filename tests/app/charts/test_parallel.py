"""Settings against results, one line per run."""

import pandas as pd

from app.charts.parallel import parallel


def test_numbers_are_drawn_to_scale_and_words_at_equal_steps() -> None:
    table = pd.DataFrame({"Method": ["MAD", "Fixed", "MAD"], "Seed": [3, 1, 2], "CB-Dice": [0.5, 0.75, 1.0]})
    (trace,) = parallel(table, "#111111", "#000000").data
    method, seed, score = trace.dimensions
    assert (tuple(method["values"]), tuple(method.ticktext)) == ((1, 0, 1), ("Fixed", "MAD"))
    assert tuple(seed["values"]) == (3, 1, 2)
    assert tuple(trace.line.color) == (0.5, 0.75, 1.0)
    assert score.label == "CB-Dice"


def test_what_a_run_did_not_record_is_a_dash_and_a_switch_is_a_word() -> None:
    (trace,) = parallel(
        pd.DataFrame({"Limit": [None, 3], "Symlog": [True, False]}, dtype=object), "#111111", "#000000"
    ).data
    assert [tuple(axis.ticktext) for axis in trace.dimensions] == [("3", "–"), ("False", "True")]


def test_an_empty_table_is_an_empty_figure() -> None:
    assert len(parallel(pd.DataFrame(), "#111111", "#000000").data) == 0
