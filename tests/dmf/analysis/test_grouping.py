import numpy as np
import pytest
from scipy import stats

from dmf.analysis.grouping import band, common_grid, group_runs

NAN = np.nan


def curve(x, y):
    return np.array(x), np.array(y, float)


def test_runs_that_share_the_fields_form_a_group_in_their_order():
    configs = {
        "r-1": {"fusion.weighting": "mad", "training.seed": 0},
        "r-2": {"fusion.weighting": "variance", "training.seed": 0},
        "r-3": {"fusion.weighting": "mad", "training.seed": 1},
        "r-4": {"training.seed": 1},
    }
    assert group_runs(configs, ["fusion.weighting"]) == {
        ("mad",): ("r-1", "r-3"),
        ("variance",): ("r-2",),
        (None,): ("r-4",),
    }
    assert group_runs(configs, ["training.seed", "fusion.weighting"])[(1, "mad")] == ("r-3",)
    assert group_runs(configs, []) == {(): ("r-1", "r-2", "r-3", "r-4")}
    assert group_runs({}, []) == {}


def test_a_field_no_run_has_is_refused():
    with pytest.raises(ValueError, match=r"No run has a field 'seed'. Choose of: training.seed"):
        group_runs({"r-1": {"training.seed": 0}}, ["seed"])


# A common grid


def test_curves_over_the_same_steps_stay_as_they_are():
    x, y = common_grid([curve([0, 1, 5], [1, 2, 3]), curve([0, 1, 5], [4, NAN, 6])])
    assert x.tolist() == [0, 1, 5]
    np.testing.assert_array_equal(y, [[1, 2, 3], [4, NAN, 6]])


def test_a_run_without_a_value_lies_on_the_line_between_its_neighbours_but_never_beyond_its_ends():
    x, y = common_grid([curve([0, 4], [0, 8]), curve([1, 2, 6], [5, 5, 1])])
    assert x.tolist() == [0, 1, 2, 4, 6]
    # the line from (2, 5) to (6, 1) is at 3 where x = 4
    np.testing.assert_array_equal(y, [[0, 2, 4, 8, NAN], [NAN, 5, 5, 3, 1]])


def test_a_gap_stays_a_gap_and_spoils_no_neighbour():
    _, y = common_grid([curve([0, 2, 4], [1, NAN, 3]), curve([0, 1, 2, 3, 4], [0, 0, 0, 0, 0])])
    np.testing.assert_array_equal(y[0], [1, NAN, NAN, NAN, 3])


def test_many_steps_are_averaged_in_equal_parts():
    # x 0..9 in parts of 4.5: 0..4 (mean 2) and 5..9 (mean 7); the other run has a value every third step
    x, y = common_grid([curve(np.arange(10), np.arange(10)), curve([0, 3, 6, 9], [10, 20, 30, 50])], points=2)
    assert x.tolist() == [2.25, 6.75]
    np.testing.assert_array_equal(y, [[2, 7], [15, 40]])


def test_averaging_leaves_out_what_is_not_finite_but_keeps_a_part_without_anything_as_a_gap():
    values = np.arange(12.0)
    values[1], values[4:8] = np.inf, NAN
    _, y = common_grid([(np.arange(12), values)], points=3)
    # parts of 11/3: steps 0-3 (0 + 2 + 3) / 3, 4-7 nothing, 8-11 their mean
    np.testing.assert_allclose(y, [[5 / 3, NAN, 9.5]])


def test_a_coarse_run_beside_a_fine_one_is_joined_up_and_a_shorter_one_ends_early():
    fine, coarse = curve(np.arange(100), np.zeros(100)), curve([0, 50, 99], [0, 50, 99])
    x, y = common_grid([fine, coarse, curve(np.arange(40), np.ones(40))], points=11)
    assert (y[0] == 0).all()
    # Each value of the coarse run stands in the middle of its part: 4.5, 49.5 and 94.5; between them lie lines.
    np.testing.assert_allclose(y[1], np.interp(x, [4.5, 49.5, 94.5], [0, 50, 99]))
    assert np.isfinite(y[2]).tolist() == [True] * 5 + [False] * 6


def test_no_curves_and_empty_curves_have_no_grid():
    assert [part.shape for part in common_grid([])] == [(0,), (0, 0)]
    x, y = common_grid([curve([], []), curve([1, 2], [3, 4])])
    assert x.tolist() == [1, 2]
    np.testing.assert_array_equal(y, [[NAN, NAN], [3, 4]])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([0, 1], [1], r"as many x as y, \(n,\) each, got \(2,\) and \(1,\)"),
        ([[0, 1]], [[1, 2]], r"got \(1, 2\) and"),
        ([0, 0], [1, 2], "must rise from point to point"),
        ([1, 0], [1, 2], "must rise from point to point"),
    ],
)
def test_what_is_no_curve_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        common_grid([curve(x, y)])


# The band

X = np.array([0.0, 1, 2])
VALUES = np.array([[1.0, 4, 2], [3, 4, NAN], [5, 7, NAN]])


def test_min_max_is_the_range_of_the_runs():
    found = band(X, VALUES, "min-max")
    assert found.x.tolist() == [0, 1]  # one run alone goes on to 2
    assert found.mean.tolist() == [3, 5]
    assert found.low.tolist() == [1, 4]
    assert found.high.tolist() == [5, 7]
    assert found.runs.tolist() == [3, 3]


def test_sd_is_one_standard_deviation_to_each_side():
    found = band(X, VALUES, "sd")
    # (1, 3, 5): sqrt((4 + 0 + 4) / 2) = 2; (4, 4, 7): sqrt((1 + 1 + 4) / 2) = sqrt(3)
    np.testing.assert_allclose(found.high - found.mean, [2, np.sqrt(3)])
    np.testing.assert_allclose(found.mean - found.low, [2, np.sqrt(3)])


def test_the_interval_is_that_of_student():
    found = band(X, VALUES, "interval")
    for at in range(2):
        values = VALUES[:, at]
        low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        assert (found.low[at], found.high[at]) == pytest.approx((low, high))


def test_the_interval_holds_the_mean_in_95_of_100_groups_of_three():
    # 4,000 groups at once, one per x: the standard error of the coverage is sqrt(0.95 * 0.05 / 4000) = 0.0034.
    values = np.random.default_rng(0).normal(7, 2, (3, 4000))
    found = band(np.arange(4000.0), values)
    assert ((found.low < 7) & (found.high > 7)).mean() == pytest.approx(0.95, abs=0.012)


def test_where_a_run_ends_the_mean_is_over_those_that_go_on():
    found = band(X, np.array([[1.0, 1, 1], [3, 3, 3], [8, NAN, NAN]]))
    assert found.mean.tolist() == [4, 2, 2]
    assert found.runs.tolist() == [3, 2, 2]


def test_a_run_alone_has_no_band():
    found = band(X, np.array([[1.0, NAN, 2]]), "sd")
    assert found.x.tolist() == [0, 2]
    assert found.mean.tolist() == [1, 2]
    assert np.isnan([found.low, found.high]).all()
    assert found.runs.tolist() == [1, 1]


@pytest.mark.parametrize("spread", ["min-max", "sd", "interval"])
def test_without_runs_or_points_there_is_nothing_to_draw(spread):
    assert len(band(X, np.empty((0, 3)), spread).x) == 0
    assert len(band(np.empty(0), np.empty((2, 0)), spread).mean) == 0
    assert len(band(X, np.full((2, 3), NAN), spread).low) == 0


@pytest.mark.parametrize(
    ("values", "spread", "message"),
    [
        (VALUES, "iqr", "`spread` must be one of min-max, sd, interval, got 'iqr'"),
        (VALUES[0], "sd", r"`values` must have shape \(runs, 3\), one row per run, got \(3,\)"),
        (VALUES[:, :2], "sd", r"got \(3, 2\)"),
    ],
)
def test_what_has_no_band_is_refused(values, spread, message):
    with pytest.raises(ValueError, match=message):
        band(X, values, spread)


def test_a_band_of_shares_stays_between_the_limits_unless_a_value_does_not():
    values = np.array([[0.0, 0.5], [1.0, 0.6]])
    free, held = band(np.array([0.0, 1.0]), values), band(np.array([0.0, 1.0]), values, limits=(0, 1))
    assert free.low[0] < 0
    assert free.high[0] > 1
    assert (held.low[0], held.high[0]) == (0, 1)
    assert (held.low[1], held.high[1]) == (free.low[1] if free.low[1] > 0 else 0, min(1, free.high[1]))
    beyond = band(np.array([0.0]), np.array([[-0.5], [1.0]]), limits=(0, 1))
    assert beyond.low[0] < -0.5
    assert beyond.high[0] == 1
