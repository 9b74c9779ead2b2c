"""Where data and runs lie on this machine; the only module that reads it from the environment."""

import os
from pathlib import Path


def data_home() -> Path:
    """The folder of everything users bring or make: ``DMF_HOME`` where set, else ``data`` in the current folder."""
    home = os.environ.get("DMF_HOME")
    return Path(home).expanduser() if home else Path.cwd() / "data"


def default_store() -> str:
    """File or URL of the run store: ``DMF_STORE`` where set, else ``runs.sqlite`` in the data folder."""
    return os.environ.get("DMF_STORE") or str(data_home() / "runs.sqlite")


def wants_examples() -> bool:
    """Whether the dashboard may put the example runs into an empty store: unless ``DMF_EXAMPLES`` is ``no``."""
    return os.environ.get("DMF_EXAMPLES", "").strip().lower() not in ("no", "0", "false")


def plugin_files() -> tuple[Path, ...]:
    """Files of plug-ins that every command and the dashboard load: ``DMF_PLUGINS``, parted as ``PATH`` is."""
    return tuple(Path(file) for file in os.environ.get("DMF_PLUGINS", "").split(os.pathsep) if file.strip())


def raw_folder(name: str) -> Path:
    """Where the files of the dataset called ``name`` lie unless a root is given."""
    return data_home() / "raw" / name


def cache_folder() -> Path:
    """Where prepared arrays are kept; may be deleted at any time."""
    return data_home() / "cache"
