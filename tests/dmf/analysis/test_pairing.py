import numpy as np
import pytest

from dmf.analysis.differences import flat_config
from dmf.analysis.pairing import ScoredRun, pair
from dmf.config import DataConfig, TrainingConfig

CASES = ("a", "b", "c", "d")
NAN = np.nan


def scored(scores=(0.1, 0.2, 0.3, 0.4), cases=CASES, seed=0, absent="one", **data):
    experiment = {
        "data": DataConfig(**data).model_dump(mode="json"),
        "training": TrainingConfig(seed=seed, absent=absent).model_dump(mode="json"),
    }
    return ScoredRun("r-1", flat_config(experiment, {}), tuple(cases), np.array(scores, float))


def test_images_are_lined_up_by_their_case():
    found = pair({"mad": [scored()], "variance": [scored((4, 3, 2, 1), cases=("d", "c", "b", "a"))]}, "mad")
    assert found.groups == ("mad", "variance")
    assert found.seeds == (0,)
    assert found.refused == {}
    np.testing.assert_array_equal(found.scores[0], [[0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]])


def test_an_image_that_one_has_no_score_for_is_left_out_for_all():
    found = pair({"mad": [scored()], "variance": [scored((1, NAN, 3, 4))]}, "mad")
    np.testing.assert_array_equal(found.scores[0], [[0.1, 0.3, 0.4], [1, 3, 4]])


def test_runs_are_paired_by_the_seeds_that_all_have():
    groups = {
        "mad": [scored(seed=seed, cases=(f"{seed}-a", f"{seed}-b"), scores=(seed, seed)) for seed in (0, 1, 2)],
        "variance": [scored(seed=seed, cases=(f"{seed}-b", f"{seed}-a"), scores=(9, 8)) for seed in (2, 3, 1)],
    }
    found = pair(groups, "mad")
    assert found.seeds == (1, 2)
    np.testing.assert_array_equal(found.scores, [[[1, 1], [8, 9]], [[2, 2], [8, 9]]])


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"dataset": "busi"}, "were trained on different datasets (busi and phantom)"),
        ({"root": "/x"}, "read their images from different folders (/x and none)"),
        (
            {"dataset_options": {"images": 24, "seed": 1}},
            "use different options of the dataset (images=24, seed=1 and not recorded)",
        ),
        ({"limit": 40}, "use different numbers of cases (40 and none)"),
        (
            {"split": (0.5, 0.25, 0.25)},
            "deal cases to training, validation and test in different shares (0.5:0.25:0.25 and 0.7:0.15:0.15)",
        ),
        (
            {"image_size": 64},
            "see images of different size (64 and 128 pixels), so that their scores count different pixels",
        ),
        (
            {"fit": "pad"},
            "make images square in different ways (pad and stretch), so that their scores count different",
        ),
        ({"absent": "zero"}, "score a class that is neither there nor found differently (zero and one)"),
        ({"seed": 3}, "have no seed in common (3 and 0), and the seed decides the split into test images"),
        (
            {"cases": ("a", "b", "x", "y")},
            "were tested on different images (of 4 and 4 images, 2 are the same), although their settings agree",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(other, reason):
    found = pair({"mad": [scored()], "variance": [scored(**other)], "fixed": [scored()]}, "mad")
    assert found.groups == ("mad", "fixed")
    assert list(found.refused) == ["variance"]
    assert found.refused["variance"].startswith(f"variance and mad cannot be compared: they {reason}")
    assert found.refused["variance"].endswith(".")


def test_any_other_setting_of_the_data_is_one_too():
    two = scored()
    found = pair({"mad": [scored()], "new": [ScoredRun("r", two.config | {"data.crop": 3}, CASES, two.scores)]}, "mad")
    assert found.refused["new"] == "new and mad cannot be compared: they differ in data.crop (3 and not recorded)."


def test_the_filter_may_differ_because_the_truth_stays_the_same():
    assert pair({"mad": [scored()], "filtered": [scored(filter=True, filter_diameter=5)]}, "mad").refused == {}


def test_a_setting_younger_than_a_run_counts_as_its_default():
    old = scored()
    config = {name: value for name, value in old.config.items() if name not in ("data.fit", "data.limit")}
    groups = {"mad": [ScoredRun("r", config, CASES, old.scores)], "variance": [scored()]}
    assert pair(groups, "mad").refused == {}
    assert "fit" not in pair(groups | {"padded": [scored(fit="pad")]}, "variance").refused.get("mad", "")


def test_runs_without_recorded_settings_are_compared_by_their_images():
    bare = ScoredRun("r", {}, CASES, np.arange(4.0))
    assert pair({"mine": [bare], "yours": [bare]}, "mine").seeds == (None,)
    assert (
        "different datasets (phantom and not recorded)"
        in pair({"mine": [bare], "mad": [scored()]}, "mine").refused["mad"]
    )


def test_a_group_of_unlike_runs_is_refused():
    found = pair({"mad": [scored()], "both": [scored(), scored(seed=1, image_size=64)]}, "mad")
    assert found.refused["both"].startswith("The runs of both cannot be taken together: they see images of different")


def test_a_group_with_two_runs_of_a_seed_is_refused():
    found = pair({"mad": [scored()], "both": [scored(seed=4), scored(seed=4)]}, "mad")
    assert found.refused["both"] == (
        "both has 2 runs of seed 4; group by more settings, so that every group has one run per seed."
    )


@pytest.mark.parametrize("runs", [[], [scored((), cases=())]])
def test_a_group_without_test_scores_is_refused(runs):
    found = pair({"mad": [scored()], "new": runs}, "mad")
    assert found.refused["new"] == "new has no scores of single test images; a race keeps them when its training ends."


def test_without_a_baseline_all_are_refused():
    found = pair({"mad": [], "variance": [scored()]}, "mad")
    assert (found.groups, found.seeds, found.scores) == ((), (), ())
    assert found.refused == dict.fromkeys(
        ("mad", "variance"), "mad has no scores of single test images; a race keeps them when its training ends."
    )


def test_all_are_refused_where_no_seed_or_image_is_left():
    groups = {"a": [scored(), scored(seed=1)], "b": [scored()], "c": [scored(seed=1)]}
    why = "a, b, c cannot be compared: there is no seed that all of them were trained with."
    assert pair(groups, "a").refused == {"a": why, "b": why, "c": why}
    groups = {"a": [scored((1, 1, NAN, NAN))], "b": [scored((NAN, NAN, 1, 1))]}
    why = "a, b cannot be compared: there is no test image that all of them have a score for."
    assert pair(groups, "a").refused == {"a": why, "b": why}


def test_an_unknown_baseline_is_refused():
    with pytest.raises(ValueError, match="`baseline` must be one of mad, got 'madd'"):
        pair({"mad": [scored()]}, "madd")
