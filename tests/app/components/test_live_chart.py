"""What the live chart sends to the browser, and that a page holding one runs without a browser."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components import live_chart as module
from app.components.browser_script import joined_script
from app.components.live_chart import Mark, Series, live_chart, pack


def unpack(message: bytes) -> tuple[dict, list[np.ndarray]]:
    """The reader in browser/live_chart/lines.js, in Python."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length])
    body = message[4 + length :]
    return header, [
        np.frombuffer(body, dtype="<f8" if size == 8 else "<f4", count=count, offset=offset)
        for size, offset, count in header["columns"]
    ]


def test_values_arrive_as_they_were_sent():
    x = np.array([0, 5, 2**24], dtype=np.int64)
    y = np.array([0.5, np.nan, -np.inf])
    header, columns = unpack(pack({"key": "k"}, [Series("a", x, y, "#123456", dash=(4, 2), run="r")]))
    (line,) = header["series"]
    np.testing.assert_array_equal(columns[line["x"]], x)
    np.testing.assert_array_equal(columns[line["y"]], y.astype(np.float32))
    assert header["key"] == "k"
    assert (line["color"], line["dash"], line["run"], line["term"]) == (["#123456"] * 2, [4, 2], "r", "a")


def test_large_x_keeps_its_precision():
    x = np.array([1_780_000_000.25, 1_780_000_000.5])  # Unix times, beyond float32
    lines = [
        Series("short", np.arange(3), np.arange(3), "#000000"),
        Series("time", x, np.array([1.0, 2.0]), "#000000"),
    ]
    header, columns = unpack(pack({}, lines))
    sent = columns[header["series"][1]["x"]]
    assert sent.dtype == np.float64
    np.testing.assert_array_equal(sent, x)
    assert all(offset % size == 0 for size, offset, _ in header["columns"])  # as typed arrays in the browser demand
    assert (4 + int.from_bytes(pack({}, lines)[:4], "little")) % 8 == 0


def test_six_lines_of_a_thousand_points_fit_the_budget():
    rng = np.random.default_rng(0)
    lines = [
        Series(f"s{i}", np.sort(rng.choice(10**6, 1000, replace=False)), rng.normal(size=1000), "#000000")
        for i in range(6)
    ]
    # 6 x 1,000 x 2 x 4 bytes = 48,000 and a header.
    assert 48_000 < len(pack({}, lines)) < 50_000


def test_a_common_x_is_sent_once():
    x = np.arange(1000)
    header, columns = unpack(pack({}, [Series(n, x.copy(), x, "#000000") for n in "abc"]))
    assert len(columns) == 4
    assert len({line["x"] for line in header["series"]}) == 1


def test_no_lines_make_a_message_too():
    header, columns = unpack(pack({"note": "collecting"}, []))
    assert (header["series"], columns) == ([], [])


@pytest.mark.parametrize(
    ("x", "y", "color", "message"),
    [
        ([1, 2], [1], "#000000", r"'a': `x` and `y` must have one shape"),
        ([[1]], [[1]], "#000000", r"one shape \(N,\), got \(1, 1\)"),
        ([2, 1], [1, 1], "#000000", "must be finite and ascending"),
        ([1, np.nan], [1, 1], "#000000", "must be finite and ascending"),
        ([1], [1], "red", "`color` must be #rrggbb, got 'red'"),
        ([1], [1], ("#000000", "url(x)"), "`color` must be #rrggbb"),
    ],
)
def test_a_series_that_cannot_be_drawn_is_refused(x, y, color, message):
    with pytest.raises(ValueError, match=message):
        Series("a", np.array(x), np.array(y), color)


def test_charts_that_cannot_be_drawn_are_refused():
    line = Series("a", np.arange(2), np.arange(2), "#000000")
    labels = {"x_label": "Optimizer step", "y_label": "Loss"}
    with pytest.raises(ValueError, match="`key` must not be empty"):
        live_chart([line], key="", **labels)
    with pytest.raises(ValueError, match="Series names must be unique"):
        live_chart([line, line], key="k", **labels)
    with pytest.raises(ValueError, match="low < high"):
        live_chart([line], key="k", y_range=(1, 1), **labels)


def test_scripts_cannot_be_taken_for_paths():
    # Streamlit reads a string as inline content only where a line break stands inside it.
    assert "\n" in joined_script(Path(module.__file__).parent / "live_chart.js").strip()


def test_uplot_is_the_stated_version_with_its_licence():
    folder = Path(module.__file__).parent / "vendor" / "uplot"
    script = (folder / "uPlot.iife.min.js").read_text("utf-8")
    assert "(v1.6.32)" in script[:80]
    assert "var uPlot=" in script[:100]
    assert "uPlot 1.6.32" in (folder / "README.md").read_text("utf-8")
    assert "MIT" in (folder / "LICENSE").read_text("utf-8")


def script() -> None:
    import numpy as np
    import streamlit as st

    from app.components.live_chart import Mark, Series, chart_engine, live_chart

    chart_engine()
    zoom = live_chart(
        [Series("ce", np.arange(3), np.array([1.0, np.nan, 0.5]), ("#4a64e7", "#6397ee"))],
        key="losses",
        x_label="Optimizer step",
        y_label="Loss",
        marks=[Mark(1, "Paused")],
    )
    st.text(f"zoom {zoom}")


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_page_with_a_chart_runs_without_a_browser(attempt):
    # Twice: every AppTest brings its own runtime, while the module was imported once.
    app = AppTest.from_function(script).run()
    assert not app.exception
    assert app.text[0].value == "zoom None"
    assert not app.run().exception


def test_a_mark_is_neutral_unless_told_otherwise():
    assert Mark(3, "Paused").kind == "state"
