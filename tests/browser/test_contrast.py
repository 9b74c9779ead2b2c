"""Words can be read: a contrast of 4.5 at least, as WCAG calculates it, from the colours that the browser shows."""

import pytest

pytestmark = pytest.mark.browser

LEAST = 4.5
TOO_FAINT = """least => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith("color(") ? 255 : 1;
    return [...numbers.slice(0, 3).map((value) => value * scale), numbers[3] ?? 1];
  };
  const over = (front, back) => back.slice(0, 3).map((value, i) => front[i] * front[3] + value * (1 - front[3]));
  const light = (color) => color.map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const parent = (node) => node.parentElement ?? node.getRootNode().host ?? null;
  const lineage = (node) => (node ? [node, ...lineage(parent(node))] : []);
  const found = [];
  const look = (root) => root.querySelectorAll("*").forEach((node) => {
    if (node.shadowRoot) look(node.shadowRoot);
    const texts = [...node.childNodes].filter((each) => each.nodeType === 3);
    const words = texts.map((each) => each.textContent).join("").trim();
    const style = getComputedStyle(node);
    const opacity = lineage(node).reduce((product, each) => product * Number(getComputedStyle(each).opacity), 1);
    const isShown = node.checkVisibility({ visibilityProperty: true }) && style.clipPath === "none" && opacity > 0;
    const isOff = node.closest("[disabled], [aria-disabled=true]");
    const isOther = node instanceof SVGElement || /Material/.test(style.fontFamily) || node.closest("code, kbd");
    if (!words || !isShown || isOff || isOther) return;
    const layers = lineage(node).map((each) => parse(getComputedStyle(each).backgroundColor));
    const solid = layers.findIndex((layer) => layer[3] === 1);
    const back = layers.slice(0, solid + 1).reverse().reduce((color, layer) => over(layer, color), [255, 255, 255]);
    const color = parse(style.color);
    const front = over([...color.slice(0, 3), color[3] * opacity], back);
    const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least) found.push(`${contrast.toFixed(2)} ${words.slice(0, 60)}`);
  });
  look(document);
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_read_and_the_focus_is_seen(app_server, dashboard, watched, theme) -> None:
    seen = watched(color_scheme=theme)
    page, race = seen.page, dashboard.race("variance", "mad", "bayesian")
    for address, ready in (
        (f"train?experiment={race}", ".st-key-start button"),
        ("lab?methods=variance;mad;cov", '.live-chart[data-key="lab-method"] canvas'),
    ):
        page.goto(f"{app_server}/{address}")
        page.locator(ready).first.wait_for()
        seen.idle()
        seen.soon(lambda: not page.evaluate(TOO_FAINT, LEAST), 20)  # what fades in
        assert page.evaluate(TOO_FAINT, LEAST) == []
    segment = page.locator(".st-key-lab-view").get_by_role("radio").first
    segment.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    outline = "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; }"
    seen.until(lambda: page.evaluate(outline) == ["solid", "2px"], "the outline of what has the focus")
