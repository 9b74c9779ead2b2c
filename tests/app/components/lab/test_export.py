"""Commands and settings that are taken from the lab."""

import json

from app.components.lab.export import commands, settings_text
from app.components.lab.setup import Setup
from dmf.config import FusionConfig


def test_methods_with_the_same_settings_share_a_command() -> None:
    assert commands(["variance", "mad"], "losses.csv") == [
        "dmf replay losses.csv --weighting variance --weighting mad -o weights.csv"
    ]


def test_other_settings_make_another_command() -> None:
    assert commands(["mad", "bayesian,rho=0.5,symlog=false,minmax=true", "mad,weights=1:0:0"], "r-1") == [
        "dmf replay r-1 --weighting mad -o weights-1.csv",
        "dmf replay r-1 --weighting bayesian --rho 0.5 --no-symlog --minmax -o weights-2.csv",
        "dmf replay r-1 --weighting mad --weights 1:0:0 -o weights-3.csv",
    ]


def test_the_same_method_twice_needs_two_commands() -> None:
    assert len(commands(["mad", "mad"], "losses.csv")) == 2


def test_a_negative_number_is_not_taken_for_an_option() -> None:
    assert "--beta=-0.5" in commands(["softadapt,beta=-0.5"], "losses.csv")[0]


def test_settings_hold_the_address_and_every_setting_of_every_method() -> None:
    found = json.loads(settings_text(Setup(synthetic={}).with_methods("mad"), {"MAD": FusionConfig(weighting="mad")}))
    assert found["lab"] == {"methods": "mad", "synthetic": "{}"}
    assert found["methods"]["MAD"]["history_max"] == 100
