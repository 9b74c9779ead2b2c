from typing import Any

import torch

from dmf.weighting import RandomWeighting

LOSSES = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_weights_are_softmaxes_of_standard_normal_numbers() -> None:
    # log w_i - log w_j = z_i - z_j is normal with mean 0 and variance 2; over 2000 draws known to about 0.1
    logs = RandomWeighting(3).replay(LOSSES, 2).log()
    difference = logs[:, 0] - logs[:, 1]
    assert abs(difference.mean().item()) < 0.15
    assert abs(difference.var().item() - 2) < 0.3
    assert (RandomWeighting(3).replay(LOSSES, 2).mean(0) - 1 / 3).abs().max() < 0.02


def test_the_draw_of_a_step_follows_from_the_seed_and_the_step_alone(live: Any) -> None:
    weights = RandomWeighting(3).replay(LOSSES[:30], 2)
    assert torch.equal(RandomWeighting(3).replay(LOSSES[:30] * 7, 2), weights)
    assert torch.equal(RandomWeighting(3).replay(LOSSES[:30], 2, first=12), weights[12:])
    assert torch.equal(live(RandomWeighting(3), LOSSES[:30], 2), weights)
    assert not torch.equal(RandomWeighting(3, weight_seed=1).replay(LOSSES[:30], 2), weights)


def test_every_step_draws_anew() -> None:
    weights = RandomWeighting(3).replay(LOSSES[:30], 2)
    assert len({tuple(row) for row in weights.tolist()}) == 30


def test_a_draw_never_changes_from_one_version_to_the_next() -> None:
    # recorded once: a run of earlier must resume and replay as it was
    weights = RandomWeighting(3).replay(LOSSES[:2], 2)
    expected = torch.tensor(
        [[0.3804298337, 0.5915835230, 0.0279866433], [0.8339176513, 0.1048127402, 0.0612696085]], dtype=torch.float64
    )
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-9)
