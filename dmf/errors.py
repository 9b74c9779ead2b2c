"""Every error of our own, as a tree. Each leaf also inherits the built-in it refines::

    DMFError
    ├── ConfigError (ValueError)             a setting or a combination of settings cannot work
    │   └── UnknownNameError (ValueError)    a name no registry knows
    ├── DataError (ValueError)               a file, folder or dataset is not what was expected
    ├── VisitorError (PermissionError)       a visitor of a shared dashboard may not do this
    ├── StoreError (RuntimeError)            the run store refused or could not be reached
    │   ├── RunNotFoundError (LookupError)   no run or experiment has this id
    │   ├── RunFinishedError                 the run's state does not allow what was asked
    │   └── NotOwnerError                    another process owns the run
    └── TrainingError (RuntimeError)         a run cannot go on
        ├── NonFiniteLossError               too many steps in a row with a NaN or infinite loss
        ├── DeviceMemoryError                the device ran out of memory
        └── CheckpointError                  a checkpoint is missing, damaged or of another configuration

The text of each is fit to be shown to a user.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

PLUGIN_MODULE = "_dmf_plugin_"
"""What the names of modules begin with that are a plug-in, see :mod:`dmf.plugins`."""


class DMFError(Exception):
    """Base of every error raised on purpose by this project; its text is fit to be shown to a user."""


class ConfigError(DMFError, ValueError):
    """A setting, or a combination of settings, cannot work. ``field`` names it where one field is to blame."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnknownNameError(ConfigError):
    """A name that no registry knows."""


class DataError(DMFError, ValueError):
    """A file, folder or dataset is not what was expected."""


class VisitorError(DMFError, PermissionError):
    """A visitor of a shared dashboard may not do what was asked."""


class StoreError(DMFError, RuntimeError):
    """The run store refused, or could not be reached."""


class RunNotFoundError(StoreError, LookupError):
    """No run or experiment has this id."""


class RunFinishedError(StoreError):
    """The state of the run does not allow what was asked."""


class NotOwnerError(StoreError):
    """Another process owns the run."""


class TrainingError(DMFError, RuntimeError):
    """A run cannot go on."""


class NonFiniteLossError(TrainingError):
    """Too many steps in a row had a NaN or infinite loss."""


class DeviceMemoryError(TrainingError):
    """The device ran out of memory."""


class CheckpointError(TrainingError):
    """A checkpoint is missing, damaged or of another configuration."""


def reason(error: BaseException) -> str:
    """What to tell of an error: our own text; else its type and text, after file and line of the plug-in it is from."""
    if isinstance(error, DMFError):
        return str(error)
    sentence = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
    place = _place(error)
    return f"Plug-in {place}: {sentence}" if place else sentence


@contextmanager
def naming_plugins() -> Iterator[None]:
    """Make one of our errors of what a plug-in raises, so that it says which file and line; also a decorator.

    Raises:
        ConfigError: If a plug-in raised what is no error of ours.
    """
    try:
        yield
    except DMFError:
        raise
    except Exception as error:
        if not _place(error):
            raise
        raise ConfigError(reason(error), "plugin") from error


def _place(error: BaseException) -> str:
    """File and line of the innermost frame that lies in a plug-in; empty if there is none."""
    places = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith(PLUGIN_MODULE)
    ]
    if places or not isinstance(error, TypeError):
        return places[-1] if places else ""
    # Arguments that a function does not take are refused before its first line: there is its name, but no frame of it.
    for module in [module for name, module in reversed(sys.modules.items()) if name.startswith(PLUGIN_MODULE)]:
        called: object = module
        for part in str(error).partition("(")[0].split("."):
            called = getattr(called, part, None)
        code = getattr(called, "__code__", None)
        if code is not None and code.co_filename == module.__file__:
            return f"{code.co_filename}, line {code.co_firstlineno}"
    return ""
