"""Recorded runs as files to be taken away."""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from app.access.reading import store
from dmf.runs import ExportFormat, export_run

FOLDERS = ("tensorboard",)  # formats that are a folder for a run, not a file


def run_file(names: Mapping[str, str], format: ExportFormat) -> str:
    """Name of the file that :func:`run_data` gives: that of the run where it is one file, else a zip."""
    return f"{next(iter(_apart(names).values()))}.{format}" if _is_one(names, format) else f"runs-{format}.zip"


def run_data(names: Mapping[str, str], format: ExportFormat) -> bytes:
    """Runs as ``dmf export`` writes them: one run as its file, several, or TensorBoard's folders, as a zip.

    Args:
        names: Run id to what its file or folder is called; where two runs have one, their ids are added.
        format: What to write.

    Raises:
        RunNotFoundError: If there is no such run (any more).
        ConfigError: If the format is unknown.
        StoreError: If the store cannot be read.
    """
    here = store()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        for id, name in _apart(names).items():
            if format in FOLDERS:
                export_run(here, id, format, folder)
                (folder / id).rename(folder / name)
            else:
                export_run(here, id, format, folder / f"{name}.{format}")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if _is_one(names, format):
            return files[0].read_bytes()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(folder))
        return packed.getvalue()


def _apart(names: Mapping[str, str]) -> dict[str, str]:
    given = list(names.values())
    return {id: name if name and given.count(name) == 1 else f"{name} {id}".strip() for id, name in names.items()}


def _is_one(names: Mapping[str, str], format: str) -> bool:
    return len(names) == 1 and format not in FOLDERS
