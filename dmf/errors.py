"""Every error of our own, as a tree. Each leaf also inherits the built-in it refines.

DMFError
├── ConfigError (ValueError)             a setting or a combination of settings cannot work
│   └── UnknownNameError (ValueError)    a name no registry knows
├── DataError (ValueError)               a file, folder or dataset is not what was expected
├── StoreError (RuntimeError)            the run store refused or could not be reached
│   ├── RunNotFoundError (LookupError)   no run or experiment has this id
│   ├── RunFinishedError                 the run's state does not allow what was asked
│   └── NotOwnerError                    another process owns the run
└── TrainingError (RuntimeError)         a run cannot go on
    ├── NonFiniteLossError               too many steps in a row with a NaN or infinite loss
    ├── DeviceMemoryError                the device ran out of memory
    └── CheckpointError                  a checkpoint is missing, damaged or of another configuration
"""


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
