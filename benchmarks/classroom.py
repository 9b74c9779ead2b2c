"""A class that watches one race: how often their pages are brought up to date, and what that takes from the training.

Beside it the same viewers on a dashboard that is not shared, where each page is worked out for itself.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.browser import SHARED, Served, served, until
from benchmarks.harness import Row
from benchmarks.screen import training_config, waiting_experiment
from benchmarks.sockets import Viewer, watching

VIEWERS = 30
TARGET_REFRESH = 1.5  # s
TARGET_SPEED = 0.8  # of the speed with one viewer
TARGET_MEMORY = 5_000_000  # bytes for each further viewer
METHODS = ("variance", "mad", "bayesian")
LEAST_STEPS = 10  # from which a speed is told


@dataclass(frozen=True)
class Watched:
    """One race while some watch it.

    Attributes:
        refresh: Median seconds from one refresh of a page to the next.
        speed: Steps per second.
        received: Bytes that a page is sent per second.
        memory: Bytes that the server has in memory.
        seconds: Processor time of the server per second, of what does not train.
    """

    refresh: float
    speed: float
    received: float
    memory: float
    seconds: float


def rows(quick: bool) -> list[Row]:
    count, seconds = (3, 4.0) if quick else (VIEWERS, 40.0)
    one, many = measured(SHARED, (1, count), seconds, quick)
    alone, crowd = measured(SHARED.with_name("main.py"), (1, count), seconds, quick)
    kept, beside = many.speed / one.speed, crowd.speed / alone.speed
    grown, theirs = ((all.memory - first.memory) / (count - 1) for first, all in ((one, many), (alone, crowd)))
    watch = f"{count} viewers of a race of {len(METHODS)} runs"
    return [
        Row(
            f"{watch}: from one refresh to the next",
            f"median {many.refresh:.2f} s",
            f"not shared {crowd.refresh:.2f} s",
            f"{crowd.refresh / many.refresh:.1f}x less",
            f"<= {TARGET_REFRESH} s",
            many.refresh <= TARGET_REFRESH,
        ),
        Row(
            f"{watch}: training speed of that with one viewer",
            f"{many.speed:.1f} of {one.speed:.1f} steps/s",
            f"not shared {crowd.speed:.1f} of {alone.speed:.1f}, {beside:.2f}",
            f"{kept:.2f}",
            f">= {TARGET_SPEED}",
            kept >= TARGET_SPEED,
        ),
        Row(
            f"{watch}: memory of the server for each viewer but the first",
            f"{max(0.0, grown) / 1e6:.1f} MB",
            f"not shared {max(0.0, theirs) / 1e6:.1f} MB",
            "",
            f"<= {TARGET_MEMORY / 1e6:.0f} MB",
            grown <= TARGET_MEMORY,
        ),
        Row(
            f"{watch}: sent to each",
            f"{many.received / 1e3:.0f} kB/s",
            f"not shared {crowd.received / 1e3:.0f} kB/s",
            f"{crowd.received / many.received:.0f}x less",
        ),
        Row(
            f"{watch}: processor time of the server, of what does not train",
            f"{many.seconds:.2f} s/s",
            f"not shared {crowd.seconds:.2f} s/s",
            f"{crowd.seconds / max(many.seconds, 0.01):.1f}x less",
        ),
    ]


def measured(script: Path, counts: tuple[int, ...], seconds: float, quick: bool) -> list[Watched]:
    """The same race while so many watch, one count after another."""
    with served(script) as app:
        experiment = waiting_experiment(app, training_config(METHODS, quick))
        page = f"train?experiment={experiment}"
        run = app.store.experiment(experiment).runs[0].id
        cookie = app.cookie() if script == SHARED else ""
        with watching([Viewer(app.url, page, cookie, press="Resume")]):
            until(lambda: app.store.latest_step(run) > 20, "the first steps", pause=0.1)
        return [_watched(app, run, [Viewer(app.url, page) for _ in range(count)], seconds) for count in counts]


def _watched(app: Served, run: str, viewers: list[Viewer], seconds: float) -> Watched:
    with watching(viewers):
        until(lambda: all(viewer.is_painted for viewer in viewers), "every page", pause=0.1)
        until(lambda: all(len(viewer.intervals(0)) > 1 for viewer in viewers), "two refreshes of each", pause=0.1)
        begun, step, received = time.monotonic(), app.store.latest_step(run), sum(one.received for one in viewers)
        before = _processor(app)
        time.sleep(seconds)
        until(lambda: app.store.latest_step(run) - step >= LEAST_STEPS, "steps", pause=0.1)
        taken = time.monotonic() - begun
        steps, bytes = app.store.latest_step(run) - step, sum(one.received for one in viewers) - received
        spent = {thread: now - before.get(thread, 0.0) for thread, now in _processor(app).items()}
        memory = _memory(app)
        intervals = [each for viewer in viewers for each in viewer.intervals(begun)]
    troubles = {viewer.trouble for viewer in viewers} - {""}
    if troubles:
        raise RuntimeError(f"Pages failed: {troubles}")
    trains = max(spent.values())  # the thread that trains takes most
    return Watched(
        refresh=median(intervals),
        speed=steps / taken,
        received=bytes / taken / len(viewers),
        memory=memory,
        seconds=(sum(spent.values()) - trains) / taken,
    )


def _processor(app: Served) -> dict[str, float]:
    """Processor seconds of each thread of the server."""
    times = {}
    for task in Path(f"/proc/{app.process}/task").iterdir():
        try:
            fields = (task / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        times[task.name] = (int(fields[11]) + int(fields[12])) / 100
    return times


def _memory(app: Served) -> float:
    pages = int(Path(f"/proc/{app.process}/statm").read_text().split()[1])
    return pages * 4096.0
