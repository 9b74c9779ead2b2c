import pytest
import torch

from dmf.tasks.synthesis.differences import differences


@pytest.fixture
def images():
    return torch.rand(2, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.mark.parametrize("dim", [-1, -2])
def test_values_and_gradient_are_those_of_torch(images, dim):
    ours, theirs = differences(images, dim), images.diff(dim=dim)
    assert torch.equal(ours, theirs)
    weights = torch.rand_like(theirs)
    (mine,) = torch.autograd.grad(ours, images, weights)
    (other,) = torch.autograd.grad(theirs, images, weights)
    assert torch.equal(mine, other)


@pytest.mark.parametrize("dim", [-1, -2])
def test_first_and_second_derivative_are_right(images, dim):
    assert torch.autograd.gradcheck(lambda x: differences(x, dim), images)
    assert torch.autograd.gradgradcheck(lambda x: differences(x, dim).square(), images)


@pytest.mark.parametrize("dim", [-1, -2])
def test_gradients_of_several_losses_at_once_are_those_one_by_one(images, dim):
    values = differences(images, dim).square().sum((0, 1, 3))
    rows = torch.eye(len(values), dtype=values.dtype)
    (at_once,) = torch.autograd.grad(values, images, rows, retain_graph=True, is_grads_batched=True)
    for row, gradient in zip(rows, at_once, strict=True):
        torch.testing.assert_close(torch.autograd.grad(values, images, row, retain_graph=True)[0], gradient)
