import pytest
import torch
from torch import nn

from dmf.errors import ConfigError
from dmf.terms import Loss, LossBank, Parts, Prediction


class Difference(Prediction):
    """Output minus target, counted how often it is made."""

    made = 0

    def __init__(self, output, target):
        super().__init__(output, target)
        Difference.made += 1
        self.difference = output - target


class Absolute(Loss):
    def forward(self, prediction):
        return prediction.difference.abs().mean()


class Square(Loss):
    def forward(self, prediction):
        return prediction.difference.square().mean()


OUTPUT, TARGET = torch.tensor([[[[1.0, 3.0]]]]), torch.zeros(1, 1, 1, 2)


def test_losses_of_images_share_one_prediction_of_their_task():
    Difference.made = 0
    output = OUTPUT.clone().requires_grad_()
    parts = LossBank({"l1": Absolute(), "l2": Square()}, Square(), Difference)(output, TARGET)
    assert Difference.made == 1
    assert parts.terms.tolist() == [2, 5]  # (1 + 3) / 2 and (1 + 9) / 2
    assert parts.auxiliary.item() == 5
    assert parts.output is output
    parts.terms.sum().backward()
    torch.testing.assert_close(output.grad, torch.tensor([[[[0.5 + 1, 0.5 + 3]]]]))


def test_losses_of_other_libraries_get_output_and_target():
    parts = LossBank({"l1": nn.L1Loss(), "l2": nn.MSELoss()})(OUTPUT, TARGET)
    assert parts.terms.tolist() == [2, 5]


def test_a_loss_that_is_no_scalar_is_refused():
    with pytest.raises(ConfigError, match=r"Loss 'l1' \(L1Loss\) must return a scalar tensor of shape \(\), got shape"):
        LossBank({"l1": nn.L1Loss(reduction="none")})(OUTPUT, TARGET)


def test_a_bank_without_losses_is_refused():
    with pytest.raises(ConfigError, match="at least one loss term"):
        LossBank({})


def test_the_output_of_parts_may_be_called_logits():
    terms, output = torch.ones(2), torch.zeros(3)
    for parts in (Parts(terms, None, output), Parts(terms, output=output), Parts(terms, logits=output)):
        assert parts.output is output
        assert parts.logits is output
    assert Parts(terms).output is None
