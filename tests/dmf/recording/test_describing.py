import pytest
import torch

from dmf.config import FusionConfig
from dmf.config_text import parse
from dmf.errors import ConfigError
from dmf.fusion import Fusion
from dmf.recording.describing import experiment_config, run_config
from dmf.schedule import AuxiliarySchedule
from dmf.tasks.segmentation.losses import Parts
from dmf.weighting import (
    WEIGHTINGS,
    FAMOWeighting,
    FixedWeighting,
    GeometricWeighting,
    MADWeighting,
    MGDAWeighting,
    RandomWeighting,
    TchebycheffWeighting,
    UncertaintyWeighting,
    UPGradWeighting,
    build_weighting,
)


def test_of_a_loop_that_says_nothing_only_what_is_seen_is_told(fused):
    assert run_config(fused(count=2), None, None, {}) == {
        "terms": ["L1", "L2"],
        "weighting": "own",
        "auxiliary": "none",
        "weights": None,
        "history_min": 2,
        "sum_to": "1",
    }
    assert run_config(fused(auxiliary=torch.tensor(1.0)), None, None, {})["auxiliary"] == "auxiliary"


def test_its_owner_may_name_what_the_loop_does_not_show(fused):
    config = run_config(
        fused(), None, ("ce", "iou", "dice"), {"weighting": "gradnorm", "auxiliary": "cb-dice", "seed": 1}
    )
    assert (config["weighting"], config["auxiliary"]) == ("gradnorm", "cb-dice")
    assert "seed" not in config


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_fusion_tells_all_that_replays_it(fused, name):
    told = FusionConfig(
        terms=("a", "b", "c"),
        weighting=name,
        history_min=5,
        history_max=20,
        eps=1e-5,
        floor=0.01,
        symlog=False,
        median="notebook",
        prior="compound",
        weight_max=0.75,
        smoothing=0.5,
        max_change=0.25,
        base_weights=(0.5, 1, 1.5),
        gamma=2,
        decay_rate=0.125,
        decay_every=7,
        schedule="linear",
        detach_weights=False,
        auxiliary="none",
    )
    schedule = AuxiliarySchedule(2, 0.125, 7, "linear")
    fusion = Fusion(build_weighting(told), history_max=20, schedule=schedule, detach_weights=False)
    config = run_config(fused(), fusion, told.term_names, {})
    read = parse(FusionConfig, config)
    fields = (*WEIGHTINGS[name].options, "terms", "gamma", "decay_rate", "decay_every", "schedule", "detach_weights")
    assert read.weighting.name == name
    for field in {*fields} - {"prior_weights"}:
        assert getattr(read, field) == getattr(told, field), field


def test_a_schedule_is_told_with_its_options(fused):
    fusion = Fusion(
        FixedWeighting(3), schedule=AuxiliarySchedule(2, every=4, kind="step", options=(("drop_factor", 0.1),))
    )
    read = parse(FusionConfig, run_config(fused(auxiliary=torch.tensor(1.0)), fusion, None, {}))
    assert (read.gamma, read.schedule.text) == (2, "step,every=4,factor=0.1")


def test_of_a_total_that_is_no_sum_the_shares_are_told_and_not_the_slopes(fused):
    fusion = Fusion(TchebycheffWeighting(2, weights=(3, 1), ideal=(0.5, -1)))
    config = run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})
    assert (config["weights"], config["ideal"]) == ([0.75, 0.25], [0.5, -1.0])
    fusion = Fusion(GeometricWeighting(2))
    assert run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})["weights"] is None


def test_of_a_method_that_looks_at_gradients_its_preferences_and_its_place_are_told(fused):
    logits = torch.ones(2, requires_grad=True)
    parts = Parts(logits * torch.tensor([1.0, 2.0]), logits=logits)
    for kind, weights in ((UPGradWeighting, [0.75, 0.25]), (MGDAWeighting, None)):  # MGDA has no preferences
        fusion = Fusion(kind(2, weights=(3, 1), gradient_of="logits"))
        config = run_config(fusion(parts), fusion, None, {})
        assert (config["weights"], config["gradient_of"]) == (weights, "logits")


def test_of_famo_the_shares_it_starts_from_and_its_bounds_are_told(fused):
    fusion = Fusion(FAMOWeighting(2, weights=(3, 1), lower_bounds=(0.5, -1), famo_lr=0.5))
    config = run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})
    assert (config["weights"], config["lower_bounds"], config["famo_lr"]) == ([0.75, 0.25], [0.5, -1.0], 0.5)
    fusion = Fusion(FAMOWeighting(2))
    config = run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})
    assert (config["weights"], config["lower_bounds"]) == (None, None)


def test_of_learned_weights_those_they_start_from_are_told(fused):
    fusion = Fusion(UncertaintyWeighting(2, weights=(3, 1), weights_lr=0.25))
    config = run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})
    assert (config["weights"], config["weights_lr"]) == (pytest.approx([0.75, 0.25]), 0.25)  # 1/2 in the shares 3 : 1


def test_weights_of_the_first_step_of_a_rule_that_moves_at_once_are_none_it_starts_from(fused):
    fusion = Fusion(RandomWeighting(2))
    assert run_config(fusion(torch.tensor([1.0, 2.0])), fusion, None, {})["weights"] is None


def test_a_lower_limit_alone_tells_of_no_upper_one(fused):
    config = run_config(fused(), Fusion(MADWeighting(3, weight_min=0.1)), None, {})
    assert config["weight_min"] == 0.1
    assert "weight_max" not in config


def test_weights_that_are_not_limited_are_not_said_to_be(fused):
    assert "weight_max" not in run_config(fused(), Fusion(MADWeighting(3)), None, {})


def test_a_weighting_of_ones_own_goes_by_the_name_of_its_class(fused):
    class Mine(FixedWeighting):
        pass

    assert run_config(fused(), Fusion(Mine(3)), None, {})["weighting"] == "Mine"


def test_weights_that_sum_to_the_number_of_losses_are_told(fused):
    step = fused()
    step.weights.fill_(1.0)
    assert run_config(step, None, None, {})["sum_to"] == "K"
    assert run_config(fused(), Fusion(FixedWeighting(3, sum_to="K")), None, {})["sum_to"] == "K"


def test_weights_that_differ_at_the_first_step_are_those_it_starts_from(fused):
    step = fused()
    step.weights[:] = torch.tensor([0.5, 0.25, 0.25])
    assert run_config(step, None, None, {})["weights"] == [0.5, 0.25, 0.25]
    step.weights[:] = torch.tensor([-0.5, 1.25, 0.25])  # no rule of ours could start from them
    assert run_config(step, None, None, {})["weights"] is None


def test_more_losses_than_can_be_told_apart_are_refused(fused):
    with pytest.raises(ConfigError, match="terms"):
        run_config(fused(count=7), None, None, {})


def test_settings_that_are_known_go_where_pages_look_for_them():
    config = experiment_config(
        "x", {"dataset": "busi", "image_size": 64, "model": "mine", "lr": 0.5, "rho": 0.5, "a": (1, {"b": None})}
    )
    assert config == {
        "name": "x",
        "recorded": True,
        "data": {"dataset": "busi", "image_size": 64},
        "model": {"model": "mine"},
        "training": {"lr": 0.5, "a": [1, {"b": None}]},
    }
