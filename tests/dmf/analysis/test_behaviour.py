import numpy as np
import pytest
from scipy import stats

from dmf.analysis.behaviour import mean_behaviour, weight_behaviour
from dmf.runs import Telemetry
from dmf.tasks import Segmentation

NAN = np.nan


def recorded(losses, weights, finite=None, first=0):
    """Telemetry of losses and weights by term, one list per term."""
    terms = list(losses)
    columns = (*(f"loss_{term}" for term in terms), *(f"weight_{term}" for term in terms), "total", "finite")
    n = len(next(iter(losses.values())))
    values = [
        *losses.values(),
        *(weights[term] for term in terms),
        np.zeros(n),
        np.ones(n) if finite is None else finite,
    ]
    steps = np.arange(first, first + n)
    return Telemetry("r-1", 1, columns, steps, np.array(values, np.float32).T, steps.astype(float)), terms


WEIGHTS = {"ce": [0.5, 0.5, 0.25, 1.0], "dice": [0.5, 0.5, 0.75, 0.0]}
LOSSES = {"ce": [4, 3, 2, 1], "dice": [1, 3, 2, 4]}


def test_every_number_by_hand():
    found = weight_behaviour(*recorded(LOSSES, WEIGHTS, first=10))
    assert (found.terms, found.steps) == (("ce", "dice"), 4)
    assert found.mean_shares.tolist() == [0.5625, 0.4375]  # 2.25 / 4 and 1.75 / 4
    assert (found.dominant, found.dominance) == ("ce", 0.5625)
    # H(1/4, 3/4) / log 2 = 2 - 3/4 log2(3)
    entropy = [1, 1, 2 - 0.75 * np.log2(3), 0]
    np.testing.assert_allclose(found.entropy, entropy)
    assert found.entropy_step.tolist() == [10, 11, 12, 13]
    assert found.mean_entropy == pytest.approx(np.mean(entropy))
    # half of 0, of 0.5 and of 1.5, over three changes
    assert found.restlessness == pytest.approx((0 + 0.25 + 0.75) / 3)
    assert (found.first_taken, found.taken_by) == (13, "ce")
    # Ranks of ce's weight: 2.5, 2.5, 1, 4 against 4, 3, 2, 1 of its loss.
    expected = [stats.spearmanr(WEIGHTS[term], LOSSES[term]).statistic for term in LOSSES]
    np.testing.assert_allclose(found.loss_correlation, expected)
    assert found.redundant == ()


def test_weights_that_sum_to_k_behave_as_those_that_sum_to_one():
    doubled = {term: 2 * np.array(weights) for term, weights in WEIGHTS.items()}
    one, other = weight_behaviour(*recorded(LOSSES, WEIGHTS)), weight_behaviour(*recorded(LOSSES, doubled))
    assert one.dominance == other.dominance
    assert one.first_taken == other.first_taken
    np.testing.assert_array_equal(one.entropy, other.entropy)


def test_equal_weights_are_even_and_at_rest():
    n = 50
    third = np.full(n, 1 / 3)
    losses = {term: np.random.default_rng(number).random(n) for number, term in enumerate("abc")}
    found = weight_behaviour(*recorded(losses, dict.fromkeys("abc", third)))
    np.testing.assert_allclose(found.entropy, 1)
    assert (found.restlessness, found.first_taken, found.taken_by) == (0, None, None)
    assert found.dominance == pytest.approx(1 / 3)
    assert np.isnan(found.loss_correlation).all()  # a constant has no ranks


def test_exactly_nine_tenths_have_not_taken_all():
    found = weight_behaviour(*recorded({"a": [1, 2, 3], "b": [1, 2, 3]}, {"a": [9, 1, 0], "b": [1, 9, 11]}))
    assert (found.first_taken, found.taken_by) == (2, "b")


def test_correlations_are_those_of_scipy():
    generator = np.random.default_rng(0)
    losses = {term: generator.integers(0, 30, 200) / 7 for term in "abc"}
    raw = {term: generator.integers(1, 20, 200) + losses[term] for term in "abc"}
    found = weight_behaviour(*recorded(losses, raw))
    for at, term in enumerate("abc"):
        expected = stats.spearmanr(np.float32(raw[term]), np.float32(losses[term])).statistic
        assert found.loss_correlation[at] == pytest.approx(expected)


def test_iou_and_dice_are_named_as_redundant_and_why():
    dice = np.random.default_rng(0).uniform(0, 1, 100)
    losses = {"ce": np.random.default_rng(1).random(100), "iou": 1 - dice / (2 - dice), "dice": 1 - dice}
    found = weight_behaviour(*recorded(losses, dict.fromkeys(losses, np.ones(100))), Segmentation.related)
    (both,) = found.redundant
    assert both.terms == ("iou", "dice")
    assert both.correlation == pytest.approx(1)
    assert both.reason == "IoU and Dice rise and fall together: for one class IoU = D / (2 - D), where D is Dice."


def test_other_losses_may_move_together_for_a_reason_nobody_knows():
    values = np.arange(100.0)
    nearly = values.copy()
    nearly[[10, 20]] = nearly[[20, 10]]
    losses = {"a": values, "b": nearly, "c": -values}
    found = weight_behaviour(*recorded(losses, dict.fromkeys(losses, np.ones(100))))
    assert [(both.terms, both.reason) for both in found.redundant] == [(("a", "b"), "")]  # opposites are not the same
    # 1 - 6 (10^2 + 10^2) / (100 (100^2 - 1))
    assert found.redundant[0].correlation == pytest.approx(1 - 1200 / 999_900)


def test_steps_that_changed_nothing_are_left_out():
    losses = {"ce": [4, NAN, 3, 2, 1], "dice": [1, 7, 3, 2, 4]}
    weights = {"ce": [0.5, 1.0, 0.5, 0.25, 1.0], "dice": [0.5, 0.0, 0.5, 0.75, 0.0]}
    found = weight_behaviour(*recorded(losses, weights, finite=[1, 0, 1, 1, 1]))
    without = weight_behaviour(*recorded(LOSSES, WEIGHTS))
    assert found.steps == 4
    assert (found.dominance, found.restlessness) == (without.dominance, without.restlessness)
    assert found.first_taken == 4  # the step as it was counted, not its row
    np.testing.assert_array_equal(found.loss_correlation, without.loss_correlation)


def test_weights_without_shares_and_columns_that_were_not_recorded_are_left_out():
    losses = {"ce": [1, 2, 3, 4], "dice": [NAN, 2, 3, 4]}
    weights = {"ce": [0.5, 0.0, 1.5, 0.75], "dice": [0.5, 0.0, -0.5, 0.25]}
    found = weight_behaviour(*recorded(losses, weights))
    assert found.steps == 1
    assert found.mean_shares.tolist() == [0.75, 0.25]
    assert np.isnan(found.restlessness)


def test_entropy_is_averaged_over_equal_stretches():
    n = 2500
    first = np.where(np.arange(n) % 5 == 0, 1.0, 0.5)
    found = weight_behaviour(*recorded({"a": np.ones(n), "b": np.ones(n)}, {"a": first, "b": 1 - first}))
    assert found.entropy.shape == found.entropy_step.shape == (500,)
    np.testing.assert_allclose(found.entropy, 0.8)  # one of five steps has entropy 0
    assert found.entropy_step[:2].tolist() == [2, 7]
    assert found.mean_entropy == pytest.approx(0.8)


def test_a_single_loss_has_all_and_no_entropy():
    found = weight_behaviour(*recorded({"a": [1, 2]}, {"a": [1, 1]}))
    assert (found.dominance, found.restlessness, found.first_taken) == (1, 0, 0)
    assert np.isnan([*found.entropy, found.mean_entropy]).all()


def test_without_steps_there_are_no_numbers():
    empty = Telemetry("r", 1, (), np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0))
    for found in (
        weight_behaviour(empty, ["a", "b"]),
        weight_behaviour(*recorded(LOSSES, WEIGHTS, finite=np.zeros(4))),
    ):
        assert (found.steps, found.dominant, found.first_taken, found.taken_by) == (0, None, None, None)
        assert np.isnan([found.dominance, found.mean_entropy, found.restlessness]).all()
        assert np.isnan([*found.mean_shares, *found.loss_correlation]).all()
        assert len(found.entropy) == len(found.entropy_step) == 0
        assert found.redundant == ()


def test_telemetry_without_a_term_is_refused():
    telemetry, _ = recorded(LOSSES, WEIGHTS)
    with pytest.raises(ValueError, match="`telemetry` has no column 'loss_iou'; read the run with all its columns"):
        weight_behaviour(telemetry, ["ce", "iou"])


def test_of_several_runs_every_number_is_the_mean_over_them():
    one = weight_behaviour(*recorded(LOSSES, WEIGHTS, first=10))
    other = weight_behaviour(*recorded(LOSSES, {"ce": [0.25] * 4, "dice": [0.75] * 4}))
    both = mean_behaviour([one, other])
    assert both.mean_shares.tolist() == [0.40625, 0.59375]  # (0.5625 + 0.25) / 2 and (0.4375 + 0.75) / 2
    assert (both.steps, both.dominant, both.dominance) == (8, "dice", 0.59375)
    assert both.mean_entropy == pytest.approx((one.mean_entropy + other.mean_entropy) / 2)
    assert both.restlessness == pytest.approx(one.restlessness / 2)  # weights that stand still have none
    assert (both.first_taken, both.taken_by) == (one.first_taken, one.taken_by) == (13, "ce")
    np.testing.assert_array_equal(both.loss_correlation, one.loss_correlation)  # the other has none
    assert mean_behaviour([one]) is one


def test_losses_are_redundant_over_runs_where_they_are_so_in_each():
    together = {"a": np.arange(9.0), "b": np.arange(9.0)}
    apart = {"a": np.arange(9.0), "b": -np.arange(9.0)}
    shares = dict.fromkeys(together, np.ones(9))
    one, other = (weight_behaviour(*recorded(losses, shares)) for losses in (together, apart))
    assert [pair.terms for pair in mean_behaviour([one, one]).redundant] == [("a", "b")]
    assert not mean_behaviour([one, other]).redundant


def test_runs_of_other_losses_have_no_mean():
    one, other = (weight_behaviour(*recorded({term: [1, 2]}, {term: [1, 1]})) for term in ("ce", "iou"))
    with pytest.raises(ValueError, match="of at least one run, and of the same losses"):
        mean_behaviour([one, other])
