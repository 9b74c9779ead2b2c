"""Which room of pages a task has."""

import pytest

from app.components.sample_view import SampleView
from app.tasks import ROOMS, TaskPages, pages_of
from dmf.tasks import TASKS, Segmentation


@pytest.mark.parametrize("task", list(ROOMS))
def test_a_task_has_its_own_room(task: str) -> None:
    assert pages_of(task) is ROOMS[task]


def test_a_task_that_refines_another_has_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finer(Segmentation):
        name = "finer"

    monkeypatch.setitem(TASKS._members, "finer", Finer)
    assert pages_of("finer") is ROOMS["segmentation"]


def test_a_task_that_nobody_knows_has_what_serves_all() -> None:
    pages = pages_of("of a plug-in that is not loaded")
    assert type(pages) is TaskPages
    assert type(pages.samples) is SampleView


def test_pictures_are_drawn_as_they_were_kept_where_the_task_says_nothing_else() -> None:
    view = SampleView()
    assert view.legend({}, view.strength) == ""
    assert view.truth(b"image", b"truth", {}, 1.0) == b"truth"
    assert view.prediction(b"image", b"truth", b"prediction", {}, 1.0) == (b"prediction",)
    assert len(view.parts) == 1
