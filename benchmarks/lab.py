"""From moving a slider of the weighting lab to the new chart, in a real browser."""

from statistics import median
from typing import Any
from urllib.parse import urlencode

from benchmarks.browser import Served, browser, opened, served
from benchmarks.harness import Row

TARGET = 1.0  # s
STEPS, QUICK_STEPS = 10_000, 500
METHODS = ("variance", "mad", "bayesian")
# Moves a slider as a hand does, and gives the milliseconds until the chart has drawn other weights.
MOVE = """([slider, chart, by]) => new Promise((resolve) => {
    const before = chart.dataset.last;
    const started = performance.now();
    const observer = new MutationObserver(() => {
        if (chart.dataset.last === before) return;
        observer.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - started));
    });
    observer.observe(chart, {attributes: true, attributeFilter: ["data-last"]});
    slider.value = Number(slider.value) + by;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
})"""


def rows(quick: bool) -> list[Row]:
    steps = QUICK_STEPS if quick else STEPS
    with browser() as chromium, served() as app, opened(chromium) as page:
        taken = measure(app, page, steps, moves=4 if quick else 20)
    return [
        Row(
            f"lab: slider moved to new chart, Chromium, {steps:,} steps x 3 losses x {len(METHODS)} methods",
            f"median {median(taken):.2f} s",
            "",
            f"at most {max(taken):.2f} s",
            f"<= {TARGET:g} s",
            max(taken) <= TARGET,
        )
    ]


def measure(app: Served, page: Any, steps: int, moves: int) -> list[float]:
    """Seconds of each move of a slider to a place where it has not been, each method in turn."""
    query = {"methods": ";".join(METHODS), "synthetic": f'{{"steps":{steps}}}'}
    page.goto(f"{app.url}/lab?{urlencode(query)}")
    chart = page.locator('.live-chart[data-key="lab-weights"]')
    chart.locator("canvas").first.wait_for()
    sliders = page.get_by_role("slider", name="Window length")
    sliders.nth(len(METHODS) - 1).wait_for()
    page.wait_for_timeout(2000)
    taken = []
    for move in range(moves):
        slider = sliders.nth(move % len(METHODS))
        milliseconds = page.evaluate(MOVE, [slider.element_handle(), chart.element_handle(), 7])
        taken.append(milliseconds / 1000)
        page.wait_for_timeout(400)
    return taken
