"""The heat map of a study."""

import numpy as np
import pandas as pd

from app.charts.study_heat import study_heat


def test_a_field_for_each_configuration_and_dataset() -> None:
    means = pd.DataFrame([[0.8, np.nan], [0.7, 0.6]], index=["mad/none", "fixed/none"], columns=["busi", "busc"])
    figure = study_heat(means, "Dice", "#000")
    (field,) = figure.data
    assert list(field.x) == ["busi", "busc"]
    assert list(field.y) == ["mad/none", "fixed/none"]
    np.testing.assert_array_equal(field.z, means.to_numpy())
    assert figure.layout.yaxis.autorange == "reversed"  # the first configuration on top


def test_nothing_is_drawn_of_nothing() -> None:
    assert study_heat(pd.DataFrame(), "Dice", "#000").data[0].z.size == 0
