import numpy as np

from app.charts.explained import Panel, window_chart

STEPS = np.arange(10, 15)
VALUES = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
LOOK = {"color": "#4a64e7", "text": "#1b2430", "page": "#ffffff"}


def chart(*panels: Panel, step: int = 14, leaving: tuple[int, ...] = (0,)):
    return window_chart(STEPS, panels, step=step, leaving=np.isin(np.arange(5), leaving), **LOOK)


def test_a_panel_has_its_line_the_values_that_leave_and_the_step() -> None:
    line, leaving, here = chart(Panel("Loss", VALUES)).data
    assert (list(line.x), list(line.y)) == (STEPS.tolist(), VALUES.tolist())
    assert (list(leaving.x), list(leaving.y)) == ([10], [5])
    assert (list(here.x), list(here.y)) == ([14], [1])


def test_a_step_that_never_entered_has_no_dot() -> None:
    assert not len(chart(Panel("Loss", VALUES), step=20).data[2].x)


def test_panels_share_the_steps_and_a_shorter_one_ends_with_them() -> None:
    figure = chart(Panel("Loss", VALUES), Panel("Scaled", VALUES[-2:]), leaving=(0, 3))
    assert list(figure.data[3].x) == [13, 14]
    assert list(figure.data[4].x) == [13]
    assert figure.layout.xaxis.matches == "x2"
    assert [figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text] == ["Loss", "Scaled"]
    assert figure.layout.xaxis2.title.text == "Step"


def test_a_level_is_a_line_with_its_name_and_a_band_is_shaded() -> None:
    figure = chart(Panel("Loss", VALUES), Panel("Scaled", VALUES, {"median h": 3.0}, (2.0, 4.0)))
    band, level = figure.layout.shapes
    assert (band.y0, band.y1, band.yref) == (2, 4, "y2")
    assert (level.y0, level.y1) == (3, 3)
    assert figure.layout.annotations[0].text == "median h 3"


def test_a_window_of_one_step_has_one_mark_on_its_axis() -> None:
    figure = window_chart(STEPS[:1] * 0, [Panel("Loss", VALUES[:1])], step=0, leaving=np.zeros(1, dtype=bool), **LOOK)
    assert (figure.layout.xaxis.dtick, figure.layout.xaxis.tick0, figure.layout.xaxis.range) == (1, 0, (-0.5, 0.5))
