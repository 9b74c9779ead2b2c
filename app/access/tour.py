"""The guided tour: recorded scenes, kept in a store of their own until somebody takes one over.

Looking at the tour so leaves the lists of Home and Compare as they are, and needs no store that can be written.
"""

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.access.reading import store
from app.visitors import owner_only
from dmf.analysis.playback import Playback
from dmf.analysis.progress import LiveExperiment
from dmf.errors import RunNotFoundError
from dmf.examples import open_scenes, scene_stem
from dmf.runs import RunStore


def scene_playback(name: str) -> Playback:
    """A scene to be played, for one visitor.

    Raises:
        UnknownNameError: If there is no such scene.
        StoreError: If the file of the scenes cannot be read.
    """
    scenes = _scenes()
    return Playback(scenes, LiveExperiment(scenes, _id(name)).refresh())


def scene_pictures(ids: Sequence[int]) -> dict[int, bytes]:
    """Sample pictures of the scenes as PNG, by their id.

    Raises:
        StoreError: If the file of the scenes cannot be read.
    """
    return _pictures(tuple(ids))


def take_scene(name: str) -> list[str]:
    """Put a scene's runs into the run store, so that other pages can open them; returns their ids.

    They are archived there: lists leave them out, and links find them. Those that are there already stay as they are.

    Raises:
        UnknownNameError: If there is no such scene.
        StoreError: If the store cannot be written, or the file of the scenes cannot be read.
        VisitorError: If a visitor asks for one that is not there yet.
    """
    try:
        experiment = store().experiment(_id(name))
    except RunNotFoundError:
        _adopt(name)
        experiment = store().experiment(_id(name))
    return [run.id for run in experiment.runs]


@owner_only
def _adopt(name: str) -> None:
    store().adopt(_scenes(), only=[_id(name)])


def _id(name: str) -> str:
    return f"e-{scene_stem(name)}"


def _scenes() -> RunStore:
    return _open(id(RunStore))  # a reloaded class raises other errors than the old one


@st.cache_resource(show_spinner=False)
def _open(generation: int) -> RunStore:
    folder = Path(tempfile.mkdtemp(prefix="dmf-tour-"))
    opened = open_scenes(folder)
    atexit.register(_remove, opened, folder)
    return opened


def _remove(opened: RunStore, folder: Path) -> None:
    opened.close()
    shutil.rmtree(folder, ignore_errors=True)


@st.cache_data(max_entries=64, show_spinner=False)
def _pictures(ids: tuple[int, ...]) -> dict[int, bytes]:
    return _scenes().sample_pngs(ids)
