"""What pages stand on: they read, start and check through here, and know nothing else of the library.

Torch is imported only inside functions: a page that only looks opens without it.
"""

from app.access.checking import Checked, Choices, check, choices, prepare_ahead
from app.access.reading import Snapshot, follow, metric_info, overview, pictures, recent, store
from app.access.steering import ahead, command, manager, start

__all__ = [
    "Checked",
    "Choices",
    "Snapshot",
    "ahead",
    "check",
    "choices",
    "command",
    "follow",
    "manager",
    "metric_info",
    "overview",
    "pictures",
    "prepare_ahead",
    "recent",
    "start",
    "store",
]
