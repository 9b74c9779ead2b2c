"""Tables of the page Compare: what they say, safely."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from app.components.comparison_tables import (
    behaviour_frame,
    behaviour_html,
    comparison_html,
    differences_html,
    field_title,
    group_name,
    named_rows,
    redundant_sentences,
    results_html,
    setting_words,
    settings_and_results,
    value_text,
)
from app.views import NamedMetric


def info(name: str) -> SimpleNamespace:
    return SimpleNamespace(title=name.upper(), sentence=f"About {name}.")


def comparison(bold: bool = True) -> SimpleNamespace:
    columns = {"group": ["A", "B"], "mean": [0.5, 0.75], "spread": [0.1, 0.2], "difference": [math.nan, 0.25]}
    columns |= {"low": [math.nan, 0.1], "high": [math.nan, 0.4], "p_holm": [math.nan, 0.0001]}
    columns |= {"effect": [math.nan, 1.0], "n": [12, 12], "zeros": [0, 2], "bold": [False, bold]}
    return SimpleNamespace(table=pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("field", "title"),
    [("fusion.weighting", "Weighting method"), ("data.dataset_options.images", "Dataset options: images")],
)
def test_a_setting_is_called_as_in_the_form(field: str, title: str) -> None:
    assert field_title(field) == title


@pytest.mark.parametrize(("value", "text"), [("mad", "MAD"), (None, "–"), (pd.NA, "–"), (3, "3")])
def test_a_value_is_written_for_people(value: object, text: str) -> None:
    assert value_text(value) == text


def test_a_group_is_called_by_what_its_runs_share() -> None:
    assert group_name(["fusion.weighting", "training.seed"], ["mad", 3]) == "MAD · seed 3"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("data.dataset", "phantom", "phantom"),
        ("fusion.auxiliary", "none", "auxiliary loss None"),
        ("fusion.gamma", 5.0, "initial auxiliary weight γ₀ 5.0"),
    ],
)
def test_in_a_name_a_value_says_what_it_is_of(field: str, value: object, text: str) -> None:
    assert setting_words(field, value) == text


def test_names_are_shown_as_they_are_typed_not_as_html() -> None:
    table = pd.DataFrame({"r": ["<b>"]}, index=["model.name"])
    assert "&lt;b&gt;" in differences_html(table, {"r": "<i>"})
    assert "<i>" not in differences_html(table, {"r": "<i>"})


def test_results_are_mean_spread_and_difference_and_the_best_is_bold() -> None:
    rows = [("A", "dice", 1, 0.5, math.nan, 0.0), ("B", "dice", 2, 0.75, 0.1, 0.25), ("B", "dice/1", 2, 0.7, 0.1, 0.2)]
    summary = pd.DataFrame(rows, columns=["group", "metric", "runs", "mean", "sd", "difference"])
    table = results_html(
        SimpleNamespace(summary=summary, comparisons={"dice": comparison()}),
        {"A": ["r-1"], "B": ["r-2", "r-3"], "C": []},
        "A",
        info,
    )
    assert '<td><span title="r-1">A</span></td><td>1</td><td>0.5000 ± 0.100</td>' in table
    assert '<td><span title="r-2, r-3">B</span></td><td>2</td><td><b>0.7500 ± 0.100</b>' in table
    assert '<span class="how"> +0.2500</span></td>' in table
    assert "C</span></td><td>0</td><td>–</td>" in table
    assert "DICE/1" not in table


def test_a_test_is_a_line_per_group_and_none_for_the_baseline() -> None:
    table = comparison_html(comparison(), "A")
    assert "<td>A (baseline)</td><td>0.5000 ± 0.100</td><td>–</td><td>–</td><td>–</td><td>–</td><td>12</td>" in table
    assert "<td>+0.2500</td><td>0.1000 to 0.4000</td><td>&lt; 0.001</td><td>+1.00</td><td>12 (2 equal)</td>" in table


def behaviour(**changes: object) -> SimpleNamespace:
    pair = SimpleNamespace(terms=("iou", "dice"), correlation=0.995, reason="IoU = D / (2 - D).")
    return SimpleNamespace(
        **{
            **{"terms": ("iou", "dice"), "steps": 1000, "dominant": "dice", "dominance": 0.75},
            **{"mean_shares": (0.25, 0.75), "mean_entropy": 0.5, "restlessness": 0.01, "first_taken": 42},
            **{"taken_by": "dice", "loss_correlation": (0.5, math.nan), "redundant": (pair,)},
            **changes,
        }
    )


def test_behaviour_is_told_in_numbers() -> None:
    waits = behaviour(steps=0, dominant=None, first_taken=None)
    table = behaviour_html({"MAD": behaviour(), "Waits": waits}, {"MAD": ["r-1"], "Waits": ["r-2"]})
    assert '<span title="r-1">MAD</span>' in table
    assert "<td>1,000</td><td>Dice 0.750</td><td>IoU 0.25 · Dice 0.75</td><td>0.500</td><td>0.01000</td>" in table
    assert "<td>step 42 (Dice)</td><td>IoU +0.50 · Dice –</td>" in table
    assert "<td>0</td><td>–</td>" in table


def test_redundant_losses_are_named_once_for_all_runs_that_agree() -> None:
    assert redundant_sentences({"A": behaviour(), "B": behaviour(), "C": behaviour(redundant=())}) == [
        "IoU and Dice move together in A, B (rank correlation 0.995 or more), so one of them is redundant. "
        "IoU = D / (2 - D)."
    ]


def test_behaviour_has_a_row_per_run_and_loss() -> None:
    frame = behaviour_frame({"MAD": behaviour()}, {"MAD": ["r-1", "r-2"]})
    assert frame["id"].tolist() == ["r-1, r-2"] * 2
    assert frame["term"].tolist() == ["iou", "dice"]
    assert frame["mean_share"].tolist() == [0.25, 0.75]
    assert frame["is_dominant"].tolist() == [False, True]


def test_settings_and_results_of_a_run_are_one_row() -> None:
    differing = pd.DataFrame({"r1": ["mad", 3, True], "r2": ["fixed", 4, pd.NA]}, dtype=object)
    differing.index = pd.Index(["fusion.weighting", "training.seed", "fusion.symlog"], name="field")
    scores = pd.DataFrame(
        {"run": ["r2", "r1"], "headline": "cb_dice", "validation_cb_dice": [0.5, 0.75], "test_cb_dice": math.nan}
    )
    table = settings_and_results(
        differing, {"r1": "A", "r2": "B"}, scores, lambda name: NamedMetric(name, "CB-Dice", "")
    )
    assert table.loc["r2"].tolist() == ["Fixed", 4, "–", 0.5]
    assert table.loc["r1"].tolist()[:2] == ["MAD", 3]
    assert table.columns[0] == "Weighting method"
    assert table.columns[-1] == "Validation CB-Dice"
    taken = named_rows(table, {"r1": "A", "r2": "B"})
    assert taken.index.tolist() == ["A", "B"]
    assert taken["id"].tolist() == ["r1", "r2"]
