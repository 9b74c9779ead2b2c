"""Fetching a dataset from where its authors or mirrors keep it."""

import shutil
from pathlib import Path

from dmf.data.base import Dataset
from dmf.errors import ConfigError, DataError


def download(dataset: Dataset) -> Path:
    """Download a dataset through ``kagglehub`` into its root, and return the root.

    Raises:
        ConfigError: If the dataset is simulated, so that there is nothing to download.
        DataError: If files are in the way, or nothing could be downloaded; says what to fetch and where to put it.
    """
    if not dataset.needs_download:
        raise ConfigError(f"Dataset {dataset.name!r} needs no download. {dataset.how_to_get}", field="dataset")
    if dataset.root.is_dir() and any(dataset.root.iterdir()):
        raise DataError(
            f"{dataset.root} is not empty; `dmf data check {dataset.name}` says what is in it. "
            "Remove it to download again, or choose another root."
        )
    reasons = []
    for slug in dataset.kaggle:
        try:
            folder = _fetch(slug)
        # kagglehub raises whatever its HTTP library, archive reader or credential store raises.
        except Exception as error:
            reasons.append(
                f"{slug}: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
            )
            continue
        _place(folder, dataset.root)
        return dataset.root
    tried = f" Tried Kaggle: {'; '.join(reasons)}." if reasons else ""
    raise DataError(f"Could not download {dataset.name!r}.{tried}\n{dataset.how_to_get}")


def _fetch(slug: str) -> Path:
    import kagglehub

    return Path(kagglehub.dataset_download(slug))


def _place(folder: Path, root: Path) -> None:
    """Copy beside the root, then rename, so that a root that exists is whole."""
    root.parent.mkdir(parents=True, exist_ok=True)
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(folder, part)
        if root.exists():
            root.rmdir()
        part.rename(root)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise DataError(
            f"Cannot put the download into {root}: {error.strerror or error}. "
            f"It lies in {folder}; move it yourself, or set the root to it."
        ) from error
