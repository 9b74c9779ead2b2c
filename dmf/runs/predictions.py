"""Where the probabilities of a run are: in its own files, or in a folder that was made elsewhere."""

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select

from dmf.probabilities import Probabilities, ProbabilityFile
from dmf.runs.schema import artifacts


def probabilities(
    connection: Connection, run: str, which: Literal["best", "last"], folder: Path
) -> Probabilities | None:
    """See ``RunStore.probabilities``; ``folder`` is where the files of the run are."""
    rows = {row.kind: row for row in connection.execute(select(artifacts).where(artifacts.c.run == run))}
    kept = rows.get(f"probabilities_{which}")
    if kept is None and which == "last" and _is_best_last(rows):
        kept = rows["probabilities_best"]
    return None if kept is None else ProbabilityFile(folder / kept.path)


def _is_best_last(rows: dict[str, Any]) -> bool:
    best, last = rows.get("probabilities_best"), rows.get("checkpoint_last")
    return best is not None and last is not None and bool(best.epoch == last.epoch)
