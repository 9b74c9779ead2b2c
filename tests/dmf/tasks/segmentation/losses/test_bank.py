import pytest
import torch
from torch import nn

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import CBDice, CrossEntropy, LossBank, MeanDice, Prediction

LOGITS = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
TARGET = torch.randint(2, (2, 4, 4), generator=torch.Generator().manual_seed(1))


class Outside(nn.Module):
    """A loss of another library, called with logits and target."""

    def __init__(self, outcome):
        super().__init__()
        self.outcome = outcome

    def forward(self, logits, target):
        return self.outcome(logits, target)


def test_terms_come_in_order_with_the_auxiliary_beside_them():
    parts = LossBank({"ce": CrossEntropy(), "dice": MeanDice()}, CBDice())(LOGITS, TARGET)
    prediction = Prediction(LOGITS, TARGET)
    torch.testing.assert_close(parts.terms, torch.stack([CrossEntropy()(prediction), MeanDice()(prediction)]))
    torch.testing.assert_close(parts.auxiliary, CBDice()(prediction))
    assert parts.logits is LOGITS


def test_no_auxiliary_is_none():
    assert LossBank({"ce": CrossEntropy()})(LOGITS, TARGET).auxiliary is None


def test_hard_counts_reach_the_losses():
    logits = LOGITS.clone().requires_grad_()
    bank = LossBank({"dice": MeanDice()}, CrossEntropy(), counts="hard")
    parts = bank(logits, TARGET)
    assert not parts.terms.requires_grad
    assert parts.auxiliary.requires_grad


def test_an_outside_loss_is_a_term_in_one_line():
    parts = LossBank({"ce": CrossEntropy(), "torch": nn.CrossEntropyLoss()}, nn.CrossEntropyLoss())(LOGITS, TARGET)
    torch.testing.assert_close(parts.terms[0], parts.terms[1])
    torch.testing.assert_close(parts.auxiliary, parts.terms[0])


def test_an_outside_loss_gets_float32_logits():
    seen = []
    LossBank({"outside": Outside(lambda logits, _: seen.append(logits.dtype) or logits.sum())})(LOGITS.half(), TARGET)
    assert seen == [torch.float32]


def test_void_pixels_are_told_to_an_outside_loss_in_its_own_number():
    target = TARGET.masked_fill(TARGET == 1, 7)
    target[0, 0] = 1
    bank = LossBank({"ce": CrossEntropy(), "torch": nn.CrossEntropyLoss()}, ignore=7)  # torch's number is -100
    parts = bank(LOGITS, target)
    torch.testing.assert_close(parts.terms[0], parts.terms[1])


def test_an_outside_loss_that_knows_no_void_pixels_is_refused_where_there_are_any():
    bank = LossBank({"outside": Outside(lambda logits, _: logits.sum())})
    bank(LOGITS, TARGET)
    with pytest.raises(ConfigError, match=r"Loss 'outside' \(Outside\) has no `ignore_index`, so it would count"):
        bank(LOGITS, TARGET.masked_fill(TARGET == 1, 255))


def test_names_may_hold_dots_and_names_of_modules():
    assert LossBank({"a.b": CrossEntropy(), "train": MeanDice()}).names == ("a.b", "train")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (lambda logits, _: logits.sum((1, 2, 3)), r"Loss 'odd' \(Outside\) must return a scalar .* got shape \(2,\)"),
        (lambda logits, _: logits.sum().reshape(1), r"got shape \(1,\)"),
        (lambda *_: 0.5, "got float"),
    ],
)
def test_an_outcome_that_is_not_a_scalar_is_refused(outcome, words):
    with pytest.raises(ConfigError, match=words):
        LossBank({"odd": Outside(outcome)})(LOGITS, TARGET)


def test_a_bank_without_terms_is_refused():
    with pytest.raises(ConfigError, match="at least one loss term"):
        LossBank({})
