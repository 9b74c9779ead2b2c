"""Recorded histories in which losses were absent."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.recording import record
from dmf.records import SettingChange
from dmf.replay import Explainer, recorded_losses, replay
from dmf.weighting import build_weighting

OPTIONS: dict[str, Any] = {"terms": ("a", "b", "c"), "history_min": 3, "history_max": 5, "block_steps": 2}


def history() -> np.ma.MaskedArray:
    """(14, 3); the last loss is absent from every third step, and step 7 is not finite."""
    values = 0.2 + np.random.default_rng(0).random((14, 3))
    absent = np.zeros(values.shape, dtype=bool)
    absent[2::3, 2] = True
    values[7, 0] = math.nan
    values[absent] = math.nan
    return np.ma.masked_array(values, absent)


def live(config: FusionConfig) -> np.ndarray:
    fusion, losses = Fusion(build_weighting(config), history_max=config.history_max), history()
    present = torch.from_numpy(~losses.mask)
    rows = zip(torch.from_numpy(losses.data), present, strict=True)
    return np.stack([fusion(row, mask).weights.numpy() for row, mask in rows])


@pytest.mark.parametrize("weighting", ["mad", "bayesian", "cov", "dwa"])
def test_masked_losses_are_absent_and_each_step_is_explained_by_the_weights_it_had(weighting: str) -> None:
    config = FusionConfig(weighting=weighting, smoothing=0.3, **OPTIONS)
    weights = live(config)
    assert np.array_equal(replay(history(), config), weights)
    explainer = Explainer(history(), config)
    for step in range(14):
        explained = explainer.at(step)
        assert np.array_equal(explained.weights, weights[step])
        if explained.finite and "weights" not in explained.note:
            assert explained.stages[-2].values == pytest.approx(weights[step], rel=1e-9)
    assert not explainer.at(7).finite
    assert explainer.at(7).note == "Nothing was learned: a was not finite. All stays as it was."


def test_windows_show_each_losss_own_newest_values() -> None:
    explained = Explainer(history(), FusionConfig(weighting="mad", **OPTIONS)).at(13)
    assert explained.steps.tolist() == [6, 9, 10, 11, 12, 13]  # 7 was not finite, 8 and 11 had no third loss
    assert np.isnan(explained.window).tolist() == [[True] + [False] * 5] * 2 + [[False] * 3 + [True] + [False] * 2]
    assert explained.leaves_in is None


def test_a_rule_that_takes_over_finds_the_memory_of_each_loss() -> None:
    config = FusionConfig(weighting="variance", **OPTIONS)
    weights = replay(history(), config, [SettingChange(9, "weighting", "mad")])
    assert np.array_equal(weights[:9], replay(history(), config)[:9])
    assert np.array_equal(weights[9:], replay(history(), config.replace(weighting="mad"))[9:])


def test_a_recorded_gap_is_a_gap_and_a_skipped_step_is_skipped(store: Any) -> None:
    config = FusionConfig(weighting="mad", **OPTIONS)
    fusion, losses = Fusion(build_weighting(config), history_max=5, names=("a", "b", "c")), history()
    with record("partial labels", fusion=fusion, store=store) as run:
        for row, absent in zip(torch.from_numpy(losses.data).float(), losses.mask, strict=True):
            run.write(fusion(row, ~torch.from_numpy(absent)))
    names, recorded = recorded_losses(store, run.id)
    assert names == ("a", "b", "c")
    assert isinstance(recorded, np.ma.MaskedArray)
    expected = losses.mask.copy()
    expected[7] = False
    assert np.array_equal(np.ma.getmaskarray(recorded), expected)
    assert np.isnan(recorded.data[7]).all()
    np.testing.assert_allclose(replay(recorded, config), live(config), rtol=1e-4, atol=1e-5)


def test_a_method_that_knows_nothing_of_absent_losses_is_told_so(plugin: Any) -> None:
    from dmf.plugins import load_plugin

    load_plugin(
        plugin(
            "from dmf.weighting import FixedWeighting\n\n\nclass Old(FixedWeighting):\n"
            "    takes_absent = False\n\n\nWEIGHTINGS = {'old': Old}\n"
        )
    )
    with pytest.raises(ConfigError, match="Old does not say what it does where a loss is absent"):
        replay(history(), FusionConfig(weighting="old", **OPTIONS))
