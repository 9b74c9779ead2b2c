"""Class imbalance in a real browser: network, attention and growing images, the jump, a rare class, where it looks."""

from collections.abc import Callable
from typing import Any

import pytest

from dmf.records import RunState
from dmf.runs import RunStore

pytestmark = pytest.mark.browser

FIELDS = {
    "Use only the first cases": 40,
    "Image size": 32,
    "Growing image sizes": "16,32",
    "Filters": 4,
    "Batch size": 4,
    "Epochs": 4,
    "CPU threads": 1,
}


def test_choose_network_attention_and_sizes_see_the_jump_and_what_is_found_of_a_rare_class(
    app_server: str, store: RunStore, watched: Callable[..., Any], choose: Callable[[Any, str], None]
) -> None:
    seen = watched(f"{app_server}/train")
    page, until = seen.page, seen.until
    page.get_by_role("button", name="Start training").wait_for()
    choose(page.get_by_role("combobox", name="Dataset", exact=True), "phantom 4")
    seen.unfold()
    choose(page.get_by_role("combobox", name="Model", exact=True), "segnet")
    choose(page.get_by_role("combobox", name="Attention", exact=True), "gate")
    seen.fill_in((), FIELDS)
    seen.press("Start training")
    until(lambda: "experiment=e-" in page.evaluate("location.search"), "the experiment in the address")
    experiment = store.experiment(seen.experiment)
    assert experiment.config["model"] | {"model": "segnet", "attention": "gate"} == experiment.config["model"]
    assert experiment.config["data"]["sizes"] == [16, 32]
    ids = [run.id for run in experiment.runs]
    until(lambda: all(run.state is RunState.FINISHED for run in store.experiment(seen.experiment).runs), "the end", 300)
    jumps = [event for event in store.events(ids) if event.kind == "size"]
    assert [(event.run, event.step, event.data["value"]) for event in jumps] == [(id, 14, 32) for id in ids]

    bar = page.locator(".st-key-imbalance")
    for address in ("", f"{app_server}/compare?runs={','.join(ids)}"):
        if address:
            page.goto(address)
        bar.get_by_text("Class imbalance").click()
        bar.get_by_role("table", name="Recall by size").wait_for()
        until(lambda: bar.locator("canvas, svg.marks").count() >= 2, "both charts")
        bar.get_by_text("Average precision:").wait_for()
    page.goto(f"{app_server}/inspect?runs={','.join(ids)}")
    page.get_by_role("tab", name="Attention").click()
    shown = page.locator(".gallery.attention")
    until(lambda: shown.count() == len(ids), "a row of pictures for each run")
    places = [figure.get_attribute("alt") for figure in shown.first.get_by_role("img", name="Attention of").all()]
    grids = [str(place).partition(" at ")[2] for place in places]
    assert grids == [f"attention.{number} ({side} × {side})" for number, side in enumerate((4, 8, 16, 32))]
    shares = page.locator(".st-key-attention-shares")
    until(lambda: shares.locator("canvas, svg.marks").count() == 1, "the share of attention on the lesion")
    assert page.get_by_test_id("stException").count() == 0
