import json
import math
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.errors import ConfigError, DataError
from dmf.records import SettingChange
from dmf.replay import Explainer, Explanation, explain, replay
from dmf.weighting import WEIGHTINGS, Combined, FixedWeighting, StepState, Weighting, WindowWeighting

NAMES = ("a", "b", "c", "d", "e", "f")
REPLAYABLE = [name for name in WEIGHTINGS if WEIGHTINGS[name].replayable]
ADJUSTED = {"base_weights": (1, 2, 1.5), "smoothing": 0.3, "weight_min": 0.2, "weight_max": 0.6, "max_change": 0.05}

CONFIGS: list[dict[str, Any]] = [
    *({"weighting": name} for name in REPLAYABLE),
    *({"weighting": name, **ADJUSTED} for name in REPLAYABLE),
    {"weighting": "variance", "symlog": False},
    {"weighting": "variance", "minmax": False, "floor": 0.0},
    {"weighting": "mad", "median": "notebook", "floor": 0.0, "sum_to": "K"},
    {"weighting": "bayesian", "prior": "fixed", "prior_weights": (1, 2, 3)},
    {"weighting": "bayesian", "prior": "compound", "floor": 0.0, "median": "notebook"},
    {"weighting": "bayesian", "rho": 0.5, "max_change": 0.01},
    {"weighting": "cov", "cov_mean": "decay", "weights": (1.0, 2.0, 3.0), "sum_to": "K"},
    {"weighting": "cov", "cov_mean": "decay", "cov_variance": "reference"},
    {"weighting": "softadapt", "softadapt_variant": "original", "slope": "least-squares", "window": 3},
    {"weighting": "softadapt", "softadapt_variant": "both", "beta": -2.0, "smoothing": 0.4},
    {"weighting": "softadapt", "softadapt_variant": "loss-weighted", "sum_to": "K"},
    {"weighting": "softadapt", "slope": "reference", "window": 4},
    {"weighting": "dwa", "temperature": 0.1, "block_steps": 1},
    {"weighting": "random", "weight_seed": 3, "sum_to": "K"},
    {"weighting": "geometric", "weights": (1.0, 2.0, 0.0), "sum_to": "K"},
    {"weighting": "tchebycheff", "mu": 0.02, "ideal": (0.1, 0.0, -1.0), "sum_to": "K"},
    {"weighting": "fixed", "weights": (1.0, 0.0, 2.0)},
]
STEPS = (0, 1, 2, 3, 4, 5, 9, 16, 17, 18, 22, 23, 30, 31, 39)
every_config = pytest.mark.parametrize("options", CONFIGS, ids=str)


def config_of(options: dict[str, Any], count: int = 3) -> FusionConfig:
    return FusionConfig(**({"terms": NAMES[:count], "history_min": 4, "history_max": 9, "block_steps": 3} | options))


def history(count: int = 3, steps: int = 40) -> NDArray[np.float64]:
    """Noisy descents, the first step and steps 17 and 30 of which are not finite."""
    random = np.random.default_rng(count)
    losses = np.linspace(1, 0.2, steps)[:, None] * np.exp(0.3 * random.normal(size=(steps, count)))
    losses[[0, 17], 0] = np.nan, np.inf
    losses[30] = np.nan
    losses[22, -1] = 50
    return losses


def calculated(line: str, **names: float) -> float:
    """What the arithmetic of a line comes to."""
    for written, python in {"−": "-", "·": "*", "√": "sqrt", "(h": "(0", "²": "**2"}.items():
        line = line.replace(written, python)
    line = re.sub(r"\|([^|]+)\|", r"abs(\1)", line)
    functions = {
        "exp": lambda power: np.exp(np.longdouble(power)),
        "log": math.log,
        "sqrt": math.sqrt,
        "abs": abs,
        "max": max,
    }
    return float(eval(line, {"__builtins__": {}}, {**functions, **names}))  # of what this program wrote


def stages(explanation: Explanation) -> dict[str, Any]:
    return {stage.name: stage for stage in explanation.stages}


@every_config
def test_the_weights_are_those_of_a_replay_at_every_step_and_what_the_stages_end_at(options: dict[str, Any]) -> None:
    losses, config = history(), config_of(options)
    weights = replay(losses, config)
    explainer = Explainer(losses, config)
    for step in STEPS:
        explained = explainer.at(step)
        assert np.array_equal(explained.weights, weights[step])
        assert np.array_equal(explained.stages[-1].values, weights[step])
        assert np.array_equal(explained.before, weights[step - 1] if step else explained.before)
        if np.isfinite(losses[step]).all() and not explained.note.startswith("Warming up"):
            np.testing.assert_allclose(explained.stages[-2].values, weights[step], rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighting", REPLAYABLE)
@pytest.mark.parametrize("count", [1, 6])
def test_one_loss_and_six_are_explained(weighting: str, count: int) -> None:
    losses, config = history(count), config_of({"weighting": weighting}, count)
    for step in (0, 2, 9, 17, 39):
        explained = explain(losses, config, step)
        assert np.array_equal(explained.weights, replay(losses, config)[step])
        assert explained.names == NAMES[:count]
        assert all(stage.values.shape[0] == count for stage in explained.stages)


@every_config
def test_an_explanation_is_plain_data_for_json(options: dict[str, Any]) -> None:
    for step in (0, 3, 17, 39):
        explained = explain(history(), config_of(options), step)
        read = json.loads(json.dumps(explained.to_dict(), allow_nan=False))
        assert read["weights"] == explained.weights.tolist()  # every digit
        assert [stage["name"] for stage in read["stages"]] == [stage.name for stage in explained.stages]
    assert read["losses"] == history()[39].tolist()
    assert explain(history(), config_of(options), 17).to_dict()["losses"][0] is None


@pytest.mark.parametrize("weighting", REPLAYABLE)
def test_a_rule_that_took_over_is_explained_with_a_memory_of_its_own(weighting: str) -> None:
    losses, config = history(), config_of({"weighting": "variance"})
    changes = [
        SettingChange(8, "weighting", "bayesian"),
        SettingChange(9, "lr", 0.1),
        SettingChange(20, "weighting", weighting),
    ]
    last = ("bayesian", 8) if weighting == "bayesian" else (weighting, 20)  # no change, no new memory
    weights = replay(losses, config, changes)
    explainer = Explainer(losses, config, changes)
    for step in (0, 7, 8, 9, 17, 19, 20, 21, 30, 39):
        explained = explainer.at(step)
        assert np.array_equal(explained.weights, weights[step])
        assert (explained.weighting, explained.since) == (
            ("variance", 0) if step < 8 else ("bayesian", 8) if step < 20 else last
        )
    assert explain(losses, config, 8, changes).steps.tolist() == list(range(1, 9))  # the history stayed


def test_any_step_of_a_long_history_can_be_explained_in_any_order() -> None:
    losses, config = history(steps=2300), config_of({"weighting": "bayesian", "prior": "compound"})
    explainer = Explainer(losses, config)
    for step in (2299, 5, 1000, 1001, 2000, 2298, 1999):
        explained, alone = explainer.at(step), explain(losses, config, step)
        for mine, theirs in zip(explained.stages, alone.stages, strict=True):
            np.testing.assert_allclose(mine.values, theirs.values, rtol=0, atol=1e-12)
        np.testing.assert_allclose(explained.stages[-2].values, explained.weights, rtol=0, atol=1e-12)


def test_the_stages_of_the_variance_by_hand() -> None:
    # No scaling: variances of 1, 2, 3 and 2, 4, 6 are 2/3 and 8/3, so the weights are 1/5 and 4/5.
    losses = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    config = config_of({"weighting": "variance", "history_min": 2, "symlog": False, "minmax": False}, 2)
    found = stages(explain(losses, config, 2))
    assert list(found) == ["variance", "floor", "normalisation", "weights"]
    assert found["variance"].values.tolist() == pytest.approx([2 / 3, 8 / 3])
    assert found["variance"].levels["mean h"].tolist() == [2, 4]
    assert found["normalisation"].values.tolist() == pytest.approx([0.2, 0.8])


def test_the_stages_of_mad_by_hand() -> None:
    # Loss a: 0, 1, 4 has median 1 and deviations 1, 0, 3, median 1. Min-max by 4: a quarter of each.
    losses = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 4.0]])
    config = config_of({"weighting": "mad", "history_min": 2, "symlog": False, "eps": 1e-12}, 2)
    explained = explain(losses, config, 2)
    found = stages(explained)
    assert list(found) == ["minmax", "deviation", "floor", "likelihood", "normalisation", "weights"]
    assert found["minmax"].is_window
    assert found["minmax"].values.tolist() == [pytest.approx([0, 0.25, 1]), pytest.approx([0, 0.5, 1])]
    assert found["minmax"].numbers["max x"].tolist() == [4, 4]
    assert found["deviation"].levels["median h"].tolist() == pytest.approx([0.25, 0.5])
    assert found["deviation"].values.tolist() == pytest.approx([0.25, 0.5])
    assert found["likelihood"].values.tolist() == pytest.approx([4, 2])
    assert explained.weights.tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(("prior", "second"), [("fixed", [0.5, 0.5]), ("compound", [2 / 3, 1 / 3])])
def test_the_prior_of_a_step_and_of_the_next_by_hand(prior: str, second: list[float]) -> None:
    # The first window, as above, has likelihoods 4 and 2, so its posterior is 2/3 and 1/3.
    losses = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 4.0], [5.0, 0.0]])
    options = {"weighting": "bayesian", "history_min": 3, "history_max": 3, "symlog": False, "eps": 1e-12}
    found = stages(explain(losses, config_of(options | {"prior": prior}, 2), 3))
    # a: (1, 4, 5) -> 0, .75, 1: median .75, deviations .75, 0, .25: .25.  b: (2, 4, 0) -> .5, 1, 0: .5
    assert found["deviation"].values.tolist() == pytest.approx([0.25, 0.5])
    assert found["prior"].values.tolist() == pytest.approx(second)
    expected = [4 * second[0], 2 * second[1]]
    assert found["posterior"].values.tolist() == pytest.approx(expected)
    assert found["normalisation"].values.tolist() == pytest.approx([part / sum(expected) for part in expected])
    following = [0.5, 0.5] if prior == "fixed" else [part / sum(expected) for part in expected]
    assert found["prior"].numbers["for the next step"].tolist() == pytest.approx(following)


def test_the_stages_of_softadapt_by_hand() -> None:
    # A window of two: slopes 1 and -3, of sizes that sum to 4; beta 4 gives e^1 and e^-3.
    losses = np.array([[1.0, 5.0], [2.0, 2.0]])
    options = {"weighting": "softadapt", "window": 2, "beta": 4.0, "softadapt_variant": "both"}
    explained = explain(losses, config_of(options, 2), 1)
    found = stages(explained)
    assert found["slope"].values.tolist() == [1, -3]
    assert found["normalised slope"].values.tolist() == pytest.approx([0.25, -0.75])
    assert found["mean loss"].values.tolist() == [1.5, 3.5]
    assert found["exponential"].values.tolist() == pytest.approx([1.5 * math.e, 3.5 * math.exp(-3)])
    assert explained.window.tolist() == [[1, 2], [5, 2]]
    assert explained.leaves_in is not None
    assert explained.leaves_in.tolist() == [1, 2]


def test_the_stages_of_cov_by_hand() -> None:
    # Ratios of loss a: 1 and 2/4 = 0.5, mean 0.75, variance (0.25^2 + 0.25^2) / 2 = 1/16; of b: 1 and 1, variance 0.
    losses = np.array([[4.0, 1.0], [2.0, 1.0], [6.0, 1.0]])
    found = stages(explain(losses, config_of({"weighting": "cov"}, 2), 2))
    assert found["ratio"].values.tolist() == [2, 1]  # 6 over the mean of 4 and 2
    assert found["mean ratio"].values.tolist() == [0.75, 1]
    assert found["variance"].values.tolist() == pytest.approx([1 / 16, 0])
    assert found["variation"].values.tolist() == pytest.approx([1 / 3, 1e-4], rel=1e-6)


def test_the_stages_of_dwa_by_hand() -> None:
    losses = np.array([[4.0, 1.0], [2.0, 1.0], [1.0, 1.0], [2.0, 1.0], [9.0, 9.0]])
    explained = explain(losses, config_of({"weighting": "dwa", "block_steps": 2, "temperature": 1.0}, 2), 4)
    found = stages(explained)
    assert found["block mean"].values.tolist() == [1.5, 1]
    assert found["block mean"].numbers["of the block before"].tolist() == [3, 1]
    assert found["ratio"].values.tolist() == [0.5, 1]
    assert explained.weights[1] / explained.weights[0] == pytest.approx(math.exp(0.5))
    assert explained.note == "The same weights hold for all 2 steps of a block."
    assert "Step 1 of 2 in block 3" in found["block mean"].text


def test_the_stages_of_the_scalarisations_by_hand() -> None:
    losses = np.array([[4.0, 1.0]])
    found = stages(explain(losses, config_of({"weighting": "geometric"}, 2), 0))
    assert found["total"].values.tolist() == pytest.approx([2, 2])
    assert found["slope"].values.tolist() == pytest.approx([0.25, 1])  # 2 / (2 L)
    found = stages(explain(losses, config_of({"weighting": "tchebycheff", "mu": 1.5 / math.log(3)}, 2), 0))
    assert found["distance"].values.tolist() == [2, 0.5]  # e^((2 - 0.5) / mu) = 3
    assert found["softmax"].values.tolist() == pytest.approx([0.75, 0.25])


def test_each_adjustment_that_is_on_is_a_stage_of_its_own() -> None:
    losses, options = history(), {"weighting": "mad", **ADJUSTED}
    found = stages(explain(losses, config_of(options), 25))
    assert list(found)[-6:] == ["normalisation", "base", "smoothing", "limits", "change", "weights"]
    before = found["change"].numbers["last step's weight"]
    assert before.tolist() == replay(losses, config_of(options))[24].tolist()
    assert np.abs(found["change"].values - before).max() == pytest.approx(0.05)
    assert found["limits"].values.min() >= 0.2
    mixed = 0.3 * before + 0.7 * found["base"].values
    np.testing.assert_allclose(found["smoothing"].values, mixed, rtol=1e-12)


def test_adjusted_weights_of_any_sum_are_clamped_not_shared_out() -> None:
    found = stages(explain(history(), config_of({"weighting": "geometric", **ADJUSTED}), 25))
    assert found["base"].formula == "w ← w · b"
    assert found["limits"].text == "Weights beyond the limits are pinned to them."


def test_the_window_says_what_it_holds_and_what_leaves_it_next() -> None:
    losses = history()
    explained = explain(losses, config_of({"weighting": "mad"}), 25)
    assert explained.steps.tolist() == [16, 18, 19, 20, 21, 22, 23, 24, 25]  # step 17 was not finite
    assert np.array_equal(explained.window, losses[explained.steps].T)
    assert explained.leaves_in is not None
    assert explained.leaves_in.tolist() == list(range(1, 10))
    filling = explain(losses, config_of({"weighting": "mad"}), 5)
    assert filling.leaves_in is not None
    assert filling.leaves_in.tolist() == [5, 6, 7, 8, 9]  # room for nine, five are there
    assert explain(losses, config_of({"weighting": "cov"}), 25).leaves_in is None


def test_the_influence_of_a_step_is_what_its_losses_changed() -> None:
    losses, config = history(), config_of({"weighting": "mad"})
    explained = explain(losses, config, 22)  # a spike
    held = replay(losses[:22], config)[-1]  # the rule keeps no memory, so the window before gives the weights before
    assert explained.without is not None
    np.testing.assert_allclose(explained.without, held, rtol=0, atol=1e-12)
    assert explained.influence is not None
    np.testing.assert_allclose(explained.influence, explained.weights - held, rtol=0, atol=1e-12)
    assert abs(explained.influence).max() > 0.1


@pytest.mark.parametrize("weighting", ["cov", "dwa", "random", "fixed"])
def test_where_a_step_does_not_see_its_own_losses_it_has_no_influence(weighting: str) -> None:
    influence = explain(history(), config_of({"weighting": weighting}), 25).influence
    assert influence is not None
    assert not influence.any()


def test_the_first_losses_have_nothing_to_be_compared_with() -> None:
    explained = explain(history(), config_of({"weighting": "geometric"}), 1)
    assert (explained.without, explained.influence) == (None, None)
    assert explained.to_dict()["influence"] is None


@pytest.mark.parametrize(
    ("weighting", "step", "note", "shown"),
    [
        ("mad", 2, "Warming up: 2 of 4 losses are there", ["symlog", "minmax"]),
        ("softadapt", 2, "Warming up: 2 of 5 losses are there", []),
        ("cov", 1, "Warming up: 0 of 2 earlier losses are there", ["ratio"]),
        ("dwa", 4, "Warming up: 3 of 6 steps, two full blocks, are there", ["block mean"]),
        ("mad", 0, "Nothing was learned: a was not finite. All stays as it was.", []),
        ("cov", 17, "Nothing was learned: a was not finite. All stays as it was.", []),
        ("variance", 30, "Nothing was learned: a and b and c were not finite. All stays as it was.", []),
    ],
)  # fmt: skip
def test_a_step_at_which_nothing_was_learned_says_so(weighting: str, step: int, note: str, shown: list[str]) -> None:
    explained = explain(history(), config_of({"weighting": weighting}), step)
    waiting = "; until then the weights stay where they start." if note.startswith("Warming") else ""
    assert explained.note == note + waiting
    assert [stage.name for stage in explained.stages] == [*shown, "weights"]
    assert not explained.moved
    assert explained.finite == note.startswith("Warming")


class OfOnesOwn(Weighting):
    """Weights in proportion to the losses; tells nothing."""

    def forward(self, state: StepState) -> Combined:
        if state.finite:
            self.weights = state.terms / state.terms.sum()
        return self.current(state.terms)

    def replay(self, losses: Any, history_max: int, first: int = 0) -> Any:
        rows = losses[first:] / losses[first:].sum(-1, keepdim=True)
        self.weights = rows[-1]
        return rows


class SpreadOfOnesOwn(WindowWeighting):
    """Weights in proportion to the range of the window; tells nothing of its own."""

    default_floor = 0.0

    def statistic(self, scaled: Any, filled: Any) -> Any:
        return scaled.amax(-1) + 1

    def propose(self, statistic: Any) -> Any:
        return statistic / statistic.sum(-1, keepdim=True)


def test_a_rule_of_someones_own_is_explained_by_its_window_and_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTINGS._members, "own", OfOnesOwn)
    explained = explain(np.array([[1.0, 3.0], [2.0, 2.0]]), config_of({"weighting": "own"}, 2), 1)
    assert explained.note == "This method does not tell how it comes to its weights."
    assert [stage.name for stage in explained.stages] == ["weights"]
    assert explained.window.tolist() == [[1, 2], [3, 2]]
    assert explained.influence is not None
    assert explained.influence.tolist() == [0.25, -0.25]
    assert explained.moved


class Unfinished(FixedWeighting):
    def forward(self, state: StepState) -> Combined:
        return state.terms.sum()  # type: ignore[return-value]


def test_a_rule_that_returns_something_else_is_told_what_to_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTINGS._members, "own", Unfinished)
    with pytest.raises(ConfigError, match=r"Unfinished\.forward: expected Combined\(total, weights\), got Tensor"):
        explain(history(), config_of({"weighting": "own"}), 5)


def test_a_windowed_rule_of_someones_own_has_the_stages_of_all_such_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTINGS._members, "own", SpreadOfOnesOwn)
    found = stages(explain(history(), config_of({"weighting": "own", "smoothing": 0.5}), 25))
    assert list(found) == ["symlog", "minmax", "statistic", "normalisation", "smoothing", "weights"]


@pytest.mark.parametrize("step", [-1, 40, 1000])
def test_a_step_that_is_not_there_is_refused_with_the_range(step: int) -> None:
    with pytest.raises(ConfigError, match=f"has no step {step}; its steps are 0 to 39"):
        explain(history(), config_of({}), step)


def test_a_history_without_steps_has_nothing_to_explain() -> None:
    with pytest.raises(ConfigError, match="has no step 0; it has no steps"):
        explain(np.empty((0, 3)), config_of({}), 0)


def test_a_method_that_needs_more_than_losses_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs more than loss values"):
        explain(history(), config_of({"weighting": "gradnorm"}), 5)


def test_losses_of_another_number_are_refused() -> None:
    with pytest.raises(DataError, match=r"must have shape \(steps, 2\)"):
        explain(history(), config_of({}, 2), 5)


@every_config
@pytest.mark.parametrize("count", [1, 3])
def test_the_arithmetic_of_every_stage_comes_to_its_values(options: dict[str, Any], count: int) -> None:
    if count == 1:
        alone = {name: value[:1] if isinstance(value, tuple) else value for name, value in options.items()}
        options = alone | {"weight_max": None}
    config = config_of(options, count)
    explainer = Explainer(history(count), config)
    limits = {"floor": config.weight_min, "ceiling": config.weight_max}
    calculated_stages = set()
    for step in STEPS:
        for stage in explainer.at(step).stages:
            newest = stage.values[:, -1] if stage.is_window else stage.values
            assert len(stage.worked) in (0, count)
            for line, value in zip(stage.worked, newest, strict=False):
                if line and " of " not in line:  # a mean or a median of a whole window is in words
                    # Four digits of each number are written, of which a difference may lose some.
                    assert calculated(line, **limits) == pytest.approx(value, rel=0.02, abs=2e-3), (stage.name, line)
                    calculated_stages.add(stage.name)
    assert calculated_stages >= {"normalisation"} & {stage.name for stage in explainer.at(39).stages}


def test_the_weights_of_three_losses_are_written_with_their_numbers() -> None:
    # Standard deviations 1, 2 and 3 around one mean: variances 1, 4 and 9 of 14.
    signs = np.where(np.arange(10) % 2, 1.0, -1.0)[:, None]
    losses = 5 + signs * [1.0, 2.0, 3.0]
    explained = explain(losses, config_of({"weighting": "variance", "symlog": False, "minmax": False}), 7)
    normalisation = stages(explained)["normalisation"]
    assert normalisation.sentences("W") == [
        "W1 = 1 / (1 + 4 + 9) = 0.07143",
        "W2 = 4 / (1 + 4 + 9) = 0.2857",
        "W3 = 9 / (1 + 4 + 9) = 0.6429",
    ]
    assert explained.sentences == normalisation.sentences("W")
    assert stages(explained)["variance"].sentences()[2] == "v3 = mean of 8 squares (h − 5)² = 9"
    assert explained.to_dict()["stages"][-2]["worked"][0] == "1 / (1 + 4 + 9)"


def test_an_absent_loss_has_no_arithmetic() -> None:
    losses = np.ma.masked_invalid(history()[1:16])
    losses[:, 1] = np.ma.masked
    explained = explain(losses, config_of({"weighting": "variance"}), 14)
    shares = stages(explained)["normalisation"].worked
    assert shares[1] == ""
    assert shares[0].count("+") == 1


def test_weights_that_stay_have_no_arithmetic() -> None:
    assert explain(history(), config_of({"weighting": "mad"}), 2).sentences == []  # it warms up
    assert explain(history(), config_of({"weighting": "fixed"}), 2).sentences == []


class SquaresOfOnesOwn(SpreadOfOnesOwn):
    """Weights in proportion to the square of what it tells."""

    def propose(self, statistic: Any) -> Any:
        return statistic**2 / (statistic**2).sum(-1, keepdim=True)


def test_weights_that_are_no_shares_of_what_is_told_are_not_written_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"weighting": "own", "minmax": False}
    monkeypatch.setitem(WEIGHTINGS._members, "own", SpreadOfOnesOwn)
    assert len(explain(history(), config_of(config), 9).sentences) == 3
    monkeypatch.setitem(WEIGHTINGS._members, "own", SquaresOfOnesOwn)
    assert explain(history(), config_of(config), 9).sentences == []
