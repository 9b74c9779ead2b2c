"""Small recorded runs that come with the program: six for the first day, and one experiment per scene of the tour."""

import tempfile
import zipfile
from importlib import resources
from pathlib import Path

from dmf.errors import StoreError
from dmf.runs import RunStore
from dmf.scenes import SCENES, find_scene

__all__ = ["FILE", "MEMBER", "SCENES_FILE", "TAG", "TOUR_TAG", "add_examples", "open_scenes", "scene_stem"]

TAG, TOUR_TAG = "example", "tour"
"""What the runs are tagged with: those of the first day, and those of the tour."""
FILE, SCENES_FILE, MEMBER = "runs.zip", "scenes.zip", "runs.sqlite"
"""The files in this package, and the store in each; beside it lie probabilities and best networks of the runs."""


def add_examples(store: RunStore, *, if_new: bool = False) -> list[str]:
    """Copy the six example runs into a store; returns the ids of the experiments that were not there.

    Args:
        store: Where they go.
        if_new: Only into a store that has no experiment and never had examples: what was deleted stays deleted.

    Raises:
        StoreError: If the store cannot be written, or the file of the examples cannot be read.
    """
    if if_new and not store.is_untouched():
        return []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kept = _opened(FILE, Path(folder))
        try:
            return store.adopt(kept)
        finally:
            kept.close()


def scene_stem(name: str) -> str:
    """What the ids of a scene's experiment and runs are made of: always the same.

    Raises:
        UnknownNameError: If there is no such scene.
    """
    find_scene(name)
    place = 1 + list(SCENES).index(name)
    return f"20260101-00000{place}-5ce4e{place}"


def open_scenes(folder: Path) -> RunStore:
    """A store of its own with one finished experiment per scene, ``e-<stem>``: to be looked at, or to adopt from.

    Args:
        folder: Where it is unpacked.

    Raises:
        StoreError: If the file of the scenes cannot be read.
    """
    return _opened(SCENES_FILE, folder)


def _opened(file: str, folder: Path) -> RunStore:
    try:
        with resources.files(__package__).joinpath(file).open("rb") as packed, zipfile.ZipFile(packed) as archive:
            archive.extractall(folder)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"The example runs, {file} of the package dmf.examples, cannot be read: {error}. Install dmf again."
        ) from error
    return RunStore(folder / MEMBER)  # which brings an older file up to date
