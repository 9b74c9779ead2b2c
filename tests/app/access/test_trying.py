"""A trained network looks at pictures that people bring."""

import cv2
import numpy as np
import pytest

from app.access import trying
from app.access.inspecting import InspectedRun
from dmf.errors import DataError


def test_a_network_looks_at_a_picture_of_any_size(runs: list[InspectedRun]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (50, 90, 3), np.uint8)
    image, maps, window = trying.try_network(runs[0], cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(image, picture[..., ::-1])  # OpenCV writes blue first
    assert (maps.shape, maps.dtype, window) == ((1, 32, 32), np.uint8, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a....", "neither PNG nor JPEG"),
        (b"\x89PNG\r\n\x1a\n\0\0", "damaged"),
        (cv2.imencode(".png", np.zeros((3, 50), np.uint8))[1].tobytes(), "only 50 × 3 pixels"),
        # A PNG whose header says 100,000 x 100,000 pixels.
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2, "10000 million pixels"),
    ],
)
def test_what_is_no_picture_is_refused(runs: list[InspectedRun], content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        trying.try_network(runs[0], content)
