"""A trained network looks at pictures that people bring."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from app.access import predict_image
from app.views import InspectedRun
from dmf.errors import DataError


def two_pages() -> bytes:
    stream, page = io.BytesIO(), Image.new("L", (20, 20))
    page.save(stream, "TIFF", save_all=True, append_images=[page])
    return stream.getvalue()


def test_a_network_looks_at_a_picture_of_any_size(runs: list[InspectedRun]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (50, 90, 3), np.uint8)
    image, maps, window = predict_image.try_network(runs[0], cv2.imencode(".png", picture)[1].tobytes())
    np.testing.assert_array_equal(image, picture[..., ::-1])  # OpenCV writes blue first
    assert (maps.shape, maps.dtype, window) == ((1, 32, 32), np.uint8, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "no picture that is read here"),
        (cv2.imencode(".png", np.zeros((30, 50), np.uint8))[1].tobytes()[:60], "damaged"),
        (two_pages(), "holds 2 pictures"),
        (cv2.imencode(".png", np.zeros((3, 50), np.uint8))[1].tobytes(), "only 50 × 3 pixels"),
        # A PNG whose header says 100,000 x 100,000 pixels.
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\0", "10000 million pixels"),
    ],
)
def test_what_is_no_picture_is_refused(runs: list[InspectedRun], content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        predict_image.try_network(runs[0], content)


def test_a_picture_is_read_as_in_training_turned_and_laid_over_black(runs: list[InspectedRun]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 90, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:20, :, 3] = 0
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn clockwise shows it upright
    stream = io.BytesIO()
    Image.fromarray(np.rot90(pixels)).save(stream, "PNG", exif=exif)
    image, maps, _ = predict_image.try_network(runs[0], stream.getvalue())
    wanted = pixels[..., :3] * (pixels[..., 3:] > 0)
    np.testing.assert_array_equal(image, wanted)
    np.testing.assert_array_equal(maps, predict_image.network_sees(runs[0], np.ascontiguousarray(wanted)))
