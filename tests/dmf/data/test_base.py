from pathlib import Path
from typing import ClassVar

import pytest

from dmf.config import DataConfig
from dmf.config_text import parse
from dmf.data import DATASETS, BrokenDataError, Doubt, Phantom, Problem, build_dataset
from dmf.data.base import Dataset
from dmf.errors import ConfigError, DataError


def test_an_unknown_option_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"'phantom' has no option 'image'. It has: images\.") as caught:
        Phantom(image=3)
    assert caught.value.field == "dataset_options"


def test_a_dataset_without_options_says_so(counting: type[Dataset]) -> None:
    with pytest.raises(ConfigError, match=r"'counting' has no option 'normal'. It has none\."):
        counting(normal=True)


@pytest.mark.parametrize("value", ["8", 8.0, True])
def test_an_option_of_another_type_is_refused(value: object) -> None:
    with pytest.raises(
        ConfigError, match=r"'images' of dataset 'phantom' must be of type int, got .*; the default is 256"
    ):
        Phantom(images=value)  # type: ignore[arg-type]


def test_options_may_be_named_by_their_defaults_alone(counting: type[Dataset]) -> None:
    class Thresholded(counting):  # type: ignore[misc, valid-type]
        defaults: ClassVar = {"threshold": 0.5, "side": "left"}

    assert Thresholded().options == {"threshold": 0.5, "side": "left"}
    assert Thresholded(threshold=1).options["threshold"] == 1  # a whole number may stand for a decimal one
    with pytest.raises(ConfigError, match=r"It has: threshold, side\."):
        Thresholded(normal=True)


@pytest.mark.parametrize("name", DATASETS)
def test_every_option_says_in_a_sentence_what_it_does(name: str) -> None:
    declared = DATASETS[name].declares
    assert {option: info.default for option, info in declared.model_fields.items()} == DATASETS[name].defaults
    for option, info in declared.model_fields.items():
        assert info.description, f"{name}: {option}"
        assert info.description.endswith("."), f"{name}: {option}"


def test_the_root_defaults_to_the_raw_folder(home: Path) -> None:
    assert Phantom().root == home / "raw" / "phantom"
    assert Phantom(Path("elsewhere")).root == Path("elsewhere")


def test_the_fingerprint_follows_name_options_and_cases(counting: type[Dataset]) -> None:
    prints = {Phantom().fingerprint(), Phantom(images=8).fingerprint(), counting().fingerprint()}
    assert len(prints) == 3
    assert Phantom().fingerprint() == Phantom(images=256).fingerprint()


def test_a_broken_data_error_names_every_problem() -> None:
    problems = [Problem("a.png", "has no mask", "Add one."), Problem("b.png", "is empty", "Fetch it.")]
    error = BrokenDataError(problems)
    assert isinstance(error, DataError)
    assert str(error) == "a.png: has no mask. Add one.\nb.png: is empty. Fetch it."
    assert error.problems == tuple(problems)


def test_a_number_may_be_typed_where_words_are_possible() -> None:
    config = parse(DataConfig, {"dataset": "folder", "dataset_options": "spacing=0.2"})
    assert (build_dataset(config).spacing, build_dataset(config).options["spacing"]) == ((0.2, 0.2), "0.2")


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_can_be_described_without_its_files(name: str) -> None:
    dataset = DATASETS.build(name)
    assert dataset.name == name
    assert dataset.title
    assert dataset.how_to_get
    assert dataset.licence
    assert dataset.citation
    assert all(link.url.startswith("https://") for link in dataset.links)
    if dataset.target == "classes":
        assert len(dataset.class_names) >= 2
        assert dataset.class_names[0] == "background"
    else:
        assert dataset.target_channels >= 1
    assert dataset.in_channels >= 1
    assert type(dataset.needs_download) is bool


def test_a_dataset_that_keeps_no_folder_has_no_remarks(counting: type[Dataset]) -> None:
    assert counting().problems() == []
    assert counting().remarks() == []


def test_a_doubt_is_settled_by_any_of_its_options_as_a_whole() -> None:
    doubt = Doubt("grey", "two classes", ("values=0:255,nearest=true", "labels=any"))
    assert doubt.is_settled({"labels": "any"})
    assert doubt.is_settled({"values": "0:255", "nearest": True, "rgb": True})
    assert not doubt.is_settled({"values": "0:255"})
