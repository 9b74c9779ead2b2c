"""Checkpoints of earlier programs, and of other losses."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.weighting import FixedWeighting, VarianceWeighting, build_weighting

# Of a program that counted steps once for all losses: states after 8 rows, and the weights of the rows that follow.
EARLIER = Path(__file__).parents[2] / "data" / "fusion" / "counts_of_all_losses.safetensors"


@pytest.mark.parametrize("name", ["mad", "bayesian", "cov", "dwa", "famo", "random"])
def test_a_state_with_one_count_of_all_losses_goes_on_bit_for_bit(name: str) -> None:
    kept = load_file(EARLIER)
    options = {"terms": ("a", "b", "c"), "history_min": 3, "history_max": 5, "block_steps": 2}
    fusion = Fusion(build_weighting(FusionConfig(weighting=name, **options)), history_max=5)
    of_it = {key.removeprefix(f"{name}/"): value for key, value in kept.items() if key.startswith(f"{name}/")}
    following = of_it.pop("following")
    torch.nn.ModuleDict({"inside": fusion}).load_state_dict({f"inside.{key}": value for key, value in of_it.items()})
    assert fusion.step == 8
    for row, expected in zip(kept["rows"][8:], following, strict=True):
        assert torch.equal(fusion(row).weights, expected)
        fusion.after_step(row * 0.9)


def of(*names: str) -> Fusion:
    return Fusion(VarianceWeighting(len(names), history_min=2), history_max=4, names=names)


def test_losses_in_another_order_are_found_by_name() -> None:
    one, other = of("a", "b", "c"), of("c", "a", "b")
    for row in torch.rand(5, 3, generator=torch.Generator().manual_seed(0)):
        one(row)
    other.load_state_dict(one.state_dict())
    assert other.names == ("c", "a", "b")
    assert torch.equal(other.history.values, one.history.values[[2, 0, 1]])
    assert torch.equal(other.weighting.weights, one.weighting.weights[[2, 0, 1]])


def test_names_come_with_the_state_where_there_are_none() -> None:
    one = of("Kanten", "Fläche")
    other = Fusion(VarianceWeighting(2, history_min=2), history_max=4)
    other.load_state_dict(one.state_dict())
    assert other.names == ("Kanten", "Fläche")


def test_other_losses_are_told_by_name() -> None:
    said = (
        "The checkpoint is of the losses a, b, c; this fusion weighs a, d: it has no d and has b, c besides. "
        r"Build the fusion with the checkpoint's names, load, then `fusion.add\(name\)`"
    )
    with pytest.raises(ConfigError, match=said.replace("it has no d", "it has no d")):
        of("a", "d").load_state_dict(of("a", "b", "c").state_dict())


def test_another_number_of_losses_is_told_by_number() -> None:
    with pytest.raises(ConfigError, match="The checkpoint is of 3 losses, this fusion weighs 2"):
        Fusion(FixedWeighting(2)).load_state_dict(Fusion(FixedWeighting(3)).state_dict())
