"""The methods of others, beside what public implementations of them compute from the same losses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.replay import read_losses, replay

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
