"""Which dataset a folder is, from its files."""

from pathlib import Path

from dmf.data.base import Problem
from dmf.data.layouts import Layout, recognise
from dmf.data.listing import listing
from dmf.errors import ConfigError


def identify(root: Path) -> Layout:
    """What lies in a folder, and which dataset reads it.

    Raises:
        ConfigError: If it is not there, or none reads it.
    """
    if not root.is_dir():
        raise ConfigError(f"{root} is no folder. Give the folder that a dataset lies in.", "root")
    layout = recognise(listing(root).files, root.name, read=lambda file: (root / file).read_bytes())
    if isinstance(layout, Problem):
        raise ConfigError(f"{root} {layout.what}. {layout.remedy} Or name the dataset with --dataset.", "dataset")
    return layout
