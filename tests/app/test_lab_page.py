"""The weighting lab as a person meets it: a first picture at once, other sources, methods, changes, links."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


def page(**query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=60)
    test.run()
    test.switch_page("pages/lab.py")
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def methods(test: AppTest) -> str:
    held = test.query_params["methods"]
    return held if isinstance(held, str) else held[0]


def test_a_first_visit_finds_a_drawn_history_under_the_rules_of_the_paper(store: RunStore) -> None:
    test = page()
    assert methods(test) == "variance;mad;bayesian"
    assert test.button_group(key="lab-source").value == "synthetic"
