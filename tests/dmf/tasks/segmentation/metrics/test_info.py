import importlib

import numpy as np
import pytest

import dmf.metrics
from dmf.metric_info import recorded_metric, told_metrics
from dmf.tasks import known_metric
from dmf.tasks.segmentation.metrics import METRIC_INFO, metric_info, summarise
from dmf.tasks.segmentation.metrics.info import ABSENT_SENTENCES, absent_sentence


def test_every_metric_of_a_summary_can_be_labelled():
    counts = np.array([[[90, 0, 0], [10, 0, 0]]])
    for name in summarise(counts, 100, ["background", "lesion"]):
        assert metric_info(name).sentence.endswith(".")


@pytest.mark.parametrize("name", METRIC_INFO)
def test_names_say_how_they_are_pooled_and_over_which_classes(name):
    info = METRIC_INFO[name]
    assert (info.pooling == "per image") == name.endswith("_per_image")
    assert (info.over == "lesion only") == name.startswith("lesion_")


def test_a_metric_of_one_class_names_that_class():
    info = metric_info("dice/lesion")
    assert (info.title, info.pooling, info.over) == ("Dice (lesion)", "pooled", "lesion")
    assert info.sentence == "Twice the overlap over the sum of both areas."


def test_an_unknown_metric_is_refused():
    with pytest.raises(KeyError, match="rand_index"):
        metric_info("rand_index")


def test_all_names_what_can_be_imported():
    assert all(hasattr(dmf.metrics, name) for name in dmf.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rand_index'"):
        dmf.metrics.rand_index  # noqa: B018


def test_a_score_under_a_name_of_its_own_is_called_by_it():
    about = recorded_metric("val_loss")
    assert (about.title, about.pooling) == ("val_loss", "as recorded")


@pytest.mark.parametrize(
    ("name", "better"),
    [
        *((name, "lower") for name in ("mae", "val_loss", "test/RMSE", "hd95", "dice_loss", "error rate 5 err")),
        *((name, "higher") for name in ("my_dice", "val.acc", "top1", "AUROC", "cb_dice", "dice/lesion", "mcc")),
        *((name, None) for name in ("epoch_time", "lr", "losses_seen", "images", "images/lesion", "dicey")),
    ],
)
def test_a_metric_says_which_values_are_better_where_that_is_known(name, better):
    about = known_metric(name)
    assert about.better == better
    assert about.is_better(2, than=1) == (better == "higher")
    assert about.is_better(1, than=2) == (better == "lower")
    assert about.is_better(1, than=np.nan) == (better is not None)
    assert not about.is_better(np.nan, than=1)


def test_a_metric_has_a_range_where_one_is_known():
    assert known_metric("lesion_dice").range == (0, 1)
    assert known_metric("mcc").range == (-1, 1)
    assert known_metric("mae").range is known_metric("images").range is None


def test_counts_of_images_stand_beside_the_metrics_they_are_behind():
    assert known_metric("lesion_dice_per_image").counted == "images"
    assert known_metric("iou/cyst").counted == "images/cyst"
    assert known_metric("images/cyst").is_count
    assert not known_metric("dice").is_count


def test_a_run_that_does_not_say_was_computed_as_all_were_then():
    assert absent_sentence(None) == ABSENT_SENTENCES["one"] == "A class in neither truth nor prediction scores 1."
    assert "left out of the mean" in absent_sentence("ignore")


def test_what_programs_told_of_their_metrics_wins_over_what_a_name_says() -> None:
    told = told_metrics(
        [
            {"metrics": {"val_loss": {"better": "higher", "low": 0.0, "high": 5.0}}},
            {},
            {"metrics": {"depth": {"better": "lower", "low": None, "high": None}}},
        ]
    )
    found = known_metric("val_loss", told)
    assert (found.better, found.range) == ("higher", (0.0, 5.0))
    assert found.sentence.endswith("Higher is better.")
    assert (known_metric("depth", told).better, known_metric("depth", told).range) == ("lower", None)
    assert (known_metric("depth").better, known_metric("val_loss").better) == (None, "lower")
    assert known_metric("dice", {"dice": {"better": "lower", "low": None, "high": None}}).better == "higher"


def test_where_programs_disagree_on_a_metric_none_is_the_best() -> None:
    told = told_metrics([{"metrics": {"mae": {"better": word, "low": 0, "high": 1}}} for word in ("lower", "higher")])
    found = known_metric("mae", told)
    assert (found.better, found.range) == (None, None)
    assert "disagree" in found.sentence


@pytest.mark.parametrize("name", ["boundary", "calibration", "scores"])
def test_metrics_are_found_under_the_names_that_programs_of_others_use(name):
    public = importlib.import_module(f"dmf.metrics.{name}")
    own = importlib.import_module(f"dmf.tasks.segmentation.metrics.{name}")
    assert public.__all__
    assert all(getattr(public, each) is getattr(own, each) for each in public.__all__)
