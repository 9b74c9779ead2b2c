import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import Phantom, prepare
from dmf.data.filtering import bilateral, histogram, preprocess, square
from dmf.errors import ConfigError


def test_the_bilateral_filter_is_the_weighted_mean_of_its_formula() -> None:
    image = np.array([[100, 100, 100], [100, 120, 100], [100, 100, 100]], dtype=np.uint8)
    # Diameter 3 reaches the four direct neighbours at distance 1; each weighs
    # exp(-1 / (2 * 2^2)) * exp(-20^2 / (2 * 20^2)) = 0.8825 * 0.6065 = 0.5353 beside the centre's 1.
    # (120 + 4 * 0.5353 * 100) / (1 + 4 * 0.5353) = 334.1 / 3.141 = 106.4
    assert bilateral(image, 3, sigma_space=2, sigma_intensity=20)[1, 1] == 106


def test_the_bilateral_filter_smooths_speckle_and_keeps_an_edge() -> None:
    rng = np.random.default_rng(0)
    image = np.where(np.arange(64) < 32, 60, 200)[None] + rng.normal(0, 8, (64, 64))
    smooth = bilateral(image.round().astype(np.uint8), 9, 75, 40)
    assert smooth[:, :24].std() < 4
    assert smooth[:, 33].mean() - smooth[:, 30].mean() > 120


def test_the_bilateral_filter_keeps_the_number_of_channels() -> None:
    for shape in ((8, 9), (8, 9, 1), (8, 9, 3)):
        assert bilateral(np.zeros(shape, dtype=np.uint8), 5, 3, 3).shape == shape


def test_the_bilateral_filter_refuses_other_numbers_of_channels() -> None:
    with pytest.raises(ConfigError, match="takes images of 1 or 3 channels, got 4; turn the filter off") as caught:
        bilateral(np.zeros((8, 8, 4), dtype=np.uint8), 5, 3, 3)
    assert caught.value.field == "filter"


def test_shrinking_averages_over_area() -> None:
    image = np.array([[0, 100, 10, 10], [100, 200, 10, 30]], dtype=np.uint8)
    # left block (0 + 100 + 100 + 200) / 4 = 100, right block (10 + 10 + 10 + 30) / 4 = 15; each stays 2 rows high
    assert square(np.vstack([image, image]), 2, "stretch").tolist() == [[100, 15], [100, 15]]


def test_enlarging_interpolates() -> None:
    wide = square(np.array([[0, 200], [0, 200]], dtype=np.uint8), 4, "stretch")
    # centres at -0.25, 0.25, 0.75, 1.25 of the old grid, held at its ends: 0, 50, 150, 200
    assert wide[0].tolist() == [0, 50, 150, 200]


def test_a_mask_keeps_its_class_numbers() -> None:
    mask = np.random.default_rng(0).choice([0, 3], size=(57, 91)).astype(np.uint8)
    for size in (16, 128):
        assert set(np.unique(square(mask, size, "stretch", is_mask=True))) == {0, 3}


def test_padding_keeps_the_shape_and_centres_it() -> None:
    image = np.full((10, 20), 7, dtype=np.uint8)
    padded = square(image, 8, "pad")
    # 20 -> 8 means 10 -> 4, so two empty rows above and below
    assert padded[2:6].tolist() == [[7] * 8] * 4
    assert padded.sum() == 7 * 32
    assert square(image.T, 8, "pad").tolist() == padded.T.tolist()


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 1), (5, 9, 3), (16, 16, 1), (200, 1)])
def test_every_shape_becomes_square(fit: str, shape: tuple[int, ...]) -> None:
    assert square(np.ones(shape, dtype=np.uint8), 16, fit).shape == (16, 16, *shape[2:])  # type: ignore[arg-type]


def test_image_and_mask_stay_aligned_when_shrunk() -> None:
    mask = np.zeros((200, 300), dtype=np.uint8)
    mask[50:150, 90:210] = 1
    image = square(mask * np.uint8(255), 64, "stretch")
    assert np.mean((image > 127) != (square(mask, 64, "stretch", is_mask=True) > 0)) < 0.02


def test_an_image_is_filtered_and_resized_as_the_configuration_says() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    config = DataConfig(image_size=16, filter=True, filter_diameter=5, filter_sigma_space=3, filter_sigma_intensity=20)
    preprocessed = preprocess(image, config)
    assert np.array_equal(preprocessed.filtered, bilateral(image, 5, 3, 20))
    assert np.array_equal(preprocessed.resized, square(preprocessed.filtered, 16, "stretch"))
    assert preprocessed.histogram.sum() == 16 * 16
    plain = preprocess(image, DataConfig(image_size=16, fit="pad"))
    assert np.array_equal(plain.filtered, image)
    assert np.array_equal(plain.resized, square(image, 16, "pad"))


def test_a_preview_shows_what_the_network_will_see() -> None:
    config = DataConfig(image_size=32, filter=True)
    dataset = Phantom(images=1)
    (case,) = dataset.cases()
    assert np.array_equal(preprocess(dataset.load(case).image, config).resized, prepare(dataset, config).images[0, 0])


def test_a_histogram_counts_every_intensity() -> None:
    counts = histogram(np.array([[0, 0, 255], [7, 7, 7]], dtype=np.uint8))
    assert (counts.shape, counts[0], counts[7], counts[255], counts.sum()) == ((256,), 2, 3, 1, 6)
