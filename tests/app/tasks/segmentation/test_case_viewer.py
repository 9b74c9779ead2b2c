"""What the viewer of a case sends to the browser, and what it makes of the answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.tasks.segmentation.case_viewer import ANY_CLASS, Panel, Settled, pack, settled

HEADER = {"case": "a", "classes": ["lesion"]}
IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)
TRUTH = np.array([[0, 1], [1, 1]], np.uint8)


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The reader in case_viewer_pixels.js, in Python."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    body = message[4 + length :]
    return header, [body[start : start + count] for start, count in header["columns"]]


def test_pixels_arrive_as_they_were_sent() -> None:
    maps = np.array([[[7, 8], [9, 255]]], np.uint8)
    header, columns = unpack(pack(HEADER, IMAGE, TRUTH, [Panel("r", "MAD", probabilities=maps, truth=TRUTH)]))
    image = header["image"]
    assert (image["width"], image["height"], image["channels"]) == (4, 3, 1)
    assert columns[image["column"]] == IMAGE.tobytes()
    (panel,) = header["panels"]
    assert (panel["kind"], columns[panel["column"]]) == ("probability", maps.tobytes())
    grid = header["grids"][panel["grid"]]
    assert (grid["width"], grid["height"], grid["window"]) == (2, 2, [0, 0, 2, 2])
    assert columns[grid["truth"]] == TRUTH.tobytes()


def test_what_is_alike_is_sent_once() -> None:
    panels = [Panel(id, id, labels=TRUTH, truth=TRUTH) for id in "ab"]
    header, columns = unpack(pack(HEADER, IMAGE, TRUTH, panels))
    assert len(columns) == 2  # the image, and the truth, which both predictions equal
    assert len(header["grids"]) == 1


def test_runs_of_different_sizes_have_grids_of_their_own() -> None:
    small = Panel("a", "a", labels=TRUTH, truth=TRUTH)
    large = Panel("b", "b", labels=np.zeros((4, 4), np.uint8), window=(0, 1, 4, 2))
    header, _ = unpack(pack(HEADER, IMAGE, TRUTH, [small, large]))
    grids = [header["grids"][panel["grid"]] for panel in header["panels"]]
    assert [(grid["width"], grid["window"], grid["truth"] is None) for grid in grids] == [
        (2, [0, 0, 2, 2], False),
        (4, [0, 1, 4, 2], True),
    ]


def test_epochs_travel_as_one_bit_per_class_and_pixel() -> None:
    later = np.array([[0, 2], [1, 0]], np.uint8)
    panel = Panel("r", "MAD", epochs={5: later, 0: TRUTH})
    header, columns = unpack(pack({"classes": ["one", "two"]}, IMAGE, None, [panel]))
    assert header["epochs"] == [0, 5]
    (row,) = header["panels"]
    bits = {epoch: np.unpackbits(np.frombuffer(columns[at], np.uint8)).tolist() for epoch, at in row["frames"]}
    assert bits == {0: [0, 1, 1, 1, 0, 0, 0, 0], 5: [0, 0, 1, 0, 0, 1, 0, 0]}  # class one, then class two


def test_a_panel_without_a_prediction_says_why() -> None:
    header, _ = unpack(pack(HEADER, IMAGE, None, [Panel("r", "MAD", note="not kept")]))
    assert header["truth"] is None
    assert header["panels"] == [{"id": "r", "name": "MAD", "note": "not kept", "kind": "none"}]


@pytest.mark.parametrize(
    "panel",
    [
        Panel("r", "MAD", probabilities=np.zeros((2, 2, 2), np.uint8)),  # two classes, one is named
        Panel("r", "MAD", labels=np.zeros((2, 2), np.int64)),
        Panel("r", "MAD", labels=np.zeros((2, 2), np.uint8), truth=np.zeros((3, 3), np.uint8)),
    ],
)
def test_pixels_of_another_shape_are_refused(panel: Panel) -> None:
    with pytest.raises(ValueError, match="must be uint8 of shape"):
        pack(HEADER, IMAGE, None, [panel])


def test_an_image_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must have shape \(H, W\) or \(H, W, 3\)"):
        pack(HEADER, np.zeros((2, 2, 4), np.uint8), None, [])


@pytest.mark.parametrize("state", [None, {}, {"threshold": "x", "classIndex": 0}, [1]])
def test_an_answer_that_makes_no_sense_changes_nothing(state: Any) -> None:
    assert settled(state) == Settled(0.5, ANY_CLASS)


def test_an_answer_is_kept_within_its_range() -> None:
    assert settled({"threshold": 7, "classIndex": -5}) == Settled(1.0, ANY_CLASS)
    assert settled({"threshold": 0.25, "classIndex": 1}) == Settled(0.25, 1)


def test_a_page_that_holds_one_runs_without_a_browser(tmp_path: Path) -> None:
    def script() -> None:
        import numpy as np

        from app.tasks.segmentation.case_viewer import Panel, case_viewer, case_viewer_engine

        case_viewer_engine()
        image = np.zeros((8, 8), np.uint8)
        panel = Panel("r", "MAD", labels=image, truth=image)
        print(case_viewer("a", image, image, [panel], key="viewer", classes=["lesion"]))

    test = AppTest.from_function(script, default_timeout=30).run()
    assert not test.exception
