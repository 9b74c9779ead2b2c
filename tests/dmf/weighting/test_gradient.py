from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import GradNormWeighting, UPGradWeighting, gradients, gramian

X = torch.tensor([1.0, 2.0], dtype=torch.float64)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_each_loss_has_its_gradient_at_every_input() -> None:
    # L1 = 3a + b^2, L2 = -a: at a = 1, b = 2 the gradients are (3, 4) and (-1, 0)
    a, b = leaf(1.0), leaf(2.0)
    rows = gradients(torch.stack(((3 * a + b**2).sum(), -a.sum())), (a, b))
    assert [[part.item() for part in row] for row in rows] == [[3.0, 4.0], [-1.0, 0.0]]
    assert a.grad is None
    assert b.grad is None


def test_losses_without_gradient_and_inputs_they_do_not_depend_on_give_zeros() -> None:
    a, b = leaf(1.0), leaf(2.0, 3.0)
    assert [part.tolist() for part in gradients(a, (a, b))[0]] == [[1.0], [0.0, 0.0]]
    assert [[part.tolist() for part in row] for row in gradients(torch.ones(2), (a, b))] == [[[0.0], [0.0, 0.0]]] * 2


def test_the_graph_is_kept_for_the_steps_own_walk() -> None:
    a = leaf(2.0)
    losses = a**2
    gradients(losses, (a,))
    losses.sum().backward()
    assert a.grad is not None
    assert a.grad.item() == 4.0


def test_inner_products_are_summed_over_the_inputs() -> None:
    # (3, 4) . (3, 4) = 25, (3, 4) . (-1, 0) = -3, (-1, 0) . (-1, 0) = 1
    rows = [(torch.tensor([3.0]), torch.tensor([[4.0]])), (torch.tensor([-1.0]), torch.tensor([[0.0]]))]
    products = gramian(rows)
    assert products.tolist() == [[25.0, -3.0], [-3.0, 1.0]]
    assert products.dtype == torch.float64


def test_inner_products_do_not_lose_digits_under_autocast() -> None:
    rows = [(torch.tensor([1.0, 1e-3]),), (torch.tensor([1.0, -1e-3]),)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        single = gramian(rows, torch.float32)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), gramian(rows), rtol=1e-6, atol=0)


@pytest.mark.parametrize("gradient_of", ["parameters", "logits"])
def test_gradients_are_those_at_the_place_that_is_named(gradient_of: str) -> None:
    # logits y = W x with x = (1, 2). L1 = y1, L2 = y2 - 3 y1: at the logits (1, 0) and (-3, 1).
    # At W (2 x 2) they are the outer products with x: all inner products are 5 times as large, as |x|^2 = 5, and no
    # rule looks at the scale, so both places lead to the same weights here.
    layer = nn.Linear(2, 2, bias=False).double()
    y = layer(X)
    terms = torch.stack((y[0], y[1] - 3 * y[0]))
    fusion = Fusion(UPGradWeighting(2, gradient_of=gradient_of)).watch(layer.parameters())
    found = fusion(Parts(terms, logits=y)).weights
    expected = Fusion(UPGradWeighting(2, gradient_of="logits"))(Parts(terms, logits=y)).weights
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_frozen_parameters_are_left_out() -> None:
    layer = nn.Linear(2, 2).double()
    layer.bias.requires_grad_(False)
    y = layer(X)
    fusion = Fusion(UPGradWeighting(2)).watch(layer.parameters())
    assert torch.isfinite(fusion(torch.stack((y[0], y[1] - 3 * y[0]))).weights).all()


@pytest.mark.parametrize("kind", [UPGradWeighting, GradNormWeighting])
def test_a_fusion_that_does_not_know_the_network_is_told_how_to(kind: Any) -> None:
    terms = leaf(1.0, 2.0)
    with pytest.raises(ConfigError, match=r"Call `fusion\.watch\(model\.parameters\(\)\)` once, or choose gradient_of"):
        Fusion(kind(2))(terms)
    with pytest.raises(ConfigError, match=r"what a LossBank returns, or with `Parts\(terms, output=output\)`"):
        Fusion(kind(2, gradient_of="logits"))(terms)
    with pytest.raises(ConfigError, match="undetached"):
        Fusion(kind(2, gradient_of="logits"))(Parts(terms, logits=torch.ones(2)))


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Unknown gradient_of 'logit'\. .*Did you mean 'logits'"):
        UPGradWeighting(2, gradient_of="logit")


def test_it_cannot_be_replayed() -> None:
    with pytest.raises(ConfigError, match="UPGradWeighting needs more than loss values, so it cannot be replayed"):
        UPGradWeighting(2).replay(torch.ones(5, 2), 10)
