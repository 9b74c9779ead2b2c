"""Notices, in telemetry that has reached the host, what a person should be told."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dmf.records import Event, Sink, TelemetryBlock


class Watch:
    """Reports steps that changed nothing and losses that have gone flat, each once until it is over.

    Args:
        run: Id of the run.
        terms: Names of the K loss terms.
        window: Steps a loss must stay at one value to be called flat: the weighting's memory.
    """

    def __init__(self, run: str, terms: Sequence[str], window: int) -> None:
        self._run, self._terms, self._window = run, tuple(terms), window
        self._recent: NDArray[np.float32] = np.empty((0, len(terms)), dtype=np.float32)
        self._flat: set[str] = set()
        self._is_bad = False
        self._culprits: tuple[str, ...] = ()

    def keep(self, block: TelemetryBlock | None, sink: Sink) -> None:
        """Write what was drained, then what is to be told of it; None where nothing was drained."""
        if block is not None:
            sink.write(block)
            for event in self.look(block):
                sink.write(event)

    def look(self, block: TelemetryBlock) -> Iterator[Event]:
        """Events of a block of telemetry; blocks must come in order."""
        count = len(self._terms)
        losses, finite = block.values[:, :count], block.values[:, -1] == 1
        for row in np.flatnonzero(np.diff(finite, prepend=not self._is_bad)):
            if not finite[row]:
                self._culprits = self._not_finite(block.values[row])
                yield Event(self._run, block.first_step + int(row), "skipped", {"losses": list(self._culprits)})
        self._is_bad = not finite[-1]
        self._recent = np.concatenate((self._recent, losses[finite]))[-self._window :]
        if len(self._recent) == self._window:
            flat = {term for term, spread in zip(self._terms, np.ptp(self._recent, axis=0), strict=True) if spread == 0}
            last = block.first_step + len(finite) - 1
            for term in sorted(flat - self._flat):
                yield Event(self._run, last, "flat", {"loss": term, "steps": self._window})
            self._flat = flat

    def explain(self, in_row: int, step: int) -> str:
        """Say why a run of non-finite steps fails it; ``step`` is the number of steps taken."""
        names = ", ".join(repr(name) for name in self._culprits)
        subject = f"Loss {names} was" if len(self._culprits) == 1 else f"Losses {names} were"
        return (
            f"{subject} NaN or infinite for {in_row} steps in a row (from step {step - in_row}). Nothing was "
            "learned from them. Lower the learning rate, or look at the loss and the data."
        )

    def _not_finite(self, row: NDArray[np.float32]) -> tuple[str, ...]:
        named = dict(zip(self._terms, row, strict=False)) | {"auxiliary": row[2 * len(self._terms)]}
        return tuple(name for name, value in named.items() if not np.isfinite(value))
