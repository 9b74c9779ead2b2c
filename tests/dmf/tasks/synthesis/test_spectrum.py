import pytest
import torch

from dmf.tasks.synthesis.spectrum import half_spectrum


@pytest.fixture(params=[(6, 8), (5, 7), (4, 1), (3, 2)])
def image(request):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 1, *request.param, dtype=torch.float64, generator=generator).requires_grad_()


def test_spectrum_and_gradient_are_those_of_torch(image):
    ours, theirs = half_spectrum(image), torch.fft.rfft2(image, norm="ortho")
    assert torch.equal(ours, theirs)
    weights = torch.rand_like(theirs)
    (mine,) = torch.autograd.grad(ours, image, weights)
    (other,) = torch.autograd.grad(theirs, image, weights)
    torch.testing.assert_close(mine, other)


def test_first_and_second_derivative_are_right(image):
    assert torch.autograd.gradcheck(half_spectrum, image)
    assert torch.autograd.gradgradcheck(half_spectrum, image)


def test_gradients_of_several_losses_at_once_are_those_one_by_one(image):
    values = half_spectrum(image).abs().sum((0, 1, 3))
    rows = torch.eye(len(values), dtype=values.dtype)
    (at_once,) = torch.autograd.grad(values, image, rows, retain_graph=True, is_grads_batched=True)
    for row, gradient in zip(rows, at_once, strict=True):
        torch.testing.assert_close(torch.autograd.grad(values, image, row, retain_graph=True)[0], gradient)
