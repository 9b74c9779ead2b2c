import math
from typing import Any

import pytest
import torch

from dmf.errors import ConfigError
from dmf.weighting import CoVWeighting

# First loss: ratios to the mean so far 1, 2/4, 6/3; second: flat.
LOSSES = torch.tensor([[4.0, 5.0], [2.0, 5.0], [6.0, 5.0], [1.0, 5.0]], dtype=torch.float64)
FLAT = 1e-4  # sqrt(0 + 1e-8) / 1


def expect(weights: torch.Tensor, *variation: float) -> None:
    shares = torch.tensor(variation, dtype=torch.float64) / sum(variation)
    torch.testing.assert_close(weights, shares, rtol=1e-9, atol=1e-12)


def test_weights_are_shares_of_the_coefficient_of_variation_of_the_steps_before(live: Any) -> None:
    # M: 4, (4 + 2) / 2 = 3, (4 + 2 + 6) / 3 = 4. l: 1, 2/4 = 0.5, 6/3 = 2.
    # Before t = 2: mean (1 + 0.5) / 2 = 0.75, variance ((0.25)^2 + (0.25)^2) / 2 = 0.0625.
    # Before t = 3: mean 3.5 / 3 = 7/6, variance (1 + 0.25 + 4) / 3 - 49/36 = 1.75 - 49/36 = 14/36.
    weights = live(CoVWeighting(2), LOSSES, 2)
    assert weights[:2].tolist() == [[0.5, 0.5]] * 2
    expect(weights[2], math.sqrt(0.0625 + 1e-8) / 0.75, FLAT)
    expect(weights[3], math.sqrt(14 / 36 + 1e-8) / (7 / 6), FLAT)


def test_a_decaying_mean_forgets_and_its_variance_with_it(live: Any) -> None:
    # b = 1/2. M: 4, 3, 4.5. l: 1, 0.5, 2. mu: 1, 0.75, 1.375.
    # V: 0, then 0/2 + (0.5 - 1)(0.5 - 0.75)/2 = 0.0625, then 0.0625/2 + (2 - 0.75)(2 - 1.375)/2 = 0.421875
    weights = live(CoVWeighting(2, cov_mean="decay", cov_decay=0.5), LOSSES, 2)
    expect(weights[2], math.sqrt(0.0625 + 1e-8) / 0.75, FLAT)
    expect(weights[3], math.sqrt(0.421875 + 1e-8) / 1.375, FLAT)


def test_the_reference_variance_never_forgets(live: Any) -> None:
    # S: 0, then (0.5 - 1)(0.5 - 0.75) = 0.125 over 2 steps, then 0.125 + (2 - 0.75)(2 - 1.375) = 0.90625 over 3
    weights = live(CoVWeighting(2, cov_mean="decay", cov_decay=0.5, cov_variance="reference"), LOSSES, 2)
    expect(weights[2], math.sqrt(0.125 / 2 + 1e-8) / 0.75, FLAT)
    expect(weights[3], math.sqrt(0.90625 / 3 + 1e-8) / 1.375, FLAT)


@pytest.mark.parametrize(("cov_mean", "decay"), [("full", None), ("decay", 0.9), ("decay", 0.3)])
def test_the_reference_form_is_that_of_the_authors_code(cov_mean: str, decay: float | None) -> None:
    # Their recursion, one loss after another in plain numbers.
    losses = torch.rand(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    expected, mean, ratio, spread, alphas = [], [0.0] * 3, [0.0] * 3, [0.0] * 3, [1 / 3] * 3
    for step, row in enumerate(losses.tolist()):
        if step > 1:
            parts = [math.sqrt(spread[k] / step + 1e-8) / ratio[k] for k in range(3)]
            alphas = [part / sum(parts) for part in parts]
        keep = 0.0 if step == 0 else (decay if decay is not None else 1 - 1 / (step + 1))
        for k, loss in enumerate(row):
            now = 1.0 if step == 0 else loss / mean[k]
            new = keep * ratio[k] + (1 - keep) * now
            spread[k] += (now - ratio[k]) * (now - new)
            ratio[k], mean[k] = new, keep * mean[k] + (1 - keep) * loss
        expected.append(alphas)
    weighting = CoVWeighting(3, cov_mean=cov_mean, cov_decay=decay or 0.9, cov_variance="reference")
    torch.testing.assert_close(
        weighting.replay(losses, 2), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_the_two_variances_are_the_same_for_the_full_mean() -> None:
    losses = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    corrected, reference = CoVWeighting(3), CoVWeighting(3, cov_variance="reference")
    assert torch.equal(corrected.replay(losses, 2), reference.replay(losses, 2))


def test_the_scale_of_a_loss_does_not_matter() -> None:
    losses = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scaled = losses * torch.tensor([1.0, 1000.0, 0.001])
    torch.testing.assert_close(CoVWeighting(3).replay(scaled, 2), CoVWeighting(3).replay(losses, 2))


def test_a_spike_brings_weight_for_long() -> None:
    # 100 steps at 1 with one of 10: ratios vary for the spiky loss alone, so it takes nearly all
    losses = torch.ones(100, 2, dtype=torch.float64)
    losses[50, 0] = 10
    assert CoVWeighting(2).replay(losses, 2)[99, 0] > 0.99


def test_a_loss_of_zero_changes_nothing_and_does_no_harm(live: Any) -> None:
    # its ratio is 1 as long as its mean is 0
    losses = torch.tensor([[0.0, 4.0], [0.0, 2.0], [0.0, 6.0]], dtype=torch.float64)
    expect(live(CoVWeighting(2), losses, 2)[2], FLAT, math.sqrt(0.0625 + 1e-8) / 0.75)


@pytest.mark.parametrize(("dtype", "factor"), [(torch.float32, 1e20), (torch.float64, 1e306)])
def test_one_huge_loss_does_not_spoil_what_follows(dtype: torch.dtype, factor: float, live: Any) -> None:
    losses = torch.rand(30, 2, generator=torch.Generator().manual_seed(1), dtype=dtype) + 0.5
    usual = CoVWeighting(2, dtype=dtype).replay(losses, 2)
    losses[5, 0] *= factor
    weighting = CoVWeighting(2, cov_mean="decay", dtype=dtype)
    weights = live(weighting, losses, 2)
    assert torch.isfinite(weights).all()
    assert torch.isfinite(CoVWeighting(2, dtype=dtype).replay(losses, 2)).all()
    assert torch.equal(CoVWeighting(2, dtype=dtype).replay(losses, 2)[:6], usual[:6])
    assert torch.isfinite(weighting.ratio_variance).all()
    # The only ratio beyond the bound counts as 1e12, whose variance is all there is: V = (1e12)^2 times shares below 1.
    assert 1e18 < float(weighting.ratio_variance[0]) < 1e24


@pytest.mark.parametrize(
    ("options", "message", "field"),
    [
        ({"cov_mean": "ful"}, "Unknown cov_mean 'ful'. Choose one of: full, decay. Did you mean 'full'", "cov_mean"),
        ({"cov_variance": "old"}, "Unknown cov_variance 'old'. Choose one of: corrected, reference", "cov_variance"),
        ({"cov_decay": 1.0}, "`cov_decay` must be at least 0 and below 1, got 1.0", "cov_decay"),
        ({"cov_decay": -0.1}, "`cov_decay` must be at least 0 and below 1, got -0.1", "cov_decay"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str, field: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        CoVWeighting(2, **options)
    assert caught.value.field == field
