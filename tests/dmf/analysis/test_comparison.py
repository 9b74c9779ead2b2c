import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from dmf.analysis.comparison import COLUMNS, compare
from dmf.analysis.differences import flat_config
from dmf.analysis.pairing import ScoredRun
from dmf.analysis.statistics import hierarchical_bootstrap, percentile_interval, signed_rank
from dmf.jobs import Job, create_experiment
from dmf.tasks.segmentation.metrics.per_image import image_scores

CONFIG = {"data.dataset": "phantom", "data.image_size": 64}
ONLY_MODELS = "this speaks of these two trained models only, not of the methods"
METHODS = "This speaks of the methods with these settings, trained again on this dataset with other seeds; not of other"


def one(scores, seed=0, **config):
    cases = tuple(f"{seed}-{number}" for number in range(len(scores)))
    return ScoredRun("r", {**CONFIG, "training.seed": seed, **config}, cases, np.array(scores, float))


def images(n=40, *shifts, seed=0):
    """Scores of a first model and of others that differ by a shift of their own and by the image."""
    generator = np.random.default_rng(seed)
    first = generator.uniform(0.5, 0.9, n)
    return [first, *(first + shift + generator.normal(0, 0.02, n) for shift in shifts)]


# One seed


@pytest.mark.parametrize(
    ("cases", "words", "not_said"),
    [
        ("abcdef", "all tested on the same 6 images", "each with its own split"),
        (None, "each with its own split and first weights", "test images only"),
    ],
)
def test_seeds_that_share_their_test_images_speak_of_these_only(cases, words, not_said):
    def runs(shift):
        scores = [np.linspace(0.5, 0.7, 6) + shift + 0.01 * seed for seed in range(3)]
        found = [one(values, seed, **{"data.dataset": "folder"}) for seed, values in enumerate(scores)]
        return [ScoredRun(run.run, run.config, tuple(cases) if cases else run.cases, run.scores) for run in found]

    found = compare({"a": runs(0), "b": runs(0.1)}, "a")
    assert words in found.sentence
    assert not_said not in found.sentence
    assert ("on these test images only" in found.sentence) == (cases is not None)


def test_seeds_that_have_some_test_images_in_common_are_told():
    groups = {
        name: [
            ScoredRun("r", {"data.dataset": "busi", "training.seed": seed}, tuple(cases), np.arange(3) / 9 + shift)
            for seed, cases in enumerate(("abc", "cde"))
        ]
        for name, shift in (("a", 0), ("b", 0.1))
    }
    assert "images that are partly the same" in compare(groups, "a").sentence


def test_where_nobody_knows_which_values_are_better_none_is_the_best():
    low, high = images(40, 0.05)
    found = compare({"a": [one(low)], "b": [one(high)]}, "a", higher_is_better=None)
    assert not found.table["best"].any()
    assert not found.table["bold"].any()


def test_two_models_are_compared_over_the_images():
    low, high = images(40, 0.05)
    found = compare({"mad": [one(low)], "variance": [one(high)]}, "mad")
    assert (found.test, found.seeds, found.images, found.refused) == ("wilcoxon", (0,), (40,), {})
    assert list(found.table.columns) == list(COLUMNS)
    base, other = found.table.to_dict("records")
    assert (base["group"], base["mean"], base["spread"]) == (
        *("mad", pytest.approx(low.mean())),
        pytest.approx(low.std(ddof=1)),
    )
    assert np.isnan([base["difference"], base["p"], base["p_holm"], base["effect"], base["low"]]).all()
    expected = signed_rank(high - low)
    assert other["p"] == pytest.approx(stats.wilcoxon(high, low, zero_method="pratt").pvalue)
    assert (other["difference"], other["low"], other["high"], other["effect"], other["n"], other["zeros"]) == (
        *(expected.median, expected.low, expected.high, expected.effect),
        *(40, 0),
    )
    assert other["p_holm"] == other["p"]  # a family of one
    assert found.table["best"].tolist() == found.table["bold"].tolist() == [False, True]
    assert found.family.startswith("P-values are corrected by Holm's method for the 1 comparison with mad;")
    assert found.sentence.startswith("On the same 40 test images, Score: variance scores higher than mad (median")
    assert f"difference {other['difference']:+.3g}, rank-biserial {other['effect']:+.2f}, p" in found.sentence
    assert "p < 0.001" in found.sentence
    assert ONLY_MODELS in found.sentence
    assert "not shown to be equal" not in found.sentence


def test_p_values_are_corrected_for_their_family():
    scores = images(30, 0.004, 0.008, 0.012, 0.0)
    groups = {name: [one(values)] for name, values in zip("abcde", scores, strict=True)}
    found = compare(groups, "a")
    raw = [stats.wilcoxon(values, scores[0], zero_method="pratt").pvalue for values in scores[1:]]
    np.testing.assert_allclose(found.table["p"][1:], raw)
    np.testing.assert_allclose(found.table["p_holm"][1:], multipletests(raw, method="holm")[1])
    # In bold: what cannot be told apart from the best, corrected for all 10 pairs.
    pairs = [(one, other) for one in range(5) for other in range(one)]
    p = [stats.wilcoxon(scores[one], scores[other], zero_method="pratt").pvalue for one, other in pairs]
    corrected = dict(zip(pairs, multipletests(p, method="holm")[1], strict=True))
    best = int(np.argmax([values.mean() for values in scores]))
    expected = [one == best or corrected[max(one, best), min(one, best)] >= 0.05 for one in range(5)]
    assert found.table["bold"].tolist() == expected
    assert sum(expected) < 5
    assert "for the 4 comparisons with a; for what is set in bold, for the 10 comparisons of every two" in found.family
    assert "these 5 trained models only" in found.sentence


def test_what_shows_no_significant_difference_is_both_bold_and_not_called_equal():
    low, high = images(40, 0.0005)
    found = compare({"mad": [one(low)], "variance": [one(high)]}, "mad", metric="Lesion IoU")
    assert found.table["bold"].all()
    assert found.table["best"].sum() == 1
    p = found.table["p_holm"][1]
    assert (
        f"Lesion IoU: no significant difference between variance and mad (Wilcoxon signed-rank, Holm: p = {p:.3f}). No "
        "significant difference does not show that two are equal." in found.sentence
    )


def test_lower_is_better_for_distances():
    low, high = images(40, 0.05)
    found = compare({"mad": [one(low)], "variance": [one(high)]}, "variance", higher_is_better=False)
    assert found.table["best"].tolist() == [True, False]
    assert "mad scores lower than variance" in found.sentence


def test_the_direction_is_that_of_the_ranks_where_most_images_are_equal():
    scores = np.zeros(40)
    scores[:12] = np.linspace(0.01, 0.2, 12)
    found = compare({"mad": [one(np.zeros(40))], "variance": [one(scores)]}, "mad")
    row = found.table.iloc[1]
    assert (row["difference"], row["zeros"], row["effect"]) == (0, 28, 1)
    assert "variance scores higher than mad (median difference +0, rank-biserial +1.00, p" in found.sentence


def test_five_images_show_nothing():
    found = compare({"a": [one([0.1, 0.2, 0.3, 0.4, 0.5])], "b": [one([0.9] * 5)]}, "a")
    assert found.table["bold"].all()
    assert np.isnan(found.table["low"][1])
    assert "With 5 images no difference could be shown, however large." in found.sentence
    alone = compare({"a": [one([0.1])], "b": [one([0.9])]}, "a")
    assert alone.sentence.startswith("On one test image, ")
    assert np.isnan(alone.table["spread"]).all()


# Several seeds


def seeds(*shifts, count=5, n=20, by_seed=0.01):
    generator = np.random.default_rng(count)
    groups = {f"m{number}": [] for number in range(len(shifts))}
    for seed in range(count):
        base = generator.uniform(0.5, 0.9, n)
        for number, shift in enumerate(shifts):
            scores = base + shift + by_seed * generator.normal() + generator.normal(0, 0.02, n)
            groups[f"m{number}"].append(one(scores, seed=seed))
    return groups


def test_several_seeds_are_compared_over_the_seeds():
    groups = seeds(0, 0.1, 0.0)
    found = compare(groups, "m0")
    assert (found.test, found.seeds, found.images) == ("paired t", (0, 1, 2, 3, 4), (20,) * 5)
    means = {name: np.array([run.scores.mean() for run in runs]) for name, runs in groups.items()}
    for row in found.table.to_dict("records"):
        assert (row["runs"], row["mean"]) == (5, pytest.approx(means[row["group"]].mean()))
        assert row["spread"] == pytest.approx(means[row["group"]].std(ddof=1))
    row = found.table.iloc[1]
    test = stats.ttest_rel(means["m1"], means["m0"])
    interval = test.confidence_interval()
    assert (row["p"], row["low"], row["high"]) == pytest.approx((test.pvalue, interval.low, interval.high))
    assert np.isnan(row["effect"])
    assert (row["n"], row["zeros"]) == (5, 0)
    assert found.table["bold"].tolist() == [False, True, False]
    assert found.sentence.startswith("Over 5 seeds (0, 1, 2, 3, 4), each with its own split and first weights, Score")
    assert "m1 scores higher than m0 (mean difference +0.1" in found.sentence
    assert METHODS in found.sentence
    assert "trained models only" not in found.sentence


def test_few_seeds_are_said_to_show_little():
    assert "With 3 seeds only large differences can be shown." in compare(seeds(0, 0.1, count=3), "m0").sentence


def test_the_bootstrap_resamples_seeds_and_images():
    groups = seeds(0, 0.1, 0.0)
    found = compare(groups, "m1", over="bootstrap", seed=7)
    assert found.test == "bootstrap"
    table = [np.array([groups[name][seed].scores for name in groups]) for seed in range(5)]
    draws = hierarchical_bootstrap(table, seed=7)
    low, high = percentile_interval(draws[:, 0] - draws[:, 1])
    row = found.table.iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["low"] < row["difference"] < row["high"] < 0
    assert row["p"] == pytest.approx(2 / 10_001)
    assert found.table["bold"].tolist() == [False, True, False]
    assert "m0 scores lower than m1 (mean difference" in found.sentence
    np.testing.assert_array_equal(compare(groups, "m1", over="bootstrap", seed=7).table["p"], found.table["p"])


def test_a_score_of_the_whole_split_is_compared_over_seeds_as_a_single_case():
    pooled = {
        name: [one([run.scores.mean()], seed) for seed, run in enumerate(runs)] for name, runs in seeds(0, 0.1).items()
    }
    assert compare(pooled, "m0").table["p"][1] == pytest.approx(compare(seeds(0, 0.1), "m0").table["p"][1])


def test_a_difference_that_is_none_is_found_in_five_of_a_hundred():
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        groups = {name: [one(generator.normal(size=4), seed) for seed in range(4)] for name in "abc"}
        found += (compare(groups, "a").table["p_holm"][1:] < 0.05).any()
    assert found / 200 <= 0.05 + 0.035  # of the family; two standard errors


# Refusals


def test_what_is_refused_is_left_out_and_said():
    low, high = images(40, 0.05)
    groups = {"a": [one(low)], "b": [one(high)], "c": [one(high, **{"data.image_size": 128})]}
    found = compare(groups, "a")
    assert found.table["group"].tolist() == ["a", "b"]
    assert found.refused.keys() == {"c"}
    assert found.sentence.endswith(found.refused["c"])


def test_a_baseline_alone_has_nothing_to_be_compared_with():
    found = compare({"a": [one([0.5, 0.7])]}, "a")
    row = found.table.iloc[0]
    assert (row["mean"], row["best"], row["bold"]) == (pytest.approx(0.6), True, True)
    assert found.sentence == "There is nothing to compare a with."
    assert found.family == ""
    refused = compare({"a": [one([0.5, 0.7])], "b": []}, "a")
    assert refused.sentence == f"There is nothing to compare a with. {refused.refused['b']}"


def test_nothing_to_compare_is_an_empty_table():
    found = compare({"a": [], "b": [one([0.5])]}, "a")
    assert found.table.empty
    assert found.table.dtypes.astype(str).to_dict() == COLUMNS
    assert found.test is None
    assert found.sentence == (
        "Nothing can be compared. a has no scores of single test images; a race keeps them when its training ends."
    )


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="`over` must be 'seeds' or 'bootstrap', got 'images'"):
        compare({"a": [one([0.5])]}, "a", over="images")


def test_runs_of_a_race_are_compared_as_they_were_recorded(store, tiny):
    experiment = create_experiment(store, tiny("mad", "fixed,weights=1:0:0"))
    Job(store, experiment, "me").train()
    groups = {}
    for run in experiment.runs:
        scores = store.case_scores(run.id, "test")[-1]
        config = flat_config(experiment.config, run.config)
        groups[run.label] = [ScoredRun(run.id, config, scores.cases, image_scores(scores.counts, "lesion_dice"))]
    found = compare(groups, "mad")
    assert found.refused == {}
    assert (found.test, found.seeds) == ("wilcoxon", (0,))
    metrics = store.epoch_metrics([run.id for run in experiment.runs], metrics=["lesion_dice_per_image"], split="test")
    of_run = metrics.set_index("run")["value"]
    np.testing.assert_allclose(found.table["mean"], [of_run[run.id] for run in experiment.runs])
