import numpy as np
import pytest

import dmf.metrics
from dmf.metrics import METRIC_INFO, metric_info, summarise
from dmf.metrics.info import recorded_metric


def test_every_metric_of_a_summary_can_be_labelled():
    counts = np.array([[[90, 0, 0], [10, 0, 0]]])
    for name in summarise(counts, 100, ["background", "lesion"]):
        assert metric_info(name).sentence.endswith(".")


@pytest.mark.parametrize("name", METRIC_INFO)
def test_names_say_how_they_are_pooled_and_over_which_classes(name):
    info = METRIC_INFO[name]
    assert (info.pooling == "per image") == name.endswith("_per_image")
    assert (info.classes == "lesion only") == name.startswith("lesion_")


def test_a_metric_of_one_class_names_that_class():
    info = metric_info("dice/lesion")
    assert (info.title, info.pooling, info.classes) == ("Dice (lesion)", "pooled", "lesion")
    assert info.sentence == "Twice the overlap over the sum of both areas."


def test_an_unknown_metric_is_refused():
    with pytest.raises(KeyError, match="rand_index"):
        metric_info("rand_index")


def test_all_names_what_can_be_imported():
    assert all(hasattr(dmf.metrics, name) for name in dmf.metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rand_index'"):
        dmf.metrics.rand_index  # noqa: B018


def test_a_score_under_a_name_of_its_own_is_called_by_it():
    about = recorded_metric("val_loss")
    assert (about.title, about.pooling) == ("val_loss", "as recorded")
