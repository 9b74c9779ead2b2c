"""Changes made to a history, by hand."""

import numpy as np
import pytest

from dmf.errors import DataError
from dmf.replay import Perturbation, perturb

LOSSES = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]])


def changed(**settings: object) -> list[float]:
    """The first loss after one change; the second must stay as it was."""
    found = perturb(LOSSES, [Perturbation.model_validate(settings)])
    np.testing.assert_array_equal(found[:, 1], LOSSES[:, 1])
    return [float(value) for value in found[:, 0]]


def test_a_spike_adds_so_many_times_the_median() -> None:
    # the median of 1 2 3 4 is 2.5, so a spike of 10 adds 25
    assert changed(kind="spike", step=1, size=10.0) == [1, 27, 3, 4]


def test_a_spike_of_a_loss_at_zero_is_still_seen() -> None:
    losses = np.array([[0.0], [4.0], [2.0]])
    assert perturb(losses, [Perturbation(kind="spike", step=0, size=3.0)])[0, 0] == 6


def test_scaling_multiplies_up_to_the_end() -> None:
    assert changed(kind="scale", step=2, length=None, size=10.0) == [1, 2, 30, 40]


def test_scaling_may_end() -> None:
    assert changed(kind="scale", step=1, length=2, size=10.0) == [1, 20, 30, 4]


def test_cutting_sets_one_value() -> None:
    assert changed(kind="cut", step=1, length=None, size=0.5) == [1, 0.5, 0.5, 0.5]


def test_dropped_values_are_not_numbers() -> None:
    np.testing.assert_array_equal(changed(kind="drop", step=1, length=2), [1, np.nan, np.nan, 4])


def test_noise_is_a_share_of_the_value_and_decided_by_its_seed() -> None:
    flat = np.full((100_000, 1), 5.0)
    noisy = perturb(flat, [Perturbation(kind="noise", length=None, size=0.2)])[:, 0]
    assert noisy.std() == pytest.approx(1, abs=0.02)  # 0.2 of 5
    again = perturb(flat, [Perturbation(kind="noise", length=None, size=0.2)])[:, 0]
    np.testing.assert_array_equal(noisy, again)
    other = perturb(flat, [Perturbation(kind="noise", length=None, size=0.2, seed=1)])[:, 0]
    assert (noisy != other).any()


def test_changes_are_made_in_order() -> None:
    scale, cut = Perturbation(kind="scale", size=10.0), Perturbation(kind="cut", size=7.0)
    assert perturb(LOSSES, [scale, cut])[0, 0] == 7
    assert perturb(LOSSES, [cut, scale])[0, 0] == 70


def test_the_history_passed_in_stays_as_it_is() -> None:
    before = LOSSES.copy()
    perturb(LOSSES, [Perturbation(kind="cut", size=0.0)])
    np.testing.assert_array_equal(LOSSES, before)


def test_what_lies_beyond_the_end_is_left_out() -> None:
    assert changed(kind="cut", step=3, length=10, size=0.0) == [1, 2, 3, 0]
    assert changed(kind="cut", step=99, size=0.0) == [1, 2, 3, 4]


def test_a_loss_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match=r"no loss number 3 to change: the history has 2"):
        perturb(LOSSES, [Perturbation(loss=2)])


def test_a_spike_needs_a_finite_value_to_be_measured_by() -> None:
    with pytest.raises(DataError, match="no finite value"):
        perturb(np.full((3, 1), np.nan), [Perturbation(kind="spike")])
