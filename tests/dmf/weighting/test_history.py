import pytest
import torch

from dmf.errors import ConfigError
from dmf.weighting import LossHistory

YES, NO = torch.tensor(True), torch.tensor(False)


def test_values_enter_at_the_right_and_the_oldest_leaves() -> None:
    history = LossHistory(2, 3)
    for value in (1.0, 2.0, 3.0, 4.0):
        history.push(torch.tensor([value, -value]), YES)
    assert history.values.tolist() == [[2, 3, 4], [-2, -3, -4]]
    assert history.filled.tolist() == [3, 3]


def test_filled_counts_values_while_the_window_fills() -> None:
    history = LossHistory(1, 3)
    counts = []
    for _ in range(5):
        history.push(torch.tensor([1.0]), YES)
        counts.append(history.filled.item())
    assert counts == [1, 2, 3, 3, 3]


def test_a_step_that_is_not_finite_is_not_stored() -> None:
    history = LossHistory(2, 3)
    history.push(torch.tensor([1.0, 2.0]), YES)
    before = history.values
    window = history.push(torch.tensor([3.0, torch.nan]), NO)
    assert torch.equal(window, before)
    assert torch.equal(history.values, before)
    assert history.filled.tolist() == [1, 1]


def test_flags_that_the_host_knows_store_the_same() -> None:
    on_device, known = LossHistory(2, 3), LossHistory(2, 3)
    for value, finite in ((1.0, True), (2.0, False), (3.0, True), (4.0, True), (5.0, True), (6.0, False)):
        terms = torch.tensor([value, -value])
        one, other = on_device.push(terms, torch.tensor(finite)), known.push(terms, finite)
        assert torch.equal(one, other)
        assert torch.equal(on_device.filled, known.filled)
        assert [known.count] * 2 == on_device.filled.tolist()
    assert known.values.tolist() == [[3, 4, 5], [-3, -4, -5]]


def test_the_returned_window_carries_gradient_but_the_stored_one_never_does() -> None:
    history = LossHistory(1, 3)
    terms = torch.tensor([2.0], requires_grad=True)
    window = history.push(terms, YES)
    window.sum().backward()
    assert terms.grad is not None
    assert terms.grad.item() == 1
    assert not history.values.requires_grad


def test_values_are_kept_in_double_precision_by_default_and_in_single_on_request() -> None:
    assert LossHistory(1, 3).values.dtype == torch.float64
    history = LossHistory(1, 3, torch.float32)
    assert history.push(torch.tensor([1.0], dtype=torch.float64), YES).dtype == torch.float32


def test_an_earlier_state_dict_is_not_touched_by_later_steps() -> None:
    history = LossHistory(1, 3)
    history.push(torch.tensor([1.0]), YES)
    saved = history.state_dict()
    history.push(torch.tensor([2.0]), YES)
    history.load_state_dict(saved)
    assert history.values.tolist() == [[0, 0, 1]]
    assert history.filled.item() == 1


def test_a_history_of_no_losses_or_one_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="`count` must be at least 1 loss, got 0"):
        LossHistory(0, 3)
    with pytest.raises(ConfigError, match="`size` must be at least 2 steps, got 1"):
        LossHistory(3, 1)


def test_what_only_a_wider_type_can_hold_is_stored_as_the_largest_number() -> None:
    history = LossHistory(3, 2, torch.float32)
    history.push(torch.tensor([1e300, -1e300, 0.5], dtype=torch.float64), YES)
    most = torch.finfo(torch.float32).max
    assert history.values[:, 1].tolist() == [most, -most, 0.5]
