"""What someone answered when a page asked how files are meant, kept for the next time."""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dmf.data.base import OptionValue
from dmf.errors import DataError
from dmf.paths import data_home

FILE = "answers.json"


def answers(dataset: str, root: Path) -> dict[str, OptionValue]:
    """Options that were chosen for the files of a folder; none where nobody was asked."""
    kept = _read().get(_key(dataset, root), {})
    return {str(option): value for option, value in kept.items()} if isinstance(kept, dict) else {}


def keep_answers(dataset: str, root: Path, options: Mapping[str, OptionValue]) -> None:
    """Keep options for the files of a folder beside those that were chosen before; an empty text forgets one.

    Raises:
        DataError: If they cannot be kept.
    """
    place = data_home() / FILE
    chosen = {option: value for option, value in {**answers(dataset, root), **options}.items() if value != ""}
    everything = {**_read(), _key(dataset, root): chosen}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{FILE}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(everything, file, indent=1)
        Path(name).replace(place)  # whole or not at all
    except OSError as error:
        raise DataError(f"{place} cannot be written ({error.strerror}). Set DMF_HOME to a folder that can.") from error


def _key(dataset: str, root: Path) -> str:
    return f"{dataset}@{root.absolute()}"


def _read() -> dict[str, dict[str, OptionValue]]:
    with suppress(OSError, ValueError):
        kept = json.loads((data_home() / FILE).read_text(encoding="utf-8"))
        if isinstance(kept, dict):
            return kept
    return {}
