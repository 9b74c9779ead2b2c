"""The live chart in a real Chromium: what a reader has set up outlasts new data."""

import json
import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
DEMO = Path(__file__).parent / "demo_live_chart.py"
DARK = "() => document.querySelector('.stApp') && getComputedStyle(document.querySelector('.stApp')).backgroundColor"


@pytest.fixture
def watch(stay, serve_script):
    """The demo page, its charts drawn, as every test leaves it. Fails the test on any error in the page."""
    errors: list[str] = []
    watch = stay(serve_script(DEMO))
    note = partial(_note, errors)
    watch.page.on("pageerror", note)
    for key in ("losses", "weights"):
        watch.page.wait_for_selector(f".live-chart[data-key={key}] canvas")
    yield watch
    watch.page.remove_listener("pageerror", note)
    assert not errors


def _note(errors, error):
    errors.append(str(error))


@pytest.fixture
def page(watch):
    return watch.page


def chart(page, key: str):
    return page.locator(f".live-chart[data-key={key}]")


def tick(page) -> int:
    return int(page.get_by_text(re.compile(r"^tick \d+")).inner_text().split()[1])


def wait_ticks(page, count: int) -> None:
    target = tick(page) + count
    page.wait_for_function(
        "n => [...document.querySelectorAll('[data-testid=stText]')]"
        ".some(e => e.innerText.startsWith('tick ') && +e.innerText.slice(5) >= n)",
        arg=target,
    )


def plot_box(page, key: str) -> dict[str, float]:
    return chart(page, key).locator(".u-over").bounding_box()


def drag(page, key: str, start: float, end: float) -> None:
    """Drag over the plot from one share of its width to another."""
    box = plot_box(page, key)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], middle, steps=3)
    page.mouse.move(box["x"] + end * box["width"], middle, steps=3)
    page.mouse.up()


def test_lines_grow_over_ticks(page):
    assert chart(page, "losses").get_attribute("data-series") == "6"
    assert chart(page, "losses").get_attribute("data-points") == "6000"
    before = json.loads(chart(page, "losses").get_attribute("data-last"))
    wait_ticks(page, 2)
    after = json.loads(chart(page, "losses").get_attribute("data-last"))
    assert before.keys() == after.keys() == {f"{t} · {r}" for t in ("ce", "iou", "dice") for r in ("variance", "mad")}
    assert all(before[name] != after[name] for name in before)


def test_a_tick_sends_the_data_and_not_the_engine(watched, serve_script):
    page = watched().page
    frames: list[int] = []

    def listen(socket):
        socket.on("framereceived", lambda frame: frames.append(len(frame)))

    page.on("websocket", listen)
    page.goto(serve_script(DEMO))
    page.wait_for_selector(".live-chart[data-key=weights] canvas")
    page.remove_listener("websocket", listen)
    wait_ticks(page, 4)
    del frames[:]
    wait_ticks(page, 5)
    # 6 lines x 1,000 points x (x and y) x 4 bytes = 48,000, the rest is names and settings.
    assert 48_000 < max(frames) < 52_000


def test_zoom_outlasts_twenty_ticks_and_a_double_click_shows_everything(page):
    drag(page, "losses", 0.2, 0.5)
    page.get_by_text(re.compile(r"^zoomed to \d")).wait_for()
    expect(chart(page, "losses")).to_have_attribute("data-zoomed", "true")
    assert chart(page, "weights").get_attribute("data-zoomed") == "false"
    zoomed = page.get_by_text(re.compile(r"^zoomed to \d")).inner_text()
    page.mouse.move(5, 5)
    ticks = "chart => chart.innerText"
    before = chart(page, "losses").evaluate(ticks)
    wait_ticks(page, 20)
    assert chart(page, "losses").get_attribute("data-zoomed") == "true"
    assert page.get_by_text(re.compile(r"^zoomed to \d")).inner_text() == zoomed
    assert before.split("\n")[0] == chart(page, "losses").evaluate(ticks).split("\n")[0]
    # What the cursor reads in the middle of the plot is still the middle of what was dragged over.
    box = plot_box(page, "losses")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    first = chart(page, "losses").locator(".tip .at").first.inner_text()
    wait_ticks(page, 3)
    assert abs(_step(chart(page, "losses").locator(".tip .at").first.inner_text()) - _step(first)) < 200
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 40)
    page.get_by_text("zoomed to everything").wait_for()
    expect(chart(page, "losses")).to_have_attribute("data-zoomed", "false")


def _step(text: str) -> int:
    return int(re.search(r"step ([\d,]+)", text)[1].replace(",", ""))


def test_hidden_legend_entries_stay_hidden_over_ticks(page):
    losses = chart(page, "losses")
    entry = losses.get_by_role("button", name="ce", exact=True)
    entry.click()
    losses.get_by_role("button", name="mad", exact=True).click()
    wait_ticks(page, 5)
    assert entry.get_attribute("aria-pressed") == "false"
    box = plot_box(page, "losses")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    names = losses.locator(".tip .name")
    expect(names).to_have_text(["iou", "dice", "variance"])
    entry.click()
    page.mouse.move(box["x"] + box["width"] * 0.31, box["y"] + 40)
    expect(names).to_have_text(["ce", "iou", "dice", "variance"])
    losses.get_by_role("button", name="mad", exact=True).click()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    expect(losses.locator(".tip .value")).to_have_count(6)


def test_the_cursor_is_one_over_both_charts_and_reads_events(watch, page):
    box = plot_box(page, "losses")
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    tips = [chart(page, key).locator(".tip .at").first for key in ("losses", "weights")]
    for tip in tips:
        tip.wait_for()

    def is_one() -> bool:
        # Each shows its own nearest point of some 30,000 steps drawn with 1,000, and a tick may come between two looks.
        losses, weights = (_step(tip.inner_text()) for tip in tips)
        return abs(losses - weights) < 1_000

    watch.until(is_one, "one step in both charts")
    expect(chart(page, "weights").locator(".tip .value")).to_have_count(6)
    event = chart(page, "losses").locator(".tip .event")

    def told() -> list[str]:
        for share in range(1, 100):
            page.mouse.move(box["x"] + box["width"] * share / 100, box["y"] + 60)
            if found := event.all_inner_texts():
                return found
        return []  # the mark moves left as steps come in, and was passed by

    assert "Learning rate" in watch.until(told, "the mark under the pointer")[0]


def test_small_charts_have_one_size_one_legend_one_cursor_and_a_box_beside_them(watch, page):
    many = chart(page, "many")
    many.scroll_into_view_if_needed()
    assert many.locator(".panel-name").all_inner_texts() == ["variance", "mad", "bayesian"]
    assert many.locator(".legend button").all_inner_texts() == ["ce", "iou", "dice"]
    areas = [watch.standing(over) for over in many.locator(".u-over").all()]
    assert len({(round(area["width"]), round(area["height"])) for area in areas}) == 1
    page.mouse.move(areas[1]["x"] + areas[1]["width"] / 2, areas[1]["y"] + 10)
    table = many.locator(".tip table")
    expect(table.locator(".value")).to_have_count(9)
    assert table.locator("tr").first.inner_text().split("\t")[1:] == ["variance", "mad", "bayesian"]
    lines = [watch.standing(line)["x"] for line in many.locator(".u-cursor-x").all()]
    at = [round(line - area["x"]) for line, area in zip(lines, areas, strict=True)]
    assert max(at) - min(at) <= 1, "one cursor in all of them"
    assert not any(overlap(watch.standing(many.locator(".tip")), area) for area in areas)
    for count in (6, 9):
        many.locator(".legend").get_by_role("button", name="iou").click()
        page.mouse.move(areas[0]["x"] + areas[0]["width"] / 2, areas[0]["y"] + 10)
        expect(table.locator(".value")).to_have_count(count)


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("x", "width"), ("y", "height"))
    )


def test_the_box_at_the_cursor_covers_no_curve_wherever_the_chart_stands(watch, page):
    many = chart(page, "many")
    for width, height, block in ((1440, 900, "end"), (1440, 900, "start"), (390, 844, "center")):
        page.set_viewport_size({"width": width, "height": height})
        many.evaluate("(node, block) => node.scrollIntoView({ block })", block)
        overs = many.locator(".u-over")
        area = watch.standing(overs.first)
        page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
        tip = watch.standing(many.locator(".tip"))
        assert tip["y"] >= 0
        assert tip["y"] + tip["height"] <= height
        assert tip["x"] + tip["width"] <= width
        assert not any(overlap(tip, watch.standing(over)) for over in overs.all())


def test_any_chart_fills_the_screen_and_comes_back_by_escape(watch, page):
    many = chart(page, "many")
    before = watch.standing(many)
    for key in ("many", "losses"):  # one that stands still, one that goes on growing
        chart(page, key).get_by_role("button", name="Full screen", exact=True).click()
        page.wait_for_function("document.fullscreenElement !== null")
        watch.until(lambda key=key: chart(page, key).bounding_box()["height"] == 900, "the whole screen")
        if key == "losses":
            wait_ticks(page, 2)
            assert watch.standing(chart(page, key))["width"] == 1440
        expect(chart(page, key).get_by_role("button", name="Leave full screen")).to_be_visible()
        page.keyboard.press("Escape")
        page.wait_for_function("document.fullscreenElement === null")
    watch.until(lambda: watch.standing(many)["height"] == before["height"], "the chart as it was")


def test_a_chart_saves_itself_as_svg(page):
    for key, lines in (("many", 9), ("losses", 6)):
        with page.expect_download() as download:
            chart(page, key).get_by_role("button", name="Save as SVG").click()
        assert download.value.suggested_filename == f"{key}.svg"
        picture = ElementTree.parse(download.value.path()).getroot()
        tag = "{http://www.w3.org/2000/svg}"
        drawn = [path for group in picture.iter(f"{tag}g") if "clip-path" in group.attrib for path in group]
        assert len(drawn) == lines
        assert all(path.attrib["d"].startswith("M") and path.attrib["d"].count("L") > 100 for path in drawn)
        words = {text.text for text in picture.iter(f"{tag}text")}
        expected = {"Small multiples", "mad", "dice", "γ₀ 1 → 0.3"} if key == "many" else {"Losses", "dice · mad"}
        assert expected | {"Optimizer step"} <= words


def test_a_title_says_what_it_means_at_a_tap_and_where_to_read_more(watched, serve_script):
    seen = watched(serve_script(DEMO), viewport={"width": 390, "height": 844}, has_touch=True)
    weights = chart(seen.page, "weights")
    weights.locator("canvas").first.wait_for()
    weights.get_by_role("button", name="Weights", exact=True).tap()
    about = weights.locator(".about")
    expect(about).to_be_visible()
    box = seen.standing(about)
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    wait_ticks(seen.page, 2)
    expect(about).to_contain_text("How much each loss counts.")
    assert about.get_by_role("link").get_attribute("href") == "glossary#loss-weights-w1-w3"
    seen.page.touchscreen.tap(5, 840)
    expect(about).to_be_hidden()


def test_arrow_keys_read_values_and_escape_shows_everything(page):
    plot = chart(page, "still").locator(".plot")
    plot.focus()
    plot.press("Home")
    plot.press("ArrowRight")
    expect(chart(page, "still").locator(".tip")).to_contain_text("Time (s) 1")
    plot.press("+")
    expect(chart(page, "still")).to_have_attribute("data-zoomed", "true")
    plot.press("Escape")
    expect(chart(page, "still")).to_have_attribute("data-zoomed", "false")
    assert "Auxiliary weight γ by Time (s)" in plot.get_attribute("aria-label")


def test_a_chart_without_data_shows_its_note_and_none_changes_its_height(page):
    expect(chart(page, "waiting").locator(".empty")).to_contain_text("collecting 7 of 10 losses")
    expect(chart(page, "waiting")).to_have_attribute("data-points", "0")
    assert chart(page, "waiting").bounding_box()["height"] == 260
    assert chart(page, "losses").bounding_box()["height"] == 320
    # The engine beside each chart takes no room: the chart fills its container from the top.
    container = page.locator(".st-key-weights-chart").bounding_box()
    assert chart(page, "weights").bounding_box()["y"] == pytest.approx(container["y"], abs=1)


def test_a_chart_saves_itself_as_png(page):
    with page.expect_download() as download:
        chart(page, "losses").get_by_role("button", name="Save as PNG").click()
    assert download.value.suggested_filename == "losses.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_narrow_window_keeps_charts_within_it(page):
    page.set_viewport_size({"width": 390, "height": 844})
    wait_ticks(page, 3)
    for key in ("losses", "weights"):
        box = plot_box(page, key)
        assert box["x"] >= 0
        assert 200 < box["width"] < 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_charts_follow_a_change_of_theme_while_they_run(page):
    def corner() -> list[int]:
        return chart(page, "losses").evaluate(
            """root => { const c = root.querySelector('canvas');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            let brightest = 0, darkest = 765;
            for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200) {
              const s = d[i] + d[i + 1] + d[i + 2];
              brightest = Math.max(brightest, s); darkest = Math.min(darkest, s); }
            return [darkest, brightest]; }"""
        )

    light = corner()
    drag(page, "losses", 0.2, 0.6)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"({DARK})() === 'rgb(15, 20, 27)'")
    wait_ticks(page, 2)
    dark = corner()
    assert light[0] < 200  # dark text and lines on a light page
    assert dark[1] > 400  # and light ones on a dark page
    assert dark[0] > light[0]
    assert chart(page, "losses").get_attribute("data-zoomed") == "true"
    chart(page, "losses").locator(".plot").press("Escape")
    page.emulate_media(color_scheme="light")
