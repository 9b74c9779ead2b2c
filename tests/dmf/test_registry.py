import pytest

from dmf.errors import UnknownNameError
from dmf.registry import Registry, unknown

SHAPES: Registry[str] = Registry("shape", {"square": lambda side: f"square of {side}", "circle": lambda: "circle"})


def test_names_come_in_the_order_they_are_written() -> None:
    assert list(SHAPES) == ["square", "circle"]
    assert len(SHAPES) == 2


def test_build_passes_options_on() -> None:
    assert SHAPES.build("square", 3) == "square of 3"
    assert SHAPES.build("square", side=4) == "square of 4"
    assert SHAPES["circle"]() == "circle"


def test_asking_whether_a_name_is_known_raises_nothing() -> None:
    assert "circle" in SHAPES
    assert "cube" not in SHAPES


def test_an_unknown_name_is_refused_with_the_choices_and_the_closest() -> None:
    with pytest.raises(
        UnknownNameError, match=r"^Unknown shape 'circel'\. Choose one of: square, circle\. Did you mean"
    ):
        SHAPES.build("circel")
    with pytest.raises(UnknownNameError, match=r"^Unknown shape 'x'\. Choose one of: square, circle\.$"):
        SHAPES["x"]


def test_the_members_are_a_copy() -> None:
    members = {"one": int}
    registry = Registry("number", members)
    members["two"] = int
    assert list(registry) == ["one"]


def test_a_name_that_is_not_text_can_be_unknown_too() -> None:
    assert unknown("shape", 3, {"square": 0}) == "Unknown shape 3. Choose one of: square."


def test_a_member_is_taken_in_after_the_others_and_once() -> None:
    shapes: Registry[str] = Registry("shape", {"square": lambda: "square"})
    shapes.add("circle", lambda: "round")
    assert list(shapes) == ["square", "circle"]
    assert shapes.build("circle") == "round"
    with pytest.raises(ValueError, match=r"^There is a shape 'circle' already\.$"):
        shapes.add("circle", lambda: "rounder")
