"""What the lab is set to, and the address that leads back to it."""

from dataclasses import replace

import pytest

from app.components.lab.setup import MOST_METHODS, Setup, first_setup, from_query, to_query
from dmf.errors import ConfigError


def test_a_setup_comes_back_from_its_address() -> None:
    setup = Setup(synthetic={"steps": 50}, perturbations=({"kind": "cut", "loss": 1},), view="difference")
    setup = setup.with_methods("mad", "mad,history_max=20")
    setup = replace(setup, against=2)
    assert from_query(to_query(setup)) == setup


def test_a_run_comes_back_from_its_address() -> None:
    setup = Setup(source="run", run="r-1", synthetic={}, recorded=False, as_it_was=True).with_methods("cov")
    assert from_query(to_query(setup)) == setup


def test_of_an_upload_the_address_only_says_that_there_was_one() -> None:
    assert to_query(Setup(source="upload", synthetic={}).with_methods("mad")) == {"methods": "mad", "source": "upload"}


def test_an_empty_address_is_a_first_visit() -> None:
    assert from_query({}) == first_setup()


@pytest.mark.parametrize(
    "query",
    [
        {"methods": "mad,nothing=1"},
        {"methods": "mad,rho"},
        {"run": "../secret"},
        {"synthetic": "{"},
        {"synthetic": "[]"},
        {"changes": "{}"},
        {"changes": '["spike"]'},
        {"changes": '[{"step":"x"}]'},
        {"changes": '[{"kind":5}]'},
        {"changes": '[{"size":NaN}]'},
        {"synthetic": '{"losses":5}'},
        {"synthetic": '{"losses":[5]}'},
        {"synthetic": '{"losses":[{"start":"high"}]}'},
        {"synthetic": '{"steps":true}'},
    ],
)
def test_an_address_that_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        from_query(query)


def test_a_duplicate_comes_below_its_row_and_has_an_id_of_its_own() -> None:
    setup = Setup().with_methods("a", "b").with_methods("a", after=1)
    assert [(row.id, row.text) for row in setup.rows] == [(1, "a"), (3, "a"), (2, "b")]


def test_the_last_method_stays_and_there_are_not_more_than_can_be_told_apart() -> None:
    one = Setup().with_methods("a")
    assert one.without(1) == one
    assert len(one.with_methods(*["b"] * 99).rows) == MOST_METHODS


def test_differences_to_a_method_that_is_removed_are_taken_to_the_first() -> None:
    setup = replace(Setup().with_methods("a", "b"), against=2)
    assert setup.without(2).against is None
    assert setup.without(1).against == 2
