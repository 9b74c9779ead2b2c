import pytest
import torch

from dmf.tasks.segmentation.losses import Prediction


@pytest.fixture
def two_pixels():
    """Build a prediction of one image of two pixels: p(class 1) = 0.75 and 0.2, true classes 1 and 0."""

    def build(counts="soft", dtype=torch.float64):
        probs = torch.tensor([[0.25, 0.8], [0.75, 0.2]], dtype=dtype)
        logits = probs.log().reshape(1, 2, 1, 2).requires_grad_()
        return Prediction(logits, torch.tensor([[[1, 0]]]), counts=counts)

    return build


@pytest.fixture
def certain():
    """Build a prediction that gives (almost) all probability to the labels it is told."""

    def build(labels, target, classes=2, counts="soft"):
        labels, target = torch.tensor(labels), torch.tensor(target)
        onehot = torch.nn.functional.one_hot(labels, classes).movedim(-1, 1)
        return Prediction((onehot * 40.0).double().requires_grad_(), target, counts=counts)

    return build
