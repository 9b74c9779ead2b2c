"""What methods are called on the lab."""

from app.components.lab.methods import titles_of


def test_the_second_of_a_kind_is_numbered() -> None:
    assert titles_of({4: "mad", 2: "cov", 7: "mad"}) == {4: "MAD", 2: "CoV", 7: "MAD 2"}
