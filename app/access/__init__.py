"""What pages stand on: they read, start and check through here, and know nothing else of the library.

Torch is imported only inside functions: a page that only looks opens without it.
"""

from app.access.checking import Checked, Choices, check, choices, prepare_ahead
from app.access.comparing import (
    ComparedRun,
    all_runs,
    compared_runs,
    named_metric,
    run_metrics,
    what_differs,
)
from app.access.queueing import Entry, cancel, move, queue
from app.access.reading import Snapshot, active, follow, metric_info, overview, pictures, store
from app.access.steering import command, manager, owner_in_words, start, trouble
from app.access.turning import Turned, turn

__all__ = [
    "Checked",
    "Choices",
    "ComparedRun",
    "Entry",
    "Snapshot",
    "Turned",
    "active",
    "all_runs",
    "cancel",
    "check",
    "choices",
    "command",
    "compared_runs",
    "follow",
    "manager",
    "metric_info",
    "move",
    "named_metric",
    "overview",
    "owner_in_words",
    "pictures",
    "prepare_ahead",
    "queue",
    "run_metrics",
    "start",
    "store",
    "trouble",
    "turn",
    "what_differs",
]
