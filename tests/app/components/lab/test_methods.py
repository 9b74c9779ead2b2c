"""What methods are called on the lab."""

from app.components.lab.methods import explained, titles_of
from app.components.lab.setup import from_query


def test_the_second_of_a_kind_is_numbered() -> None:
    assert titles_of({4: "mad", 2: "cov", 7: "mad"}) == {4: "MAD", 2: "CoV", 7: "MAD 2"}


def test_what_explains_a_run_opens_the_lab_with_its_method_first() -> None:
    query = explained("r-1", "mad")
    setup = from_query(query)
    assert (setup.run, setup.rows[0].text, query["explain"]) == ("r-1", "mad", "MAD")


def test_a_method_of_another_program_is_left_to_the_reader() -> None:
    assert explained("r-1", "mine; all mine") == {"run": "r-1"}
