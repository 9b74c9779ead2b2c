import pytest

from dmf.errors import ConfigError, UnknownNameError
from dmf.methods import check_method, methods_called, methods_of
from dmf.plugins import load_plugin


def test_all_promises_of_a_method_are_looked_at():
    findings = list(check_method("WEIGHTINGS", "fixed"))
    assert {(finding.kind, finding.name) for finding in findings} == {("weighting", "fixed")}
    assert {finding.result for finding in findings} == {"pass", "skip"}
    assert next(finding.reason for finding in findings if "order" in finding.promise) == "looks at no loss"


def test_what_a_method_raises_is_a_finding_and_the_next_check_goes_on(plugin):
    load_plugin(plugin("def model(*_):\n    raise RuntimeError('out of ideas')\n\n\nMODELS = {'mine': model}\n"))
    findings = list(check_method("MODELS", "mine"))
    assert [(finding.result, finding.reason) for finding in findings] == [("fail", "RuntimeError: out of ideas")] * 3


def test_a_method_that_is_not_there_is_refused():
    with pytest.raises(UnknownNameError, match=r"Unknown loss 'dise'.*Did you mean 'dice'"):
        list(check_method("LOSSES", "dise"))
    with pytest.raises(ConfigError, match=r"Unknown method 'dise'.*Did you mean 'dice'\? A file of your own ends in"):
        methods_called("dise")
    assert methods_called("dice") == [("LOSSES", "dice")]


def test_a_file_is_looked_at_whole_or_by_name(plugin):
    loaded = load_plugin(plugin("MODELS = {'one': print, 'two': print}\n"))
    assert methods_of(loaded) == [("MODELS", "one"), ("MODELS", "two")]
    assert methods_of(loaded, "two") == [("MODELS", "two")]
    with pytest.raises(
        ConfigError, match=r"Plug-in .*mine\.py adds nothing called 'three'\. Choose one of: one, two\."
    ):
        methods_of(loaded, "three")


@pytest.mark.parametrize("name", ["l1", "ms-ssim", "frequency"])
def test_losses_of_images_are_looked_at_with_images(name):
    findings = list(check_method("LOSSES", name))
    assert [finding.result for finding in findings] == ["pass"] * 3


def test_a_loss_that_looks_at_no_target_is_not_asked_whether_right_is_better():
    *_, last = check_method("LOSSES", "tv")
    assert (last.result, last.reason) == ("skip", "looks at no target")


def test_a_dataset_of_images_to_be_made_can_be_read():
    assert {finding.result for finding in check_method("DATASETS", "contrast")} == {"pass"}
