import numpy as np
import pytest

from app.access.explaining import _explainer, explanation
from dmf.config import FusionConfig
from dmf.errors import ConfigError
from dmf.records import SettingChange
from dmf.replay import replay

LOSSES = np.random.default_rng(0).random((40, 3))


@pytest.fixture(autouse=True)
def forget():
    _explainer.clear()


def test_an_explanation_is_that_of_the_library() -> None:
    config, changes = FusionConfig(weighting="bayesian"), (SettingChange(20, "weighting", "mad"),)
    for step in (5, 30):
        assert np.array_equal(explanation(LOSSES, config, step, changes).weights, replay(LOSSES, config, changes)[step])


def test_a_history_is_replayed_once_for_all_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    from app.access import explaining
    from dmf.replay import Explainer

    monkeypatch.setattr(explaining, "Explainer", lambda *given: made.append(given) or Explainer(*given))
    for step in (39, 3, 20):
        explanation(LOSSES, FusionConfig(weighting="mad"), step)
    assert len(made) == 1
    changed = LOSSES.copy()
    changed[7, 1] = np.nan
    explanation(changed, FusionConfig(weighting="mad"), 20)
    explanation(LOSSES, FusionConfig(weighting="mad", floor=0.1), 20)
    explanation(LOSSES, FusionConfig(weighting="mad"), 20, [SettingChange(3, "weighting", "fixed")])
    assert len(made) == 4


def test_a_step_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="its steps are 0 to 39"):
        explanation(LOSSES, FusionConfig(), 40)
