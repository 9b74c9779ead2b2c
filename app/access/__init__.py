"""What pages stand on: they read, start and check through here, and know nothing else of the library.

Torch is imported only inside functions: a page that only looks opens without it.
"""

from app.access.checking import Checked, Choices, check, choices, prepare_ahead
from app.access.queueing import Entry, cancel, move, queue
from app.access.reading import Snapshot, active, follow, metric_info, overview, pictures, store
from app.access.steering import command, manager, owner_in_words, start, trouble
from app.access.turning import Turned, turn

__all__ = [
    "Checked",
    "Choices",
    "Entry",
    "Snapshot",
    "Turned",
    "active",
    "cancel",
    "check",
    "choices",
    "command",
    "follow",
    "manager",
    "metric_info",
    "move",
    "overview",
    "owner_in_words",
    "pictures",
    "prepare_ahead",
    "queue",
    "start",
    "store",
    "trouble",
    "turn",
]
