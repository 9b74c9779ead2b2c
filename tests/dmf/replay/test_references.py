"""The methods of others, beside what public implementations of them compute from the same losses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchjd import scalarization

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.replay import read_losses, replay
from dmf.seeding import derive
from dmf.weighting import FAMOWeighting, IMTLLWeighting, UncertaintyWeighting
from dmf.weighting.learned import LearnedWeighting

DATA = Path(__file__).parents[2] / "data"


def ours(**settings: Any) -> NDArray[np.float64]:
    names, losses = read_losses(DATA / "notebook" / "losses.csv")
    return replay(losses.astype(np.float32), FusionConfig(terms=names, **settings))  # as they were handed out


def theirs(name: str) -> NDArray[np.float64]:
    return read_losses(DATA / "references" / f"{name}.csv")[1]


@pytest.mark.parametrize("mean", ["full", "decay"])
def test_cov_weighting_in_the_form_of_its_authors(mean: str) -> None:
    weights = ours(weighting="cov", cov_mean=mean, cov_decay=0.9, cov_variance="reference")
    np.testing.assert_allclose(weights, theirs(f"cov_{mean}"), rtol=0, atol=1e-6)


def test_the_corrected_variance_is_measurably_not_the_authors() -> None:
    weights = ours(weighting="cov", cov_mean="decay", cov_decay=0.9)
    assert np.abs(weights - theirs("cov_decay")).max() > 0.1


@pytest.mark.parametrize("variant", ["original", "normalized", "loss-weighted"])
def test_softadapt_in_the_form_of_its_authors(variant: str) -> None:
    weights = ours(weighting="softadapt", softadapt_variant=variant, slope="reference")
    recorded = theirs(f"softadapt_{variant.replace('-', '_')}")
    np.testing.assert_allclose(weights[4:], recorded, rtol=0, atol=1e-6)  # from the first full window on


def test_dynamic_weight_average() -> None:
    weights = ours(weighting="dwa", sum_to="K", block_steps=20)
    np.testing.assert_allclose(weights, theirs("dwa"), rtol=0, atol=1e-6)


def test_slopes_of_the_geometric_mean() -> None:
    slopes = theirs("geometric")
    np.testing.assert_allclose(ours(weighting="geometric")[: len(slopes)], slopes, rtol=1e-5, atol=0)


def test_slopes_of_the_smooth_maximum_three_times_for_three_losses() -> None:
    weights = ours(weighting="tchebycheff", mu=1.0)
    np.testing.assert_allclose(weights, 3 * theirs("tchebycheff"), rtol=0, atol=1e-6)


# What follows asks torchjd itself, with the same losses: its weights are the slopes of its total.


def losses() -> Tensor:
    return torch.from_numpy(read_losses(DATA / "notebook" / "losses.csv")[1].astype(np.float32)).double()


def slopes(total: Tensor, terms: Tensor) -> Tensor:
    return torch.autograd.grad(total, terms)[0]


def of_torchjd(scalarizer: Any, block: int | None = None, rows: int | None = None) -> NDArray[np.float64]:
    """Its slopes (S, K) at the first rows of the losses; ``block``: rows of what it takes for an epoch."""
    found = []
    for step, row in enumerate(losses()[:rows], 1):
        terms = row.clone().requires_grad_()
        found.append(slopes(scalarizer(terms), terms))
        if block and step % block == 0:
            scalarizer.step()
    return torch.stack(found).numpy()


def test_dynamic_weight_average_of_torchjd() -> None:
    expected = of_torchjd(scalarization.DWA(temperature=0.5), block=15)
    found = ours(weighting="dwa", sum_to="K", temperature=0.5, block_steps=15)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    halves = ours(weighting="dwa", temperature=0.5, block_steps=15)
    np.testing.assert_allclose(halves, expected / 3, rtol=0, atol=1e-12)


def test_geometric_mean_of_torchjd() -> None:
    positive = int((losses() < 0).any(-1).int().argmax())  # it refuses others
    assert positive > 50
    expected = of_torchjd(scalarization.GeometricMean(), rows=positive)
    np.testing.assert_allclose(ours(weighting="geometric")[:positive], expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("mu", [0.01, 1.0])
def test_smooth_tchebycheff_of_torchjd(mu: float) -> None:
    weights, ideal = (0.5, 0.2, 0.3), (0.1, -0.2, 0.05)
    theirs = scalarization.STCH(mu, torch.tensor(weights).double(), torch.tensor(ideal).double())
    found = ours(weighting="tchebycheff", mu=mu, weights=weights, ideal=ideal)
    np.testing.assert_allclose(found, 3 * of_torchjd(theirs), rtol=0, atol=1e-6)  # ideal as float32
    equal = of_torchjd(scalarization.STCH(mu))
    np.testing.assert_allclose(ours(weighting="tchebycheff", mu=mu), 3 * equal, rtol=0, atol=1e-12)


def test_random_weights_of_torchjd_from_the_same_draws() -> None:
    found = ours(weighting="random", weight_seed=4)
    for step in range(10):
        terms = losses()[step].requires_grad_()
        torch.manual_seed(derive(4, "weights", step))
        np.testing.assert_allclose(found[step], slopes(scalarization.Random()(terms), terms), rtol=0, atol=1e-12)


def test_constant_weights_and_plain_means_of_torchjd() -> None:
    given = of_torchjd(scalarization.Constant(torch.tensor([1.0, 0.0, 2.5]).double()))
    assert np.array_equal(ours(weighting="fixed", weights=(1, 0, 2.5)), given)
    np.testing.assert_allclose(ours(weighting="fixed"), of_torchjd(scalarization.Mean()), rtol=1e-15, atol=0)
    assert np.array_equal(ours(weighting="fixed", weights=(1, 1, 1)), of_torchjd(scalarization.Sum()))


@pytest.mark.parametrize(
    ("rule", "theirs", "parameter"),
    [(UncertaintyWeighting, scalarization.UW, "log_var"), (IMTLLWeighting, scalarization.IMTLL, "log_scale")],
)
def test_learned_weights_of_torchjd_trained_by_the_same_optimizer(
    rule: type[LearnedWeighting], theirs: Any, parameter: str
) -> None:
    weighting, scalarizer = rule(3), theirs(3).double()
    fusion = Fusion(weighting, history_max=100)
    learned: nn.Parameter = getattr(scalarizer, parameter)
    mine = torch.optim.Adam([weighting.s], lr=0.02)
    other = torch.optim.Adam([learned], lr=0.02)
    for row in losses()[:60]:
        totals = []
        for optimizer, total in ((mine, lambda terms: fusion(terms).total), (other, scalarizer)):
            terms = row.clone().requires_grad_()
            optimizer.zero_grad()
            value = total(terms)
            value.backward()
            optimizer.step()
            totals.append((value, terms.grad))
        torch.testing.assert_close(totals[0], totals[1], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(weighting.s.data, learned.data, rtol=0, atol=1e-12)


def test_famo_of_torchjd_after_the_same_second_looks() -> None:
    weighting, scalarizer = FAMOWeighting(3), scalarization.FAMO(3).double()
    fusion = Fusion(weighting, history_max=100)
    for row, after in zip(losses()[:60], losses()[1:61], strict=True):
        terms = row.clone().requires_grad_()
        weights = slopes(fusion(terms).total, terms)
        other = row.clone().requires_grad_()
        torch.testing.assert_close(weights, slopes(scalarizer(other), other), rtol=1e-9, atol=1e-12)
        weighting.after_step(after)
        scalarizer.update(after)
