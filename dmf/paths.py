"""Where data and runs lie on this machine; the only module that reads it from the environment."""

import errno
import os
from pathlib import Path

from dmf.errors import ConfigError

_LONGEST = 80  # characters of a path that cannot be, in a message


def data_home() -> Path:
    """The folder of everything users bring or make: ``DMF_HOME`` where set, else ``data`` in the current folder."""
    home = os.environ.get("DMF_HOME")
    return Path(home).expanduser() if home else Path.cwd() / "data"


def default_store() -> str:
    """File or URL of the run store: ``DMF_STORE`` where set, else ``runs.sqlite`` in the data folder."""
    return os.environ.get("DMF_STORE") or str(data_home() / "runs.sqlite")


def artifact_home() -> Path | None:
    """Where this machine sees the files of runs of a store that is no file: ``DMF_ARTIFACTS``, None if not set."""
    root = os.environ.get("DMF_ARTIFACTS")
    return Path(root).expanduser().absolute() if root else None


def wants_examples() -> bool:
    """Whether the dashboard may put the example runs into an empty store: unless ``DMF_EXAMPLES`` is ``no``."""
    return os.environ.get("DMF_EXAMPLES", "").strip().lower() not in ("no", "0", "false")


def data_roots() -> tuple[Path, ...]:
    """Folders below which alone datasets may lie: ``DMF_DATA_ROOTS``, parted as ``PATH`` is; empty where all may."""
    named = os.environ.get("DMF_DATA_ROOTS", "").split(os.pathsep)
    return tuple(Path(root).expanduser().resolve() for root in named if root.strip())


def shared_address() -> str | None:
    """The address at which others look at the dashboard: ``DMF_SHARE``, None where it is not shared."""
    return os.environ.get("DMF_SHARE") or None


def visitor_steps() -> int | None:
    """How many optimizer steps a race of a visitor may take: ``DMF_VISITOR_STEPS``, None where they train nothing."""
    steps = os.environ.get("DMF_VISITOR_STEPS")
    return int(steps) if steps else None


def refuse_outside(folder: Path) -> None:
    """Make sure that a folder may be looked into, before it is.

    Raises:
        ConfigError: If it lies neither below ``data_roots()``, where there are any, nor in the data folder.
    """
    roots = data_roots()
    if roots and not any(folder.resolve().is_relative_to(root) for root in (*roots, data_home().resolve())):
        below = ", ".join(map(str, roots))
        raise ConfigError(
            f"{folder} does not lie below {below}: this program was started to look into no other folders. Choose one "
            "there, or start it with `--data-root`.",
            "root",
        )


def why_impossible(path: Path) -> str | None:
    """Why nothing can lie at ``path``, as the end of a sentence; None where something may."""
    try:
        path.stat()
    except ValueError:
        return "holds a character that no name can"
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return "is longer than a path can be"
    return None


def refuse_impossible(path: Path, what: str, field: str) -> None:
    """Make sure that something may lie at ``path``, before it is looked for.

    Args:
        path: The path.
        what: What it is to be, at the beginning of a sentence: "The file".
        field: Which names it.

    Raises:
        ConfigError: If nothing can.
    """
    if why := why_impossible(path):
        raise ConfigError(f"{what} {shortened(path)} {why}.", field)


def shortened(path: object) -> str:
    """The beginning of a path, with bytes that are no letters written out."""
    text = ascii(str(path))[1:-1]
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def located(root: Path) -> Path:
    """Where this machine has a folder of images that a configuration names: below ``DMF_SENT`` if it was sent there."""
    sent = os.environ.get("DMF_SENT")
    if not sent:
        return root
    there = Path(sent, *root.absolute().parts[1:])
    return there if why_impossible(there) is None and there.is_dir() else root


def plugin_files() -> tuple[Path, ...]:
    """Files of plug-ins that every command and the dashboard load: ``DMF_PLUGINS``, parted as ``PATH`` is."""
    return tuple(Path(file) for file in os.environ.get("DMF_PLUGINS", "").split(os.pathsep) if file.strip())


def raw_folder(name: str) -> Path:
    """Where the files of the dataset called ``name`` lie unless a root is given."""
    return data_home() / "raw" / name


def cache_folder() -> Path:
    """Where prepared arrays are kept; may be deleted at any time."""
    return data_home() / "cache"
