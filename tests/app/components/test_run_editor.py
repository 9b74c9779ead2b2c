"""Runs are renamed, tagged, noted, archived and deleted; what is refused is told."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dmf.errors import ConfigError


def script() -> None:
    import streamlit as st

    from app.components.run_editor import run_editor

    said: Any = st.session_state
    run_editor(said.rows, {run.id: run.run.label for run in said.rows}, said.describe, said.delete)


@pytest.fixture
def done() -> list[Any]:
    return []


def editor(done: list[Any], refusal: str = "") -> AppTest:
    def act(*given: Any, **values: Any) -> None:
        if refusal:
            raise ConfigError(refusal)
        done.append((*given, values) if values else given)

    rows = [
        SimpleNamespace(id=f"r-{label}", run=SimpleNamespace(label=label, tags=("old",), notes="", archived=False))
        for label in ("A", "B")
    ]
    test = AppTest.from_function(script)
    for name, value in {"rows": rows, "describe": act, "delete": act}.items():
        test.session_state[name] = value
    test.run()
    assert not test.exception
    return test


def test_all_that_is_said_of_a_run_is_saved_together(done: list[Any]) -> None:
    test = editor(done)
    test.text_input(key="edit-of-r-A-name").set_value("Better")
    test.text_input(key="edit-of-r-A-tags").set_value("one, two,")
    test.text_area(key="edit-of-r-A-notes").set_value("A note")
    test.checkbox(key="edit-of-r-A-archived").check()
    test.button[0].click().run()
    assert done == [("r-A", {"name": "Better", "tags": ["one", "two"], "notes": "A note", "archived": True})]
    assert test.success[0].value == "Saved."


def test_what_was_not_changed_here_is_left_to_other_tabs(done: list[Any]) -> None:
    test = editor(done)
    test.session_state["rows"][0].run.label = "named in another tab"
    test.text_area(key="edit-of-r-A-notes").set_value("A note")
    test.button[0].click().run()
    assert done == [("r-A", {"notes": "A note"})]


def test_what_is_refused_is_told(done: list[Any]) -> None:
    test = editor(done, "That name is taken.")
    test.button[0].click().run()
    assert [error.value for error in test.error] == ["That name is taken."]


def test_runs_are_deleted_only_when_one_is_sure(done: list[Any]) -> None:
    test = editor(done)
    test.multiselect(key="delete-runs").select("r-B").run()
    assert test.button(key="delete-now").disabled
    test.checkbox(key="delete-sure-r-B").check().run()
    test.button(key="delete-now").click().run()
    assert done == [(["r-B"],)]
    assert test.success[0].value == "1 deleted."
