"""Two processes that train one network, each on its own half of every batch."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dmf.weighting import WEIGHTINGS

SCRIPT = Path(__file__).with_name("ranks.py")
specification = importlib.util.spec_from_file_location("ranks", SCRIPT)
assert specification is not None
assert specification.loader is not None
script = importlib.util.module_from_spec(specification)
specification.loader.exec_module(script)

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this torch cannot distribute")

ROOT = Path(__file__).parents[3]
CASES = [(scenario, name) for scenario in script.SCENARIOS for name in script.methods(scenario)]
every_case = pytest.mark.parametrize(("scenario", "name"), CASES, ids=[" ".join(case) for case in CASES])


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of the two saw; they are started once."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    both = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(SCRIPT), str(rank), str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    told = [one.communicate(timeout=240)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@every_case
def test_weights_and_flags_and_what_is_learned_are_the_same_to_the_bit(
    ranks: list[dict[str, Any]], scenario: str, name: str
) -> None:
    one, other = (seen[f"{scenario} {name}"] for seen in ranks)
    assert torch.equal(one["weights"], other["weights"])
    assert torch.equal(one["terms"].nan_to_num(-1), other["terms"].nan_to_num(-1))
    assert one["finite"] == other["finite"]
    assert one["total_is_finite"] == other["total_is_finite"] == one["finite"]
    assert torch.equal(one["network"], other["network"])
    assert all(torch.equal(mine, its) for mine, its in zip(one["learned"], other["learned"], strict=True))


@pytest.mark.parametrize("scenario", ["plain", "nan", "scaler", "evaluation"])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_two_processes_train_as_one_on_the_whole_batch(ranks: list[dict[str, Any]], scenario: str, name: str) -> None:
    if name not in script.methods(scenario):
        pytest.skip("tried with some methods only")
    alone = script.Training(name, scenario, None).run()
    found = ranks[0][f"{scenario} {name}"]
    torch.testing.assert_close(found["weights"], alone["weights"], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found["network"], alone["network"], rtol=1e-6, atol=1e-7)
    assert found["finite"] == alone["finite"] == [not (scenario == "nan" and step == 4) for step in range(script.STEPS)]


def test_a_loss_that_one_process_never_has_is_the_mean_of_those_that_have_it(ranks: list[dict[str, Any]]) -> None:
    found = ranks[0]["absent bayesian"]
    assert found["terms"].isnan().nonzero().tolist() == [[5, 2]]
    assert found["weights"][5, 2] == 0
    assert (found["weights"][:5, 2] > 0).all()


def test_a_step_takes_one_exchange_of_one_number_more_than_losses(ranks: list[dict[str, Any]]) -> None:
    assert ranks[0]["reduced"] == [4] * script.STEPS


def test_a_fusion_beside_a_sharded_network_weighs_its_losses_and_gradient_rules_say_no(
    ranks: list[dict[str, Any]],
) -> None:
    one, other = (seen["sharded"] for seen in ranks)
    assert "error" not in one, one
    assert torch.equal(one["weights"], other["weights"])
    torch.testing.assert_close(one["weights"], ranks[0]["plain bayesian"]["weights"], rtol=1e-6, atol=1e-7)
    assert one["refused"].startswith("UPGradWeighting cannot look at gradients at weights that are sharded")
