import pytest
import torch
from torch import Tensor, nn

from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import GradNormWeighting

PULLS = torch.tensor([[2.0, 1.0], [-0.5, 0.3], [0.1, 0.4]], dtype=torch.float64)


def published(losses: Tensor, lengths: Tensor, *, alpha: float, lr: float, start: Tensor) -> Tensor:
    """The weights (S, K) that each step is taken with, as in the paper, with torch's own Adam on the weights."""
    w = nn.Parameter(start.clone())
    adam = torch.optim.Adam([w], lr=lr)
    rows = []
    for row, length in zip(losses, lengths, strict=True):
        rows.append(w.detach().clone())
        pull = w * length
        ratio = row / losses[0]
        target = (pull.mean() * (ratio / ratio.mean()) ** alpha).detach()
        adam.zero_grad()
        (pull - target).abs().sum().backward()
        adam.step()
        with torch.no_grad():
            w.copy_(len(w) * w / w.sum())
    return torch.stack(rows)


@pytest.mark.parametrize("gradient_of", ["logits", "parameters"])
@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_the_weights_are_those_of_the_paper(gradient_of: str, alpha: float) -> None:
    generator = torch.Generator().manual_seed(0)
    factors = torch.linspace(1, 0.3, 30, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0.2, 3.0])
    factors = factors * (1 + 0.2 * torch.rand(30, 3, generator=generator, dtype=torch.float64))
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    x = torch.tensor([0.5, -1.0], dtype=torch.float64)
    fusion = Fusion(
        GradNormWeighting(3, gradient_of=gradient_of, gradnorm_alpha=alpha, gradnorm_lr=0.02, sum_to="K")
    ).watch(net.parameters())
    losses, lengths, weights = [], [], []
    for factor in factors:
        logits = net(x)
        terms = factor * (PULLS @ logits + 4)
        at = logits if gradient_of == "logits" else net[2].weight  # the last layer's weights, not its offsets
        slopes = [torch.autograd.grad(term, at, retain_graph=True)[0].norm() for term in terms]
        lengths.append(torch.stack(slopes))
        losses.append(terms.detach())
        weights.append(fusion(Parts(terms, logits=logits)).weights)
    expected = published(
        torch.stack(losses), torch.stack(lengths), alpha=alpha, lr=0.02, start=torch.ones(3, dtype=torch.float64)
    )
    torch.testing.assert_close(torch.stack(weights), expected, rtol=1e-9, atol=1e-12)


def step(fusion: Fusion, pulls: Tensor, losses: list[float]) -> Tensor:
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    terms = torch.tensor(losses, dtype=torch.float64) + pulls @ logits
    weights: Tensor = fusion(Parts(terms, logits=logits)).weights
    return weights


def test_the_longest_gradient_loses_weight_first() -> None:
    # lengths 2, 1: at step 0 nothing has changed yet, r = 1; the mean is 1.5, so the first is too long, the second too
    # short. The first step of Adam is its learning rate whatever the slope: 1 - 0.1 and 1 + 0.1, which sum to 2.
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits", gradnorm_lr=0.1))
    pulls = torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert step(fusion, pulls, [1.0, 1.0]).tolist() == [0.5, 0.5]
    assert step(fusion, pulls, [1.0, 1.0]).tolist() == pytest.approx([0.45, 0.55])


def test_equally_long_gradients_of_losses_that_fall_alike_are_left_alone() -> None:
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits"))
    pulls = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for value in (1.0, 0.5, 0.25):
        assert step(fusion, pulls, [value, 8 * value]).tolist() == [0.5, 0.5]


def test_a_loss_that_falls_slowly_gains_weight() -> None:
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits"))
    pulls = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for losses in ([1.0, 1.0], [0.9, 0.5]):
        step(fusion, pulls, losses)
    slow, fast = step(fusion, pulls, [0.9, 0.5])
    assert slow > 0.5 > fast


def test_a_loss_without_gradient_moves_no_weight() -> None:
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits"))
    pulls = torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    for losses in ([1.0, 1.0], [0.9, 1.5], [0.7, 0.1]):
        assert step(fusion, pulls, losses).tolist() == [0.5, 0.5]
    for losses in ([0.9, 1.5], [0.7, 0.1]):
        assert step(fusion, torch.zeros_like(pulls), losses).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_a_step_that_is_not_finite_moves_no_state(bad: str) -> None:
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits"))
    step(fusion, PULLS[:2], [1.0, 1.0])
    last = step(fusion, PULLS[:2], [1.0, 0.5])
    before = {name: tensor.clone() for name, tensor in fusion.weighting.state_dict().items()}
    pulls = PULLS[:2].clone()
    if bad == "gradient":
        logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        terms = torch.tensor([1.0, 0.5], dtype=torch.float64) + logits.abs().sqrt()  # infinitely steep at 0
        found = fusion(Parts(terms, logits=logits)).weights
    else:
        found = step(fusion, pulls, [float("nan"), 1.0])
    assert torch.equal(found, last)
    after = fusion.weighting.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_weight_never_reaches_zero() -> None:
    fusion = Fusion(GradNormWeighting(2, gradient_of="logits", gradnorm_lr=3.0, sum_to="K"))
    pulls = torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    for _ in range(5):
        weights = step(fusion, pulls, [1.0, 1.0])
        assert (weights > 0).all()
        assert weights.sum().item() == pytest.approx(2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gradnorm_alpha": float("nan")}, "`gradnorm_alpha` must be a finite number, got nan"),
        ({"gradnorm_lr": 0.0}, r"`gradnorm_lr` must be a finite number above 0, got 0\.0"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GradNormWeighting(2, **options)
