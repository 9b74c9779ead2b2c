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
from dmf.data.paired import PairedImages, suggest_colour

MEANING = frozenset({"values", "labels", "colours"})  # options of which each says alone what a mask holds
READING = MEANING | {"nearest", "ignore", "names"}  # options that change what a mask means, not which files are read
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
    if name == PairedImages.name:
        return {**suggest_colour(PairedImages(root, 0, **settled)), **settled}
    if name != Folder.name:
        return settled
    dataset = Folder(root, 0, **{option: value for option, value in settled.items() if option not in READING})
    suggested = _agreeing(suggest_options(dataset.mask_files()), settled)
    return {**suggested, **_named(dataset.root, suggested), **settled}


def _agreeing(suggested: Mapping[str, OptionValue], settled: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """What the masks suggest, without what was settled otherwise."""
    if settled.keys() & MEANING:
        return {option: value for option, value in suggested.items() if option not in READING}
    ignored = {part.strip() for part in str(settled.get("ignore", "")).split(":")}
    kept = dict(suggested)
    if "values" in kept:
        kept["values"] = ":".join(part for part in str(kept["values"]).split(":") if part not in ignored)
    return kept


def _named(root: Path, suggested: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
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
    held = {int(value) for value in str(suggested.get("values", "0:255")).split(":")}
    if not 2 <= len(names) <= MOST_CLASSES or not held <= names.keys() or len(set(names.values())) < len(names):
        return {}
    return {"values": ":".join(map(str, names)), "names": ":".join(names.values())}
