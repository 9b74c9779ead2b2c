import numpy as np
import pytest

from dmf.data.intensity import Range
from dmf.data.scale import exact_percentiles, parse_range, percentile_range


def test_a_range_maps_its_ends_to_black_and_white_and_cuts_off_the_rest() -> None:
    levels = np.array([-500, -160, 40, 240, 3000], dtype=np.int16)
    assert Range(-160, 240).apply(levels).tolist() == [0, 0, 128, 255, 255]  # 200 / 400 * 255 = 127.5, to even
    assert Range(0, 1).apply(np.array([np.nan, np.inf, 0.5])).tolist() == [0, 255, 128]  # what is no number is black


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(-100, 400, 5001).astype(np.float32),
        np.random.default_rng(1).integers(-1024, 3072, 5001).astype(np.int16),
        np.random.default_rng(2).integers(0, 65536, 5001).astype(np.uint16),
        np.repeat([0, 0, 7], 1667).astype(np.uint8),
        np.array([3.5] * 5001),
        np.array([-1.0, -0.0, 0.0] * 1667),
    ],
    ids=["floats", "signed", "unsigned", "bytes", "constant", "both zeros"],
)
def test_percentiles_are_those_of_numpy_over_all_arrays_together(values: np.ndarray) -> None:
    parts = np.array_split(values, 7)
    shares = (0, 0.5, 50, 99.5, 100)
    assert exact_percentiles(lambda: parts, shares) == np.percentile(values, shares, method="nearest").tolist()


def test_what_is_no_number_does_not_count() -> None:
    assert exact_percentiles(lambda: [np.array([np.nan, 1, 2, 3, -np.inf, np.inf])], (0, 50, 100)) == [1, 2, 3]
    with pytest.raises(ValueError, match="no finite values"):
        exact_percentiles(lambda: [np.array([np.nan])], (50,))


def test_a_range_is_two_rising_numbers() -> None:
    assert parse_range("-160:240") == (-160, 240)
    for text in ("", "1", "2:1", "a:b", "0:nan", "0:inf", "1:2:3"):
        assert parse_range(text) is None


def test_a_set_that_is_mostly_background_keeps_what_differs() -> None:
    assert percentile_range(lambda: [np.array([0] * 999 + [7])], (0.5, 99.5)) == Range(0, 7)
    assert percentile_range(lambda: [np.zeros(9)], (0.5, 99.5)) == Range(0, 1)
