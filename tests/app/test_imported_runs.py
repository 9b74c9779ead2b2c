"""Predictions made elsewhere on every page, though nothing was trained."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dmf.importing import import_predictions
from dmf.runs import ExperimentRow, RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExperimentRow:
    """Three images, a model that finds all and one that finds nothing; in the store that the pages open."""
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:30] = 255
    for place in ("images", "masks", "predictions/perfect", "predictions/blind"):
        (tmp_path / "mine" / place).mkdir(parents=True)
        for number in range(3):
            content = cv2.imencode(".png", mask * (not place.endswith("blind")))[1].tobytes()
            (tmp_path / "mine" / place / f"a{number}.png").write_bytes(content)
    store = RunStore()
    return store.experiment(import_predictions(store, tmp_path / "mine"))


def every_html(test: AppTest) -> str:
    return " ".join(element.value for element in test.main.get("html"))


def test_the_train_page_says_where_they_come_from(imported: ExperimentRow, visit: Any) -> None:
    said = every_html(visit("train", experiment=imported.id))
    assert "predictions made elsewhere, read in place" in said
    assert "Test, 3 images" in said


def test_they_are_on_home_and_on_compare(imported: ExperimentRow, visit: Any) -> None:
    assert "folder" in every_html(visit("home"))
    visit("compare", runs=imported.runs[0].id)


def test_nothing_offers_to_train_them(imported: ExperimentRow, visit: Any) -> None:
    test = visit("train", experiment=imported.id)
    steering = [button for button in test.button if button.label in ("Resume", "Stop", "Pause", "Apply")]
    assert all(button.disabled for button in steering)
