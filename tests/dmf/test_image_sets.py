"""Which experiments mean the same images by the same names."""

import json

import pytest

from dmf.config import DataConfig, TrainingConfig
from dmf.data import DATASETS
from dmf.image_sets import DRAWN, image_set


def of(seed: int = 0, **data: object) -> str:
    sections = {"data": DataConfig.model_validate(data), "training": TrainingConfig(seed=seed)}
    return image_set({name: section.model_dump(mode="json") for name, section in sections.items()}, "e-1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dataset": "busi"}, {"dataset": "busi", "seed": 3, "image_size": 64, "limit": 20, "filter": True}),
        ({"dataset": "phantom", "split_seed": 4}, {"dataset": "phantom", "split_seed": 4, "seed": 9}),
        ({"dataset": "phantom", "seed": 4}, {"dataset": "phantom", "split_seed": 4, "seed": 9}),
    ],
)
def test_the_same_images_are_one_set_whatever_is_trained_on_them(one: dict, other: dict) -> None:
    assert of(**one) == of(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dataset": "busi"}, {"dataset": "busc"}),
        ({"dataset": "busi"}, {"dataset": "busi", "root": "/data/other"}),
        ({"dataset": "phantom"}, {"dataset": "phantom,images=60"}),
        ({"dataset": "phantom"}, {"dataset": "phantom", "seed": 1}),
    ],
)
def test_other_images_are_another_set(one: dict, other: dict) -> None:
    assert of(**one) != of(**other)


def test_images_of_a_dataset_that_nobody_recorded_are_those_of_the_experiment() -> None:
    assert image_set({"recorded": True}, "e-7") == json.dumps({"experiment": "e-7"})
    assert image_set({"data": {"dataset": "busi"}}, "e-7") == of(dataset="busi")


def test_datasets_that_are_drawn_are_those_that_need_no_files() -> None:
    assert set(DRAWN) == {name for name in DATASETS if not DATASETS.build(name).needs_download}
