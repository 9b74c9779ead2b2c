"""What a finished run keeps to be looked at: its networks' probabilities of the test images."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

from dmf.errors import CheckpointError, DataError
from dmf.probabilities import TooLargeError, write_probabilities
from dmf.records import Artifact, Event
from dmf.training.run import TrainingRun

if TYPE_CHECKING:  # the task needs OpenCV, the loop does not
    from dmf.tasks import Task
    from dmf.tasks.feed import Feed

MEGABYTE = 1e6


def keep_probabilities(
    run: TrainingRun, epoch: int, *, task: "Task", feed: "Feed", wanted: str, most: int
) -> Iterator[Artifact | Event]:
    """Write the probabilities of the test images, of the best network first; the run stays as it is.

    What cannot be kept is told by an event of kind "not_kept": the run has learned what it has learned.

    Args:
        run: A run at its end.
        epoch: Its last.
        task: Says what is kept of an image.
        feed: Has the test images.
        wanted: ``best``, ``last``, ``both`` or ``none``. Where the last network is the best, it is kept once, as best.
        most: Bytes that all files together may take.

    Yields:
        What to record.
    """
    if task.keeps == "nothing":
        return
    best = run.progress.best_epoch
    kept: list[tuple[Literal["best", "last"], int]] = []
    if best == epoch and wanted != "none":
        kept = [("best", epoch)]
    else:
        if wanted in ("best", "both") and best != -1:
            kept.append(("best", best))
        if wanted in ("last", "both"):
            kept.append(("last", epoch))
    room = most
    for which, at in kept:
        name = f"probabilities-{which}.zip"
        try:
            with nullcontext() if at == epoch else run.at_best():
                size = write_probabilities(
                    run.folder / name,
                    epoch=at,
                    split="test",
                    cases=feed.cases("test"),
                    probabilities=task.kept(run.predict, feed.evaluation("test")),
                    most=room,
                )
        except TooLargeError:
            reason = (
                f"The probabilities of the {which} network on {len(feed.cases('test'))} test images were not kept: "
                f"they take more than the {room / MEGABYTE:.1f} MB left of {most / MEGABYTE:g} MB for one run."
            )
            yield _not_kept(run, which, reason)
        except (CheckpointError, DataError) as error:
            yield _not_kept(run, which, f"The probabilities of the {which} network were not kept: {error}")
        else:
            room -= size
            yield Artifact(run.id, f"probabilities_{which}", at, run.step, name, size)  # type: ignore[arg-type]


def _not_kept(run: TrainingRun, which: str, reason: str) -> Event:
    return Event(run.id, run.step, "not_kept", {"what": f"probabilities_{which}", "reason": reason})
