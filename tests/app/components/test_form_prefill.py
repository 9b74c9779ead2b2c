"""Settings that another page hands to the form."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).parents[3] / "app" / "main.py"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")


def page(carried: dict[str, object]) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.session_state["form-epochs"] = 3
    test.session_state["form-phantom-images"] = 99
    test.session_state["carried-to-form"] = carried
    test.switch_page("pages/train.py").run()
    assert not test.exception
    return test


def test_the_form_opens_with_what_was_carried_and_keeps_the_rest() -> None:
    test = page(
        {
            "dataset": "phantom",
            "root": None,
            "dataset_options": {},
            "filter": True,
            "filter_diameter": 5,
            "filter_sigma_space": 20.0,
            "image_size": 64,
            "fit": "pad",
            "duplicates": "group",
            "seed": 4,
        }
    )
    state = test.session_state
    assert test.checkbox(key="form-filter").value is True
    assert test.number_input(key="form-filter_diameter").value == 5
    assert test.number_input(key="form-filter_sigma_space").value == 20
    assert test.number_input(key="form-image_size").value == 64
    assert test.selectbox(key="form-fit").value == "pad"
    assert test.selectbox(key="form-duplicates").value == "group"
    assert test.text_input(key="form-seeds").value == "4"
    assert test.text_input(key="form-root").value == ""
    assert test.number_input(key="form-epochs").value == 3
    assert test.number_input(key="form-phantom-images").value == 256  # its own options, hence its default
    assert "carried-to-form" not in state


def test_a_folder_comes_with_its_options(tmp_path: Path) -> None:
    test = page({"dataset": "folder", "root": str(tmp_path / "scans"), "dataset_options": {"values": "0:2"}})
    assert test.selectbox(key="form-dataset").value == "folder"
    assert test.text_input(key="form-root").value == str(tmp_path / "scans")
    assert test.text_input(key="form-folder-values").value == "0:2"


def test_what_was_carried_is_taken_once() -> None:
    test = page({"dataset": "phantom", "image_size": 64})
    test.number_input(key="form-image_size").set_value(32).run()
    assert test.number_input(key="form-image_size").value == 32
