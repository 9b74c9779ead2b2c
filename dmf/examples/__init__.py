"""Four small recorded runs that come with the program, so that there is something to look at on the first day."""

import tempfile
import zipfile
from importlib import resources
from pathlib import Path

from dmf.errors import StoreError
from dmf.runs import RunStore

__all__ = ["FILE", "MEMBER", "TAG", "add_examples"]

TAG = "example"
"""What the runs are tagged with."""
FILE, MEMBER = "runs.zip", "runs.sqlite"
"""The file in this package, and the store in it."""


def add_examples(store: RunStore, *, if_new: bool = False) -> list[str]:
    """Copy the example runs into a store; returns the ids of the experiments that were not there.

    Args:
        store: Where they go.
        if_new: Only into a store that has no experiment and never had examples: what was deleted stays deleted.

    Raises:
        StoreError: If the store cannot be written, or the file of the examples cannot be read.
    """
    if if_new and not store.is_untouched():
        return []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            with resources.files(__package__).joinpath(FILE).open("rb") as file, zipfile.ZipFile(file) as archive:
                archive.extract(MEMBER, folder)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise StoreError(
                f"The example runs, {FILE} of the package dmf.examples, cannot be read: {error}. Install dmf again."
            ) from error
        kept = RunStore(Path(folder) / MEMBER)  # which brings an older file up to date
        try:
            return store.adopt(kept)
        finally:
            kept.close()
