import pytest
import torch
from torch import nn

from dmf.training.evaluation import predictor
from dmf.training.numerics import Numerics


@pytest.mark.parametrize("training", [True, False])
def test_a_network_predicts_in_evaluation_mode_without_gradient_and_keeps_its_mode(training):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.9)).train(training)
    predict = predictor(model, Numerics(torch.device("cpu")).autocast)
    images = torch.rand(1, 1, 4, 4)
    logits = predict(images)
    assert torch.equal(logits, model[0](images))
    assert not logits.requires_grad
    assert model.training is training


def test_a_network_that_fails_keeps_its_mode_too():
    model = nn.Conv2d(3, 2, 1).train()
    predict = predictor(model, Numerics(torch.device("cpu")).autocast)
    with pytest.raises(RuntimeError):
        predict(torch.rand(1, 1, 4, 4))
    assert model.training
