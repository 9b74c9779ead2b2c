"""Tags of single images: kept with the images, whatever runs look at them."""

import pytest

from dmf.errors import ConfigError
from dmf.runs import RunStore

IMAGES, OTHERS = '{"dataset": "busi"}', '{"dataset": "busc"}'


def test_tags_are_kept_in_their_order_once_and_without_blanks(store, location):
    assert store.case_tags(IMAGES) == {}
    assert store.tag_case(IMAGES, "b-2", ["unsure", " motion ", "unsure"]) == ("unsure", "motion")
    store.tag_case(IMAGES, "a-1", ["shadow behind it"])
    store.tag_case(OTHERS, "a-1", ["other images"])
    again = RunStore(location)
    assert again.case_tags(IMAGES) == {"a-1": ("shadow behind it",), "b-2": ("unsure", "motion")}
    again.close()


def test_tags_take_the_place_of_those_before_and_none_is_no_tag(store):
    store.tag_case(IMAGES, "a", ["motion", "unsure"])
    store.tag_case(IMAGES, "a", ["unsure"])
    assert store.case_tags(IMAGES) == {"a": ("unsure",)}
    assert store.tag_case(IMAGES, "a", []) == ()
    assert store.case_tags(IMAGES) == {}


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["motion", " "], r"Tags are a list of words, none of them empty, got \['motion', ' '\]"),
        (["m" * 61], "at most 20 tags of at most 60 characters, got 1 of at most 61"),
        ([f"tag {number}" for number in range(21)], "at most 20 tags of at most 60 characters, got 21"),
    ],
)
def test_what_cannot_be_a_tag_is_refused_and_changes_nothing(store, tags, words):
    store.tag_case(IMAGES, "a", ["motion"])
    with pytest.raises(ConfigError, match=words):
        store.tag_case(IMAGES, "a", tags)
    assert store.case_tags(IMAGES) == {"a": ("motion",)}


def test_tags_stay_when_the_runs_are_deleted(store, experiment):
    store.tag_case(IMAGES, "a", ["motion"])
    ids = [run.id for run in experiment.runs]
    store.claim(ids, "me")
    store.release(ids, "me")
    store.delete_runs(ids)
    assert store.case_tags(IMAGES) == {"a": ("motion",)}
