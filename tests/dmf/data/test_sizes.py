"""Training images that grow: which size when, and from what they are made."""

import numpy as np
import pytest

from dmf.build import validate
from dmf.config import DataConfig
from dmf.config_text import parse
from dmf.data import build_dataset, prepare
from dmf.data.sizes import first_epochs, prepare_stages
from dmf.errors import ConfigError


@pytest.mark.parametrize(
    ("count", "epochs", "begins"),
    [(3, 3, [0, 1, 2]), (3, 20, [0, 7, 14]), (2, 5, [0, 3]), (4, 6, [0, 2, 3, 5]), (1, 9, [0])],
)
def test_epochs_are_shared_equally(count: int, epochs: int, begins: list[int]) -> None:
    assert first_epochs(range(count), epochs) == begins


def test_fewer_epochs_than_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 sizes of training images need at least 3 epochs, got 2") as caught:
        first_epochs((16, 24, 32), 2)
    assert caught.value.field == "sizes"


def test_every_size_is_made_of_the_originals_of_the_same_cases(home) -> None:
    config = parse(DataConfig, {"dataset": "phantom,images=9", "sizes": "16,24,32", "limit": 5})
    done: list[tuple[int, int]] = []
    stages = prepare_stages(build_dataset(config), config, 6, on_progress=lambda *step: done.append(step))
    assert [(stage.first_epoch, stage.data.images.shape[-1]) for stage in stages] == [(0, 16), (2, 24), (4, 32)]
    assert done == [(number, 15) for number in range(1, 16)]
    for size, stage in zip(config.sizes, stages, strict=True):
        alone = DataConfig(dataset="phantom", dataset_options={"images": 9}, image_size=size, limit=5)
        expected = prepare(build_dataset(alone), alone)
        assert stage.data.cases == expected.cases
        np.testing.assert_array_equal(stage.data.images, expected.images)
        np.testing.assert_array_equal(stage.data.targets, expected.targets)


def test_the_image_size_is_the_last_of_them() -> None:
    assert parse(DataConfig, {"sizes": "32,48,64"}).image_size == 64
    assert parse(DataConfig, {"sizes": "64", "image_size": "64"}).sizes == (64,)
    assert parse(DataConfig, {"sizes": ""}).image_size == 128


@pytest.mark.parametrize("own", [{"terms": "l1,ms-ssim"}, {"auxiliary": "ms-ssim"}])
def test_a_size_that_is_too_small_for_a_loss_is_refused_before_training(tiny, task_texts, own) -> None:
    texts = task_texts["synthesis"] | {"sizes": "16,96", "image_size": "96"} | own
    with pytest.raises(ConfigError, match=r"4 scales of an image of 16 x 16 pixels leave less than the window"):
        validate(tiny(**texts))
    validate(tiny(**task_texts["synthesis"] | {"image_size": "96"} | own))


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ({"sizes": "32,64", "image_size": "128"}, "the last size must be the image size, 128"),
        ({"sizes": "32,32,64"}, "32 follows itself"),
        ({"sizes": "8,64"}, "greater than or equal to 16, got '8'"),
        ({"sizes": "small"}, "sizes"),
    ],
)
def test_sizes_that_cannot_be_are_refused(texts: dict[str, str], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted) as caught:
        parse(DataConfig, texts)
    assert caught.value.field == "sizes"
