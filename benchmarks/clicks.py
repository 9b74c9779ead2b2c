"""From a click to its effect, while the server trains three runs in lockstep."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.browser import Served, browser, opened, served, until
from benchmarks.harness import Row
from benchmarks.screen import resume, training_config, waiting_experiment
from dmf.records import RunState

TARGET_EFFECT = 0.5  # s
TARGET_ANSWER = 0.3  # s
METHODS = ("fixed", "variance", "mad")
AXES = {"Epoch": "epoch", "Step": "step"}


def rows(quick: bool) -> list[Row]:
    turns = 1 if quick else 6
    with browser() as chromium, served() as app, opened(chromium) as page:
        experiment = waiting_experiment(app, training_config(METHODS, quick))
        resume(app, page, experiment)
        page.get_by_role("button", name="Axes").click()  # what holds the axes; it stays open
        answers = [answer(page, name) for _ in range(turns) for name in AXES]
        page.keyboard.press("Escape")
        effects = []
        for _ in range(turns):
            effects.append(effect(app, page, experiment, "Pause", RunState.PAUSED))
            effect(app, page, experiment, "Resume", RunState.RUNNING)
        stopped = effect(app, page, experiment, "Stop", RunState.STOPPED)
    return [
        _row(
            f"a click on Pause ({turns}) or Stop to its effect on {len(METHODS)} runs",
            [*effects, stopped],
            TARGET_EFFECT,
        ),
        _row(f"a click (another axis) answered while {len(METHODS)} runs train", answers, TARGET_ANSWER),
    ]


def effect(app: Served, page: Any, experiment: str, button: str, state: RunState) -> float:
    """Seconds from a click until the store has every run in ``state``."""

    def reached() -> bool:
        return all(run.state is state for run in app.store.experiment(experiment).runs)

    return clicked(page.get_by_role("button", name=button, exact=True), reached, f"{state} after {button}")


def answer(page: Any, axis: str) -> float:
    """Seconds from a click on another axis until the charts have it."""
    drawn = page.locator(f'.live-chart[data-key="losses-{AXES[axis]}"] canvas').first
    return clicked(page.get_by_role("radio", name=axis, exact=True), drawn.is_visible, f"the axis {axis}")


def clicked(target: Any, done: Callable[[], bool], what: str) -> float:
    """Seconds from a click until ``done``."""
    target.wait_for()
    target.hover()  # finding it and going there is not what is measured
    time.sleep(1.2)  # at any moment between two ticks
    start = time.perf_counter()
    target.click()
    until(done, what)
    return time.perf_counter() - start


def _row(what: str, taken: list[float], target: float) -> Row:
    return Row(
        what,
        f"median {median(taken):.2f} s",
        "",
        f"at most {max(taken):.2f} s",
        f"<= {target} s",
        median(taken) <= target,
    )
