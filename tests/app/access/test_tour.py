"""Scenes are read from a store of their own, and come into the run store only when somebody takes one over."""

import pytest

from app import access
from dmf.errors import UnknownNameError
from dmf.examples import scene_stem
from dmf.runs import RunStore


def test_each_visitor_plays_a_scene_at_a_place_of_their_own(store: RunStore) -> None:
    one, other = access.scene_playback("spike"), access.scene_playback("spike")
    assert other.at(other.seconds).step == 110
    assert one.at(0.2 * one.seconds).step < 50
    assert store.is_untouched()


def test_its_pictures_are_read_by_their_id(store: RunStore) -> None:
    scene = access.scene_playback("rare-class")
    ids = [row.id for row in scene.at(scene.seconds).samples][:3]
    pngs = access.scene_pictures(ids)
    assert list(pngs) == ids
    assert all(png.startswith(b"\x89PNG") for png in pngs.values())


def test_a_scene_that_is_taken_over_is_archived_and_alone(store: RunStore) -> None:
    ids = access.take_scene("compound")
    assert ids == [f"r-{scene_stem('compound')}-{place:02d}" for place in (1, 2)]
    assert access.take_scene("compound") == ids
    assert store.experiments() == []
    assert [run.id for run in store.runs(archived=True)] == ids


def test_a_scene_that_does_not_exist_is_told(store: RunStore) -> None:
    with pytest.raises(UnknownNameError, match="Unknown scene 'bend'"):
        access.scene_playback("bend")
