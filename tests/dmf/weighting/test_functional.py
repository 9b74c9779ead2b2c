import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmf.weighting import functional


def rows(*values: list[float]) -> tuple[Tensor, Tensor]:
    """A full window (K, T) and its count."""
    return torch.tensor(values, dtype=torch.float64), torch.tensor(len(values[0]))


def padded(values: list[float], size: int) -> tuple[Tensor, Tensor]:
    """A window (1, size) of which only the last columns are filled; the others hold a number that would be noticed."""
    return torch.tensor([[-1e6] * (size - len(values)) + values], dtype=torch.float64), torch.tensor(len(values))


finite_losses = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12)


def test_symlog_is_the_logarithm_of_one_plus_the_size_with_its_sign() -> None:
    # symlog(e - 1) = log(e) = 1, symlog(-(e^2 - 1)) = -log(e^2) = -2
    x = torch.tensor([0.0, math.e - 1, -(math.e**2 - 1)], dtype=torch.float64)
    torch.testing.assert_close(functional.symlog(x), torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64))


@pytest.mark.parametrize("at", [1.0, -1.0, 3.0, -3.0])
def test_gradient_of_symlog_is_finite_where_the_notebook_has_nan(at: float) -> None:
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    functional.symlog(x).backward()
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(1 / (1 + abs(at)))  # d/dx sign(x) log(1 + |x|) = 1 / (1 + |x|)


def test_minmax_stretches_each_row_to_its_own_range() -> None:
    # row 1: (2 - 2) / 4, (3 - 2) / 4, (6 - 2) / 4; row 2 the other way round
    scaled = functional.minmax(*rows([2, 3, 6], [600, 300, 200]), eps=1e-12)
    expected = torch.tensor([[0, 0.25, 1], [1, 0.25, 0]], dtype=torch.float64)
    torch.testing.assert_close(scaled, expected)


def test_minmax_adds_eps_to_the_range() -> None:
    # (3 - 1) / (3 - 1 + 2) = 0.5, so the largest value stays below 1
    assert functional.minmax(*rows([1, 3]), eps=2.0)[0].tolist() == [0.0, 0.5]


def test_minmax_of_a_flat_row_is_zero() -> None:
    assert functional.minmax(*rows([0.3, 0.3, 0.3])).tolist() == [[0.0, 0.0, 0.0]]


def test_minmax_ignores_columns_that_are_not_filled() -> None:
    window, count = padded([2.0, 4.0, 3.0], 6)
    torch.testing.assert_close(
        functional.minmax(window, count, eps=1e-12)[0, 3:], torch.tensor([0, 1, 0.5], dtype=torch.float64)
    )


def test_the_mean_is_that_of_the_filled_part() -> None:
    window = torch.tensor([[100.0, 1.0, 2.0, 9.0]], dtype=torch.float64)
    assert functional.mean(window, 3).tolist() == functional.mean(window, torch.tensor(3)).tolist() == [4]


def test_variance_divides_by_the_number_of_values() -> None:
    # mean 4; (9 + 4 + 25) / 3
    torch.testing.assert_close(functional.variance(*rows([1, 2, 9])), torch.tensor([38 / 3], dtype=torch.float64))


def test_variance_of_a_straight_line_tends_to_a_twelfth() -> None:
    # n equally spaced values on [0, 1] have variance (n + 1) / (12 (n - 1)); for n = 1001: 1002 / 12000 = 0.0835
    line = torch.linspace(1, 0, 1001, dtype=torch.float64)[None]
    assert functional.variance(line, torch.tensor(1001)).item() == pytest.approx(0.0835)


@pytest.mark.parametrize(
    ("values", "true", "notebook"),
    [
        ([30, 1, 2], 2, 1.5),  # odd: the middle | the mean of sorted[0] and sorted[1]
        ([30, 1, 40, 2], 16, 30),  # even: (2 + 30) / 2 | sorted[2]
        ([5], 5, 5),  # one value: the notebook would read sorted[-1], which is the same
        ([7, 3], 5, 7),
        ([5, 4, 3, 2, 1], 3, 2.5),
    ],
)
@pytest.mark.parametrize("size", [5, 8])
def test_medians_of_both_kinds(values: list[float], true: float, notebook: float, size: int) -> None:
    window, count = padded([float(value) for value in values], size)
    assert functional.median(window, count).tolist() == [true]
    assert functional.median(window, count, "notebook").tolist() == [notebook]


def test_mad_is_the_median_distance_from_the_median() -> None:
    # 0, 0, 1, 8, 8: median 1, distances 1, 1, 0, 7, 7, their median 1. Line: median 2, distances 2 1 0 1 2.
    assert functional.mad(*rows([8, 0, 1, 0, 8], [4, 3, 2, 1, 0])).tolist() == [1, 1]


def test_mad_with_the_notebook_median_uses_it_twice() -> None:
    # 0, 0, 1, 8, 8: (0 + 1) / 2 = 0.5; distances 0.5 0.5 0.5 7.5 7.5 -> (0.5 + 0.5) / 2
    assert functional.mad(*rows([8, 0, 1, 0, 8]), kind="notebook").tolist() == [0.5]


@settings(deadline=None)  # a busy machine is no failure
@given(finite_losses, st.integers(0, 5))
def test_window_statistics_agree_with_the_standard_library(values: list[float], unfilled: int) -> None:
    window, count = padded(values, len(values) + unfilled)
    centre = statistics.median(values)
    assert functional.median(window, count).item() == pytest.approx(centre)
    mad = statistics.median(abs(value - centre) for value in values)
    assert functional.mad(window, count).item() == pytest.approx(mad)
    assert functional.variance(window, count).item() == pytest.approx(statistics.pvariance(values), abs=1e-9)


def test_functions_are_batched_over_leading_dimensions() -> None:
    windows = torch.rand(4, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts = torch.tensor([7, 5, 2, 1])
    for function in (functional.minmax, functional.variance, functional.median, functional.mad):
        together = function(windows, counts)
        for index in range(4):
            assert torch.equal(together[index], function(windows[index], counts[index]))


@settings(deadline=None)  # a busy machine is no failure
@given(finite_losses, st.integers(0, 5), st.sampled_from(["true", "notebook"]))
def test_a_count_that_the_host_knows_gives_the_same_bits(values: list[float], unfilled: int, kind: str) -> None:
    window, count = padded(values, len(values) + unfilled)
    known = int(count)
    assert torch.equal(functional.median(window, known, kind), functional.median(window, count, kind))
    assert torch.equal(functional.mad(window, known, kind), functional.mad(window, count, kind))
    assert torch.equal(functional.variance(window, known), functional.variance(window, count))
    assert torch.equal(functional.minmax(window, known), functional.minmax(window, count))


def test_proportional_gives_shares_and_is_uniform_for_zeros() -> None:
    shares = functional.proportional(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    assert shares.tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_log_likelihood_adds_eps_to_the_floored_deviation() -> None:
    # 1 / (0.25 + 0.25) = 2; 1 / (0.75 + 0.25) = 1, the floor 0.75 replacing 0.5
    high = functional.log_likelihood(torch.tensor(0.25, dtype=torch.float64), floor=0.0, eps=0.25)
    floored = functional.log_likelihood(torch.tensor(0.5, dtype=torch.float64), floor=0.75, eps=0.25)
    assert high.item() == pytest.approx(math.log(2))
    assert floored.item() == pytest.approx(0)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [("fixed", [-1.0, -3.0]), ("compound", [-2.0, -5.0]), ("tempered", [-1.25, -3.5])],
)
def test_next_prior_of_every_kind(prior: str, expected: list[float]) -> None:
    # tempered with rho 0.25: 0.25 (-2) + 0.75 (-1) = -1.25 and 0.25 (-5) + 0.75 (-3) = -3.5
    following = functional.next_log_prior(torch.tensor([-2.0, -5.0]), torch.tensor([-1.0, -3.0]), prior, 0.25)
    assert following.tolist() == expected


def test_a_ratio_to_nothing_is_one() -> None:
    before = torch.tensor([2.0, 0.0, 1e-13, -4.0], dtype=torch.float64)
    assert functional.ratio(torch.tensor([3.0, 5.0, 5.0, 1.0]).double(), before).tolist() == [1.5, 1, 1, -0.25]


def test_a_running_mean_moves_towards_each_value_by_its_share() -> None:
    # 8, then 8 + (4 - 8) / 2 = 6, then 6 + (0 - 6) / 4 = 4.5
    values, shares = torch.tensor([[4.0], [0.0]]), torch.tensor([0.5, 0.25])
    start = torch.tensor([8.0])
    assert functional.running_mean(values, shares, start).tolist() == [[8.0], [6.0], [4.5]]
    assert functional.running_mean(values[:1], shares[:1], start).tolist() == [[8.0], [6.0]]


def test_the_coefficient_of_variation_of_a_mean_of_zero_is_large_but_finite() -> None:
    # 1e-4 / 1 and sqrt(1e-8) / 1e-12
    found = functional.coefficient_of_variation(torch.zeros(2).double(), torch.tensor([-1.0, 0.0]).double())
    torch.testing.assert_close(found, torch.tensor([1e-4, 1e8]).double())


def test_coefficients_of_slopes_by_hand() -> None:
    # as printed in tables of finite differences of five values; the line: offsets -2..2 over 4 + 1 + 0 + 1 + 4
    assert functional.backward_slope(5) == pytest.approx([1 / 4, -4 / 3, 3, -4, 25 / 12])
    assert functional.forward_slope(5) == pytest.approx([-25 / 12, 4, -3, 4 / 3, -1 / 4])
    assert functional.least_squares_slope(5) == pytest.approx([-0.2, -0.1, 0, 0.1, 0.2])
    for slope in functional.SLOPES.values():
        assert slope(2) == pytest.approx([-1, 1])


def test_normalized_slopes_over_their_sizes_or_their_sum() -> None:
    slopes = torch.tensor([[1.0, -3.0], [2.0, -2.0], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.25, -0.75], [0.5, -0.5], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(functional.normalized_slopes(slopes), expected, rtol=1e-7, atol=0)
    # 1 - 3 = -2; a sum of 0 divides by nothing
    assert functional.normalized_slopes(slopes, signed=True).tolist() == [[-0.5, 1.5], [2.0, -2.0], [0.0, 0.0]]


def test_the_logarithm_of_a_share_leaves_out_what_is_not_above_zero() -> None:
    values = torch.tensor([[math.e, -1.0, 0.0], [0.0, -2.0, 0.0]], dtype=torch.float64)
    assert functional.log_share(values).tolist() == [[1.0, -math.inf, -math.inf], [0.0, 0.0, 0.0]]


def test_a_softmax_and_a_smooth_maximum_at_any_temperature() -> None:
    values = torch.tensor([0.0, 0.5 * math.log(3)], dtype=torch.float64)
    # over T = 1/2: 0 and log 3, so 1 : 3 and T log 4
    assert functional.softmax(values, 0.5).tolist() == pytest.approx([0.25, 0.75])
    assert functional.smooth_maximum(values, 0.5).item() == pytest.approx(0.5 * math.log(4))
    assert functional.softmax(values, 1e-310).tolist() == [0, 1]
    assert functional.smooth_maximum(values, 1e-310).item() == pytest.approx(0.5 * math.log(3))


def test_priors_of_a_history_are_those_of_one_step_after_another() -> None:
    generator = torch.Generator().manual_seed(4)
    evidence = 8 * torch.rand(50, 3, generator=generator, dtype=torch.float64)
    initial = torch.log(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))
    for prior, rho in (("tempered", 0.9), ("tempered", 0.0), ("compound", 0.5)):
        now, expected = initial, []
        for row in evidence:
            expected.append(now.softmax(-1))
            now = functional.next_log_prior((row + now).log_softmax(-1), initial, prior, rho)
        found = functional.log_priors(evidence, initial, initial, prior, rho).softmax(-1)
        torch.testing.assert_close(found, torch.stack(expected), rtol=1e-12, atol=0)


def test_a_sort_that_carries_gradient_gives_the_same_median() -> None:
    window, _ = rows([3.0, 1.0, 2.0, 7.0])
    attached = window.clone().requires_grad_()
    median = functional.median(attached, 4)
    assert torch.equal(median.detach(), functional.median(window, 4))
    assert median.tolist() == [2.5]
    (slope,) = torch.autograd.grad(median.sum(), attached)
    assert slope.tolist() == [[0.5, 0, 0.5, 0]]


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 2.6e15), (torch.float64, 2.1e123)])
def test_bounded_numbers_can_be_squared_and_added_up(dtype: torch.dtype, most: float) -> None:
    # (3.4028e38)^0.4 = 10^(38.5319 * 0.4) = 10^15.4127 = 2.59e15; (1.7977e308)^0.4 = 10^(308.2547 * 0.4) = 10^123.3019
    values = torch.tensor([torch.inf, torch.finfo(dtype).max, torch.finfo(dtype).min, 1e15, -0.1], dtype=dtype)
    found = functional.bounded(values)
    assert found[:3].tolist() == pytest.approx([most, most, -most], rel=0.05)
    assert torch.equal(found[3:], values[3:])
    assert torch.isfinite(100_000 * (found[0] - found[2]) ** 2)


def test_a_ratio_stays_within_a_million_millions() -> None:
    now, before = torch.tensor([1e30, -1e38, 6.0, 5.0]), torch.tensor([1.0, 1e-6, 3.0, 0.0])
    assert functional.ratio(now, before).tolist() == pytest.approx([1e12, -1e12, 2, 1], rel=1e-6)
