"""What the browser says of its controls."""

import pytest

from app.components.lab.controls import received


def test_a_message_is_taken_as_far_as_it_makes_sense() -> None:
    sent = {"values": {"number": 3, "values": {"rho": 0.5}, "settled": True}}
    assert received(sent) == {"number": 3, "values": {"rho": 0.5}, "settled": True}


@pytest.mark.parametrize("state", [None, {}, {"values": None}, {"values": "x"}, {"values": {"values": [1]}}])
def test_anything_else_is_no_message(state: object) -> None:
    assert received(state) is None
