import math

import torch

from dmf.weighting.stages import adjusting_stages, floor_stage, normalisation_stage, scaling_stages, stage, warming_up

NONE = {"base": None, "smoothing": 0.0, "low": 0.0, "high": math.inf, "max_change": None, "total": 1.0}


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_a_stage_is_plain_data_that_follows_no_tensor() -> None:
    values = numbers(1, 2).requires_grad_()
    made = stage("a", "A", "a", "a", "Text.", values, numbers={"b": values}, levels={"c": values})
    with torch.no_grad():
        values += 1
    assert made.values.tolist() == made.numbers["b"].tolist() == made.levels["c"].tolist() == [1, 2]
    assert not made.is_window
    assert stage("a", "A", "a", "a", "Text.", values[None]).is_window


def test_only_the_scaling_that_is_on_is_told() -> None:
    window = numbers(0, math.e - 1)[None]
    both = scaling_stages(window, window / 2, symlog=True, minmax=True, eps=1e-7)
    assert [made.name for made in both] == ["symlog", "minmax"]
    assert both[0].values.tolist() == [[0, 1]]  # log(1 + e - 1) = 1
    assert both[1].numbers["max y"].tolist() == [1]  # of what the logarithm made of the window
    (alone,) = scaling_stages(window, window, symlog=False, minmax=True, eps=1e-7)
    assert alone.formula == "h = (x − min x) / (max x − min x + ε)"
    assert scaling_stages(window, window, symlog=False, minmax=False, eps=1e-7) == ()


def test_a_sum_of_k_is_in_the_formula() -> None:
    assert normalisation_stage("w = a / b", "w", "Text.", numbers(1, 2), 3.0).formula == "w = a / b · 3"
    assert normalisation_stage("w = a / b", "w", "Text.", numbers(1, 2), 1.0).formula == "w = a / b"


def test_a_floor_is_told_with_its_number() -> None:
    assert "less than 0.001," in floor_stage("m", numbers(0), numbers(0.001), 0.001).text


def test_no_adjustment_is_no_stage() -> None:
    assert adjusting_stages(numbers(0.5, 0.5), numbers(0.5, 0.5), **NONE) == ()


def test_every_adjustment_starts_from_what_the_one_before_made() -> None:
    # Base 1:3 has mean 1 as 0.5 and 1.5: 0.25, 0.75. Half of the last 0.5, 0.5: 0.375, 0.625. At most 0.6: 0.4, 0.6.
    # No further than 0.05 from 0.5: 0.45, 0.55.
    adjusted = {"base": numbers(0.5, 1.5), "smoothing": 0.5, "high": 0.6, "max_change": 0.05}
    made = adjusting_stages(numbers(0.5, 0.5), numbers(0.5, 0.5), **{**NONE, **adjusted})
    assert [each.name for each in made] == ["base", "smoothing", "limits", "change"]
    expected = [[0.25, 0.75], [0.375, 0.625], [0.4, 0.6], [0.45, 0.55]]
    for each, values in zip(made, expected, strict=True):
        assert torch.allclose(torch.from_numpy(each.values), numbers(*values))
    assert made[2].formula == "w within 0 ≤ w ≤ 0.6"


def test_a_floor_alone_has_no_ceiling_in_its_formula() -> None:
    (made,) = adjusting_stages(numbers(0.1, 0.9), numbers(0.5, 0.5), **{**NONE, "low": 0.2})
    assert made.formula == "w within 0.2 ≤ w"
    assert made.values.tolist() == [0.2, 0.8]


def test_a_rule_that_still_collects_says_how_far_it_is() -> None:
    assert warming_up(3, 10) == "Warming up: 3 of 10 losses are there; until then the weights stay where they start."
