"""What a refresh of a live chart costs the browser's main thread and the network, and whether a zoom outlasts it."""

from pathlib import Path
from typing import Any

from benchmarks.browser import browser, opened, served, until
from benchmarks.harness import Row, milliseconds

TARGET = 20e-3  # s
TARGET_BYTES = 75_000
LEAST = 1e-5  # s; a tick that draws nothing may take as long on a busy machine
SCRIPT = Path(__file__).parent / "pages" / "ticking.py"
DRAWN = {
    "ours": ".live-chart[data-key=bench] canvas",
    "plotly": ".js-plotly-plot .nsewdrag",
    "nothing": "[data-testid=stCaptionContainer]",
}


def rows(quick: bool) -> list[Row]:
    ticks = 2 if quick else 10
    with browser() as chromium, served(SCRIPT) as app:
        ours, theirs, nothing = (
            measure(chromium, f"{app.url}/?with={kind}", kind, ticks) for kind in ("ours", "plotly", "nothing")
        )
    for side in (ours, theirs):
        side["seconds"] = max(0.0, side["seconds"] - nothing["seconds"])
    is_met = ours["seconds"] <= TARGET and ours["zoom"]
    said = {True: "zoom kept", False: "zoom lost"}
    return [
        Row(
            "browser main thread per live tick, 6 series x 1,000 points, "
            f"beyond the {milliseconds(nothing['seconds'])} of a tick that draws nothing",
            f"{milliseconds(ours['seconds'])}, {said[ours['zoom']]}",
            f"st.plotly_chart {milliseconds(theirs['seconds'])}, {said[theirs['zoom']]}",
            f"{theirs['seconds'] / max(ours['seconds'], LEAST):.0f}x less",
            f"<= {milliseconds(TARGET)}, zoom kept",
            is_met,
        ),
        Row(
            "sent to the browser per live tick, 6 series x 1,000 points",
            f"{ours['bytes'] / 1e3:.0f} kB",
            f"st.plotly_chart {theirs['bytes'] / 1e3:.0f} kB",
            f"{theirs['bytes'] / ours['bytes']:.1f}x less",
            f"<= {TARGET_BYTES / 1e3:.0f} kB",
            ours["bytes"] <= TARGET_BYTES,
        ),
    ]


def measure(chromium: Any, url: str, kind: str, ticks: int) -> dict[str, Any]:
    """Main-thread seconds and bytes per tick, and whether a zoom is still there after two."""
    with opened(chromium) as page:
        received: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
        page.goto(url)
        page.locator(DRAWN[kind]).first.wait_for()
        wait_for_tick(page, 3)
        thread = page.context.new_cdp_session(page)
        thread.send("Performance.enable", {"timeDomain": "threadTicks"})  # what else the machine does does not count
        busy, sent, first = _busy(thread), sum(received), tick(page)
        page.wait_for_timeout(1000 * ticks)  # without looking meanwhile: that costs the main thread too
        taken = tick(page) - first
        seconds, sent = (_busy(thread) - busy) / taken, (sum(received) - sent) / taken
        return {"seconds": seconds, "bytes": sent, "zoom": kind != "nothing" and keeps_zoom(page, kind)}


def keeps_zoom(page: Any, kind: str) -> bool:
    """Whether the part of x that a drag has zoomed to is still shown two ticks later."""
    for _ in range(5):  # a tick may come between pressing and releasing
        wait_for_tick(page, tick(page) + 1)
        # None for a moment at each tick, when a chart of plotly is made anew.
        box = until(page.locator(DRAWN[kind]).first.bounding_box, "the chart")
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.4 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=2)
        page.mouse.up()
        page.wait_for_timeout(200)
        if _is_zoomed(page, kind):
            wait_for_tick(page, tick(page) + 2)
            page.wait_for_timeout(200)
            return _is_zoomed(page, kind)
    return False


def tick(page: Any) -> int:
    """Number of the last tick that is shown."""
    return int(page.locator("[data-testid=stCaptionContainer]").last.inner_text().split()[-1])


def wait_for_tick(page: Any, number: int) -> None:
    """Until this tick, or a later one, is shown."""
    until(lambda: tick(page) >= number, f"tick {number}", pause=0.1)


def _busy(thread: Any) -> float:
    """Processor seconds of the main thread so far."""
    return float(
        {each["name"]: each["value"] for each in thread.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
    )


def _is_zoomed(page: Any, kind: str) -> bool:
    if kind == "ours":
        return page.locator(".live-chart").get_attribute("data-zoomed") == "true"
    # Null for a moment at each tick, when the chart is made anew.
    low, high = until(lambda: page.evaluate("document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis.range"), "x")
    return bool(float(high) - float(low) < 500_000)
