import pytest
import torch
import torch.nn.functional as F

from dmf.errors import ConfigError
from dmf.tasks.synthesis.structure import Window, gaussian, moments, similarity

IMAGES = torch.rand(2, 3, 20, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def kernel(size: int, sigma: float) -> torch.Tensor:
    line = torch.exp(-((torch.arange(size, dtype=torch.float64) - size // 2) ** 2) / (2 * sigma**2))
    return (line / line.sum()).outer(line / line.sum())[None, None]


@pytest.mark.parametrize(("size", "sigma"), [(11, 1.5), (3, 0.5), (7, 2.0)])
def test_two_products_with_bands_are_a_convolution(size, sigma):
    valid = F.conv2d(IMAGES.flatten(0, 1)[:, None], kernel(size, sigma))[:, 0].unflatten(0, (2, 3))
    torch.testing.assert_close(gaussian(IMAGES, Window(size, sigma)), valid)
    mirrored = F.pad(IMAGES, (size // 2,) * 4, mode="reflect").flatten(0, 1)[:, None]
    same = F.conv2d(mirrored, kernel(size, sigma))[:, 0].unflatten(0, (2, 3))
    torch.testing.assert_close(gaussian(IMAGES, Window(size, sigma, "reflect")), same)


def test_moments_are_those_of_each_patch():
    output, target = IMAGES[:1, :1], IMAGES[1:, :1]
    found = moments(output, target, Window(5, 1.0))
    weights = kernel(5, 1.0)[0, 0]
    x, y = output[0, 0, 3:8, 4:9], target[0, 0, 3:8, 4:9]
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    torch.testing.assert_close(found.mean_output[0, 0, 3, 4], mean_x)
    torch.testing.assert_close(found.mean_target[0, 0, 3, 4], mean_y)
    torch.testing.assert_close(found.squares[0, 0, 3, 4], (weights * (x**2 + y**2)).sum())
    torch.testing.assert_close(found.product[0, 0, 3, 4], (weights * x * y).sum())


def test_similarity_is_as_written_and_so_is_its_gradient():
    output, target = IMAGES[:1, :1].clone().requires_grad_(), IMAGES[1:, :1]
    window = Window(5, 1.0)
    found = similarity(moments(output, target, window), 2.0)
    raw = moments(output, target, window)
    m, n = raw.mean_output, raw.mean_target
    variances, covariance = raw.squares - m**2 - n**2, raw.product - m * n
    luminance = (2 * m * n + 0.02**2) / (m**2 + n**2 + 0.02**2)
    structure = (2 * covariance + 0.06**2) / (variances + 0.06**2)
    torch.testing.assert_close(found.luminance, luminance)
    torch.testing.assert_close(found.structure, structure)
    for ours, plain in ((found.ssim, luminance * structure), (found.structure, structure)):
        weights = torch.rand_like(plain)
        (mine,) = torch.autograd.grad(ours, output, weights, retain_graph=True)
        (theirs,) = torch.autograd.grad(plain, output, weights, retain_graph=True)
        torch.testing.assert_close(mine, theirs)


def test_the_second_derivative_of_similarity_is_the_numerical_one():
    output, target = IMAGES[:1, :1, :7, :7].clone().requires_grad_(), IMAGES[1:, :1, :7, :7]

    def ssim(x):
        return similarity(moments(x, target, Window(5, 1.0)), 1.0).ssim.mean()

    assert torch.autograd.gradgradcheck(ssim, output)


def test_gradients_of_several_losses_at_once_are_those_one_by_one():
    output, target = IMAGES[:1, :1].clone().requires_grad_(), IMAGES[1:, :1]
    values = similarity(moments(output, target, Window(5, 1.0)), 1.0).ssim.mean((0, 1, 3))
    rows = torch.eye(len(values), dtype=values.dtype)
    (at_once,) = torch.autograd.grad(values, output, rows, retain_graph=True, is_grads_batched=True)
    for row, gradient in zip(rows, at_once, strict=True):
        torch.testing.assert_close(torch.autograd.grad(values, output, row, retain_graph=True)[0], gradient)


def test_the_filter_keeps_its_precision_under_autocast():
    images = IMAGES.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gaussian(images, Window())
    torch.testing.assert_close(found, gaussian(images, Window()), rtol=0, atol=0)


def test_a_matrix_first_made_in_inference_serves_a_gradient_later():
    odd = Window(9, 1.234)
    images = IMAGES.float()
    with torch.inference_mode():
        gaussian(images, odd)
    images.requires_grad_()
    gaussian(images, odd).sum().backward()
    assert images.grad.sum().item() == pytest.approx(2 * 3 * 12 * 19, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((10, 1.5), "`window` must be an odd number of pixels of at least 3, got 10"),
        ((1, 1.5), "`window` must be an odd number"),
        ((11, 0.0), "`sigma` must be a number of pixels above 0, got 0.0"),
        ((11, 1.5, "same"), "`padding` must be 'valid' or 'reflect', got 'same'"),
    ],
)
def test_a_window_that_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Window(*options)


def test_an_image_smaller_than_the_window_is_refused():
    with pytest.raises(ConfigError, match="20 x 27 pixels is smaller than the window of 21 pixels"):
        moments(IMAGES, IMAGES, Window(21))
