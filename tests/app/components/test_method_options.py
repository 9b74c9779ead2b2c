"""The form offers the options of what was chosen, those of several methods once."""

from app.components.method_options import AT_THE_TOP, option_groups

DMF = ("variance", "mad", "bayesian,rho=0.5")
TERMS = ("ce", "iou", "tversky,fn_weight=0.8")


def test_options_of_all_methods_of_a_kind_stand_together_and_others_say_whose_they_are() -> None:
    groups = option_groups(DMF, TERMS, "focal")
    assert list(groups) == ["Weighting", "MAD, Bayesian", "Bayesian", "IoU, Tversky", "Tversky", "Focal"]
    assert {"history_min", "floor", "smoothing"} <= {*groups["Weighting"]}
    assert groups["MAD, Bayesian"] == ("median",)
    assert groups["Bayesian"] == ("prior", "prior_weights", "rho")
    assert groups["IoU, Tversky"] == ("smooth",)
    assert groups["Tversky"] == ("fp_weight", "fn_weight")
    assert groups["Focal"] == ("focal_gamma", "focal_alpha", "focal_of")


def test_no_option_is_offered_twice_or_of_what_is_not_chosen() -> None:
    words = [
        word for names in option_groups(("cov", "fixed", "cov,decay=0.5"), ("ce",), "none").values() for word in names
    ]
    assert len(words) == len(set(words))
    assert "cov_decay" in words
    assert not {"history_min", "beta", "fp_weight", "smooth"} & {*words}


def test_of_one_method_alone_the_group_is_called_by_it() -> None:
    assert list(option_groups(("dwa",), ("ce",), "none")) == ["DWA"]


def test_the_options_of_the_schedule_stand_with_it_but_the_one_at_the_top() -> None:
    options = {name: option_groups((), (), "none", schedule=name) for name in ("linear", "step,factor=0.1", "constant")}
    assert options["linear"] == {"Auxiliary weight": ("decay_every",)}
    assert options["step,factor=0.1"] == {"Auxiliary weight": ("decay_every", "drop_factor", "drop_periods")}
    assert options["constant"] == {}
    assert AT_THE_TOP == "decay_rate"


def test_what_cannot_be_read_or_is_not_known_adds_nothing() -> None:
    assert option_groups(("mad,", "no-such-method", "mad,nonsense=1", "=3"), ("gone",), "none").keys() == {"MAD"}
