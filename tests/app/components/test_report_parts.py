"""What the page of a comparison holds behind its charts; what people wrote stays text."""

import base64
import re

import numpy as np
import pandas as pd
import pytest

from app.access import compared_runs, inspected_runs, last_samples
from app.charts.overlay import decode
from app.components.report_parts import notes_html, pictures_html, settings_html
from app.tasks import pages_of
from dmf.runs import RunStore


@pytest.fixture
def race(trained_runs: dict[str, list[str]]) -> list[str]:
    return trained_runs["race"]


def test_pictures_are_the_last_that_were_kept_of_each_run(store: RunStore, race: list[str]) -> None:
    runs, _ = inspected_runs(race)
    cases = last_samples(runs, 2)
    kept = store.samples(runs[0].experiment.id)
    assert [case.case for case in cases] == list(dict.fromkeys(row.case for row in kept))[:2]
    newest = max(row.epoch for row in kept)
    assert {epoch for case in cases for _, _, epoch in case.predictions.values()} == {newest}
    titles = dict(zip(race, ("one <b>", "two"), strict=True))
    text = pictures_html(cases, titles, pages_of("segmentation").samples)
    assert text.count("<figure>") == 2 * (2 + 2)
    assert f"one &lt;b&gt;, epoch {newest}: " in text
    assert "one <b>" not in text
    picture = base64.b64decode(re.findall('base64,([^"]+)', text)[0])
    np.testing.assert_array_equal(decode(picture), decode(cases[0].image))
    assert "missed (FN)" in text, "what the colours mean"


def test_without_pictures_it_says_so() -> None:
    assert "No pictures were kept" in pictures_html([], {}, pages_of("segmentation").samples)


def test_notes_and_tags_of_runs_and_images_are_told_as_they_were_written(store: RunStore, race: list[str]) -> None:
    store.update_run(race[0], tags=["a<i>"], notes="look <script>alert(1)</script>")
    runs, _ = compared_runs(race)
    titles = dict(zip(race, ("one", "two"), strict=True))
    text = notes_html(runs, titles, pd.DataFrame({"Image": ["c<1>"], "Tags": ["motion"]}))
    assert "look &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "a&lt;i&gt;" in text
    assert "c&lt;1&gt;" in text
    assert "<script>" not in text
    assert "Tagged images" not in notes_html(runs, titles, pd.DataFrame(columns=["Image", "Tags"]))


def test_every_setting_of_every_run_is_there() -> None:
    settings = {"r-1": {"training.seed": 3, "data.root": "<a>"}, "r-2": {"training.seed": 4}}
    text = settings_html(settings, {"r-1": "one", "r-2": "two"})
    assert "<code>training.seed</code></td><td>3</td><td>4</td>" in text
    assert "<code>data.root</code></td><td>&lt;a&gt;</td><td>–</td>" in text
