"""Fetching a dataset from where its authors or mirrors keep it."""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from dmf import __version__
from dmf.data.base import Dataset, Link
from dmf.data.files import PICTURES
from dmf.data.unzip import LIMITS, open_archive
from dmf.errors import ConfigError, DataError

CHUNK = 2**20
PATIENCE = 30  # seconds without a byte before a download counts as failed

Progress = Callable[[int, int | None], None]


def download(dataset: Dataset, *, on_progress: Progress | None = None) -> Path:
    """Download a dataset into its root, and return the root: from Kaggle where it lies there, else by its links.

    Args:
        dataset: Its root must be empty or absent.
        on_progress: Called with (bytes done, bytes in all or None) of each link; ``kagglehub`` shows its own progress.

    Raises:
        ConfigError: If there is nothing to download: the dataset is simulated, or the user's own.
        DataError: If files are in the way, or nothing could be downloaded; says what to fetch and where to put it.
    """
    if not dataset.needs_download:
        raise ConfigError(f"Dataset {dataset.name!r} needs no download. {dataset.how_to_get}", field="dataset")
    if not dataset.kaggle and not dataset.links:
        raise ConfigError(f"Dataset {dataset.name!r} lies nowhere to download. {dataset.how_to_get}", field="dataset")
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
            reasons.append(f"Kaggle {slug}: {_told(error)}")
            continue
        _place(folder, dataset.root)
        return dataset.root
    if dataset.links:
        reason = _follow(dataset, on_progress)
        if reason is None:
            return dataset.root
        reasons.append(reason)
    raise DataError(f"Could not download {dataset.name!r}. Tried {'; '.join(reasons)}.\n{dataset.how_to_get}")


def _told(error: Exception) -> str:
    """The kind of an error and its first line."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}".rstrip(".")


def _fetch(slug: str) -> Path:
    import kagglehub

    return Path(kagglehub.dataset_download(slug))


def _follow(dataset: Dataset, on_progress: Progress | None) -> str | None:
    """Download and unpack every link into the root; where that fails, leave nothing and say why."""
    root = dataset.root
    url = dataset.links[0].url
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-") as temporary:
            folder = Path(temporary) / "unpacked"
            folder.mkdir()
            for link in dataset.links:
                url = link.url
                archive = Path(temporary) / "archive"
                _load(link, archive, on_progress)
                _unpack(archive, folder, url)
            if root.exists():
                root.rmdir()
            folder.rename(root)
    except (OSError, HTTPException, tarfile.TarError, DataError) as error:  # urllib's own errors are OSErrors
        return f"{url}: {_told(error)}"
    return None


def _load(link: Link, target: Path, on_progress: Progress | None) -> None:
    """Download one archive, and compare it with what is known about it."""
    request = urllib.request.Request(link.url, headers={"User-Agent": f"dmf/{__version__}"})
    digest, done = hashlib.md5(usedforsecurity=False), 0
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer, target.open("wb") as file:
        length = answer.headers.get("Content-Length", "")
        total = link.size or (int(length) if length.isdigit() else None)
        while part := answer.read(CHUNK):
            file.write(part)
            digest.update(part)
            done += len(part)
            if on_progress is not None:
                on_progress(done, total)
            if done > (link.size or LIMITS.archive):
                break
    if total is not None and done != total:
        raise DataError(f"{'more than' if done > total else f'{done:,} of'} {total:,} bytes came")
    if link.md5 is not None and digest.hexdigest() != link.md5:
        raise DataError(f"the checksum is {digest.hexdigest()}, not {link.md5}; the file is damaged or has changed")


def _unpack(archive: Path, folder: Path, url: str) -> None:
    if url.endswith((".tar.gz", ".tgz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")  # no links that lead outside, no devices
        return
    with archive.open("rb") as stream, open_archive(stream, url) as opened:
        opened.extract({name: folder / name for name in opened.files if name.suffix.lower() in PICTURES})


def _place(folder: Path, root: Path) -> None:
    """Copy beside the root, then rename, so that a root that exists is whole."""
    part = root.with_name(f"{root.name}.part")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
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
