import pytest

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import CrossEntropy
from dmf.tasks.segmentation.losses.base import require_non_negative


def test_a_loss_without_options_is_built_from_none():
    assert isinstance(CrossEntropy.from_options(CrossEntropy.declares()), CrossEntropy)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_what_is_not_a_number_of_at_least_0_is_refused(value):
    with pytest.raises(ConfigError, match="`smooth` must be a number of at least 0"):
        require_non_negative(alpha=1, smooth=value)
