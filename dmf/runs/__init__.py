"""The run store: what was trained, how it went, who owns it. Opens without torch."""

from dmf.runs.export import ExportFormat, export_run
from dmf.runs.ownership import new_owner
from dmf.runs.rows import (
    SILENT_SECONDS,
    CellRow,
    EventRow,
    ExperimentRow,
    Latest,
    Position,
    RunRow,
    SampleRow,
    StudyRow,
    Telemetry,
)
from dmf.runs.sink import StoreCommands, StoreSink
from dmf.runs.store import RunStore

__all__ = [
    "SILENT_SECONDS",
    "CellRow",
    "EventRow",
    "ExperimentRow",
    "ExportFormat",
    "Latest",
    "Position",
    "RunRow",
    "RunStore",
    "SampleRow",
    "StoreCommands",
    "StoreSink",
    "StudyRow",
    "Telemetry",
    "export_run",
    "new_owner",
]
