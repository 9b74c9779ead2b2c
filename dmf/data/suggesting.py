"""Options under which the files of a dataset are read as they are meant, told from the files."""

import json
from collections.abc import Mapping
from pathlib import Path

from dmf.data.base import OptionValue
from dmf.data.busi import Busi
from dmf.data.folder import Folder, suggest_options
from dmf.data.listing import listing
from dmf.data.meaning import MOST_CLASSES
from dmf.data.nifti import Volumes, suggest_volume_options

CLASS_TABLE = "dataset.json"  # nnU-Net's, which names the classes


def suggest(
    name: str, root: Path | None = None, options: Mapping[str, OptionValue] | None = None
) -> dict[str, OptionValue]:
    """Options for the files of a dataset; only those that differ from the defaults.

    Args:
        name: Which dataset.
        root: Where it lies, if not in its default folder.
        options: What is settled already; it is kept.

    Raises:
        BrokenDataError: If the files cannot be found or read.
        ConfigError: If an option is wrong.
    """
    settled = dict(options or {})
    if name == Busi.name:
        base = Busi(root).base
        return {**({"normal": True} if (base / "normal").is_dir() else {}), **settled}
    if name == Volumes.name:
        return {**suggest_volume_options(Volumes(root, 0, **settled)), **settled}
    if name != Folder.name:
        return settled
    dataset = Folder(root, 0, **settled)
    found = suggest_options(dataset.mask_files())
    return {**found, **_named(dataset.root, found), **settled}


def _named(root: Path, found: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Values and names of the classes as nnU-Net's table has them, where they hold for the masks."""
    tables = [file for file in listing(root).files if file.name.lower() == CLASS_TABLE]
    if len(tables) != 1:
        return {}
    try:
        labels = json.loads((root / tables[0]).read_bytes())["labels"]
        # Older versions write {"1": "tumour"}, newer ones {"tumour": 1}.
        pairs = [(int(a), str(b)) if str(a).isdigit() else (int(b), str(a)) for a, b in labels.items()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    names = {value: name.replace(":", " ").replace(",", " ").strip() for value, name in sorted(pairs)}
    held = {int(value) for value in str(found.get("values", "0:255")).split(":")}
    if not 2 <= len(names) <= MOST_CLASSES or not held <= names.keys() or len(set(names.values())) < len(names):
        return {}
    return {"values": ":".join(map(str, names)), "names": ":".join(names.values())}
