"""Recorded runs as files to be taken away."""

import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from app.access.reading import store
from dmf.runs import ExportFormat, export_run

FOLDERS = ("tensorboard",)  # formats that are a folder for a run, not a file


def run_file(ids: Sequence[str], format: ExportFormat) -> str:
    """Name of the file that :func:`run_data` gives: that of the run where it is one file, else a zip."""
    return f"{ids[0]}.{format}" if _is_one(ids, format) else f"runs-{format}.zip"


def run_data(ids: Sequence[str], format: ExportFormat) -> bytes:
    """Runs as ``dmf export`` writes them: one run as its file, several, or TensorBoard's folders, as a zip.

    Raises:
        RunNotFoundError: If there is no such run (any more).
        ConfigError: If the format is unknown.
        StoreError: If the store cannot be read.
    """
    here = store()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for id in ids:
            export_run(here, id, format, folder if format in FOLDERS else folder / f"{id}.{format}")
        if _is_one(ids, format):
            return (folder / f"{ids[0]}.{format}").read_bytes()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(file, file.relative_to(folder))
        return packed.getvalue()


def _is_one(ids: Sequence[str], format: str) -> bool:
    return len(ids) == 1 and format not in FOLDERS
