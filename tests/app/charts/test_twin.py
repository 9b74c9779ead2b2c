"""A live chart as a figure to be saved."""

from types import SimpleNamespace

import numpy as np

from app.charts.twin import page, twin


def line(name: str, band_to: str = "", dash: tuple[int, ...] = ()) -> SimpleNamespace:
    color = ("#111111", "#eeeeee")
    return SimpleNamespace(
        name=name, x=np.arange(3), y=np.array([1.0, np.nan, 2.0]), color=color, dash=dash, width=2, band_to=band_to
    )


def test_lines_keep_their_numbers_colours_and_dashes() -> None:
    figure = twin([line("A", dash=(8, 4))], title="T", x_label="Step", y_label="Loss", log_y=True)
    (trace,) = figure.data
    assert (trace.line.color, trace.line.dash) == ("#111111", "8px,4px")
    np.testing.assert_array_equal(trace.y, [1.0, np.nan, 2.0])
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.type) == ("Step", "log")


def test_a_band_is_shaded_down_to_its_lower_end() -> None:
    figure = twin([line("A"), line("A, low"), line("A, high", "A, low")], title="T", x_label="Step", y_label="Loss")
    assert [trace.fill for trace in figure.data] == [None, None, "tonexty"]
    assert [trace.showlegend for trace in figure.data] == [True, False, False]


def test_a_single_point_is_seen() -> None:
    one = line("A")
    one.x, one.y = one.x[:1], one.y[:1]
    assert [trace.mode for trace in twin([one, line("B")], title="T", x_label="Step", y_label="Loss").data] == [
        "markers",
        "lines",
    ]


def test_without_lines_the_figure_is_empty() -> None:
    assert len(twin([], title="T", x_label="Step", y_label="Loss").data) == 0


def test_a_page_stands_alone_and_shows_names_as_they_are_typed() -> None:
    text = page("A <b>", ["<p>said</p>", twin([line("A")], title="T", x_label="Step", y_label="Loss")])
    assert "<title>A &lt;b&gt;</title>" in text
    assert "<p>said</p>" in text
    assert "plotly.js v" in text
    assert 'src="http' not in text
    assert text.count("Plotly.newPlot(") >= 1
