"""Takes the pictures of README and docs from the real app in real Chromium: ``make screenshots``.

Not collected by ``make test``; run by name, so that it shares the browser and server of the tests.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dmf.examples import add_examples
from dmf.examples.make import STEM
from dmf.runs import RunStore

IMAGES = Path(__file__).parents[2] / "docs" / "images"
EPOCHS = 4
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 240_000  # ms


@pytest.mark.browser
def test_take_pictures(browser, app_server: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)

    def take(name: str, url: str, ready: str, *, viewport=WIDE, scheme="light", tab: str | None = None) -> None:
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        page.goto(url)
        page.locator(ready).first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(4000)
        if tab:
            page.get_by_role("tab", name=tab, exact=True).click()
            page.get_by_role("tab", name=tab, exact=True).scroll_into_view_if_needed()
            page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"{name}.png")
        context.close()

    race = train(browser, app_server)
    take("train-light", race, ".st-key-strip img")
    take("train-dark", race, ".st-key-strip img", scheme="dark")
    take("samples-light", race, ".st-key-strip img", tab="All predictions")
    take("train-phone", race, ".st-key-strip img", viewport=PHONE)
    for scheme in ("light", "dark"):
        take(f"home-{scheme}", app_server, ".st-key-recent img", scheme=scheme)
        take(f"datasets-{scheme}", f"{app_server}/datasets", "h1", scheme=scheme)


def train(browser, server: str) -> str:
    """A finished race of the default methods with one setting changed on the way; returns its link."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    page = context.new_page()
    page.goto(server)
    page.get_by_role("link", name="Train").click()
    page.locator(".st-key-size-and-length summary").click(timeout=PATIENCE)
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.wait_for(timeout=PATIENCE)
    epochs.fill(str(EPOCHS))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Edit run 3").scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / "form-light.png", clip={"x": 0, "y": 0, "width": 345, "height": 900})
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile("experiment="), timeout=PATIENCE)
    status = page.locator(".st-key-run-status")
    status.get_by_text(re.compile(r"epoch [12]\.")).wait_for(timeout=300_000)
    page.get_by_label("New γ₀", exact=True).fill("2")
    page.get_by_role("button", name="Apply").click()
    status.get_by_text("took").wait_for(timeout=600_000)  # all runs are over
    url = page.url
    context.close()
    return url


@pytest.mark.browser
def test_take_pictures_of_inspect(browser, app_server: str, dashboard) -> None:
    """The page Inspect with two runs, one image of middling Dice large, its errors in colours."""
    store = dashboard.store
    environment = {**os.environ, "DMF_HOME": str(dashboard.home), "DMF_STORE": str(store.url)}
    options = ["--image-size", "64", "--epochs", "8", "--device", "cpu", "--run", "variance", "--run", "mad"]
    subprocess.run([sys.executable, "-m", "dmf", "train", "--json", *options], env=environment, check=True)
    runs = ",".join(run.id for run in store.runs())
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1440, "height": 1500}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{app_server}/inspect?runs={runs}")
        viewer = page.locator(".st-key-case-viewer .case-viewer")
        viewer.locator("canvas").first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(1500)
        page.locator(".cases button").nth(6).click()
        page.wait_for_timeout(1500)
        viewer.get_by_role("button", name="Errors", exact=True).click()
        page.locator("h1").scroll_into_view_if_needed()
        page.mouse.move(5, 700)
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"inspect-{scheme}.png")
        context.close()


@pytest.mark.browser
def test_take_pictures_of_compare(browser, app_server: str, store: RunStore) -> None:
    """The page Compare with the four example runs: charts, what differs, results; the picker scrolled away."""
    add_examples(store)
    ids = ",".join(f"r-{STEM}-{place:02d}" for place in range(1, 5))
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1440, "height": 1500}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{app_server}/compare?runs={ids}&show=Weights&show=Losses&smooth=0.8")
        page.locator('.live-chart[data-key="compared-loss-step"] canvas').first.wait_for(timeout=PATIENCE)
        page.locator(".st-key-run-editor").wait_for(timeout=PATIENCE)
        page.wait_for_timeout(3000)
        page.screenshot(path=IMAGES / f"compare-{scheme}.png")
        context.close()


@pytest.mark.browser
def test_take_pictures_of_the_lab(browser, app_server: str) -> None:
    """The page Weighting lab: three drawn losses under three methods, before and after a spike."""
    query = urlencode(
        {
            "methods": "variance;mad;bayesian,rho=0.5",
            "synthetic": '{"steps":600}',
            "changes": '[{"kind":"spike","loss":0,"step":300,"length":1,"size":10}]',
            "view": "method",
        }
    )
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1440, "height": 1100}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{app_server}/lab?{query}")
        page.locator('.live-chart[data-key="lab-method"] canvas').first.wait_for(timeout=PATIENCE)
        page.wait_for_timeout(3000)
        page.screenshot(path=IMAGES / f"lab-{scheme}.png")
        context.close()


@pytest.mark.browser
def test_take_pictures_of_the_tour(browser, app_server: str) -> None:
    """A scene on a projector, as it ends."""
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{app_server}/tour?scene=2")
        page.get_by_role("button", name="Play again").wait_for(timeout=PATIENCE)
        page.wait_for_timeout(2000)
        page.screenshot(path=IMAGES / f"tour-{scheme}.png")
        context.close()


@pytest.mark.browser
def test_take_pictures_of_synthesis(browser, app_server: str, dashboard) -> None:
    """Image synthesis on Train: source, target, and what two runs make of it, with differences in colours."""
    store = dashboard.store
    environment = {**os.environ, "DMF_HOME": str(dashboard.home), "DMF_STORE": str(store.url)}
    options = ["--task", "synthesis", "--terms", "l2:ssim", "--image-size", "64", "--filters", "8", "--limit", "120"]
    options += ["--epochs", "8", "--lr", "0.002", "--threads", "1", "--run", "fixed,weights=1:0", "--run", "cov"]
    subprocess.run([sys.executable, "-m", "dmf", "train", "--json", *options], env=environment, check=True)
    experiment = next(one for one in store.experiments() if one.task == "synthesis")
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    page = context.new_page()
    page.goto(f"{app_server}/train?experiment={experiment.id}")
    page.get_by_role("tab", name="All predictions", exact=True).click(timeout=PATIENCE)
    page.locator(".st-key-samples .colour-bar").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Start training").wait_for(timeout=PATIENCE)
    page.locator(".st-key-samples").scroll_into_view_if_needed()
    page.wait_for_timeout(3000)
    page.screenshot(path=IMAGES / "synthesis-light.png")
    context.close()
