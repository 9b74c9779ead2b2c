"""Published figures: read, and checked for what no images can have."""

import csv
from pathlib import Path

import numpy as np
import pytest

from dmf.errors import ConfigError
from dmf.studies.published import Figure, Published, impossible, iou_range, most_f1, read_published

HEAD = "dataset,auxiliary,weighting,metric,mean,std\n"


def test_figures_are_read_with_and_without_a_deviation(tmp_path):
    file = tmp_path / "paper.csv"
    file.write_text(f"# Somebody,\n# Journal 1.\n{HEAD}busi,tversky,mad,dice,0.81,0.02\nbusi,tversky,mad,iou,0.700,\n")
    assert read_published(file) == Published(
        {("busi", "tversky", "mad"): {"dice": Figure(0.81, 0.02, 0.005), "iou": Figure(0.70, None, 0.0005)}},
        "Somebody, Journal 1.",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,metric\nbusi,dice\n", r"needs the columns dataset,auxiliary,.*, got dataset,metric"),
        (f"{HEAD}busi,none,mad,dice,much,\n", r"line 2: could not convert string to float: 'much'"),
        (f"# Cited.\n{HEAD}busi,none,mad,dice,much,\n", r"line 3: could not convert"),
        (f"{HEAD}busi,none,mad,dice,81.0,\n", r"line 2: means lie in 0..1, got 81"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_says_where(tmp_path, text, message):
    file = tmp_path / "paper.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_published(file)
    with pytest.raises(ConfigError, match="No such file"):
        read_published(tmp_path / "none.csv")


def test_no_images_leave_the_range_of_the_mean_iou():
    dice = np.random.default_rng(0).beta([[0.3], [2.0]], [[0.3], [0.7]], (2, 1000))
    for images in dice:
        low, high = iou_range(images.mean())
        assert low <= (images / (2 - images)).mean() <= high
    # Both ends are reached: all alike, and all or nothing.
    assert iou_range(0.8)[0] == pytest.approx(0.8 / 1.2)
    assert iou_range(np.mean([0, 1]))[1] == np.mean([0, 1])


def test_a_mean_iou_above_the_mean_dice_or_too_far_below_is_told():
    figures = {
        ("busi", "none", "mad"): {"dice": Figure(0.8, None), "iou": Figure(0.81, None)},
        ("busi", "none", "fixed"): {"dice": Figure(0.8, None), "iou": Figure(0.60, None)},
        ("busi", "none", "variance"): {"dice": Figure(0.8, None), "iou": Figure(0.70, None)},
        ("busi", "none", "bayesian"): {"dice": Figure(0.8, None)},
    }
    first, second = impossible(Published(figures))
    assert "busi, none/mad: a mean IoU of 0.81 is printed beside a mean Dice of 0.8" in first
    assert "busi, none/fixed: a mean IoU of 0.6" in second
    assert "between 0.6667 and 0.8000" in second


def test_what_rounding_explains_is_not_told():
    # Printed as 0.8, Dice may be 0.75, whose IoU may be 0.6; printed as 0.80, no less than 0.66.
    for rounding, told in ((0.05, 0), (0.005, 1)):
        figures = {("busi", "none", "mad"): {"dice": Figure(0.8, None, rounding), "iou": Figure(0.62, None, 0.005)}}
        assert len(impossible(Published(figures))) == told


def test_no_images_have_a_mean_f1_or_dice_above_the_harmonic_mean_of_the_means():
    precision, recall = np.random.default_rng(1).uniform(0.01, 1, (2, 1000))
    assert (2 * precision * recall / (precision + recall)).mean() <= most_f1(precision.mean(), recall.mean())
    assert most_f1(0.5, 1.0) == pytest.approx(2 / 3)
    assert most_f1(0.0, 0.0) == 0
    printed = {"precision": Figure(0.7, None), "recall": Figure(0.8, None)}
    figures = {
        ("busi", "none", "mad"): {**printed, "f1": Figure(0.75, None), "dice": Figure(0.74, None)},  # at most 0.7467
        ("busi", "none", "fixed"): {**printed, "f1": Figure(0.74, None), "dice": Figure(0.76, None)},
    }
    first, second = impossible(Published(figures))
    assert "busi, none/mad: a mean f1 of 0.75 is printed beside a mean precision of 0.7 and recall of 0.8" in first
    assert "busi, none/fixed: a mean dice of 0.76" in second
    assert "at most 0.7467" in second


def test_iou_and_dice_under_each_others_name_are_told_and_possible_once_exchanged():
    swapped = {("lits", "none", "fixed"): {"dice": Figure(0.70, None, 0.005), "iou": Figure(0.82, None, 0.005)}}
    (sentence,) = impossible(Published(swapped))
    assert "a mean IoU of 0.82 is printed beside a mean Dice of 0.7" in sentence
    exchanged = {key: {"dice": row["iou"], "iou": row["dice"]} for key, row in swapped.items()}
    assert impossible(Published(exchanged)) == []


def test_every_claim_of_the_article_on_class_imbalance_has_what_holds_and_why():
    file = Path(__file__).parents[3] / "docs" / "results" / "imbalance-article.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert "Cui, Li, Yang, Liu, Yan" in lines[0]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert list(rows[0]) == ["place", "printed", "what holds", "why"]
    assert all(value and value.strip() for row in rows for value in row.values())
    assert {"eq. (13) and (14)", "tables"} <= {row["place"] for row in rows}
