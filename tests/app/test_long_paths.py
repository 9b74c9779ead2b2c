"""A path of 5,000 characters, in an address or a field, is at most a sentence on the page."""

from typing import Any

import pytest

from dmf.runs import RunStore

TOO_LONG = ("/tmp/" + "a" * 5000, "/b" * 2500)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("home", ("experiment",)),
        ("train", ("experiment", "preset")),
        ("train", ("preset", "dataset")),
        ("datasets", ("dataset",)),
        ("compare", ("runs",)),
        ("inspect", ("runs", "case")),
        ("lab", ("run",)),
        ("lab", ("methods", "explain", "step")),
        ("tour", ("scene",)),
    ],
)
def test_an_address_that_holds_one_opens(store: RunStore, visit: Any, page: str, names: tuple[str, ...]) -> None:
    shown = visit(page, **dict.fromkeys(names, TOO_LONG[0]))  # which asserts that there is no exception
    assert shown.main.children


@pytest.mark.parametrize("path", TOO_LONG, ids=["a name", "many folders"])
def test_a_dataset_of_the_address_in_such_a_folder_opens(store: RunStore, visit: Any, path: str) -> None:
    assert visit("datasets", dataset=f"folder@{path}").main.children


FIELDS = {"datasets": ("folder-path", "Open the folder"), "inspect": ("elsewhere-folder", "Open")}


@pytest.mark.parametrize("path", TOO_LONG, ids=["a name", "many folders"])
@pytest.mark.parametrize("page", FIELDS)
def test_a_folder_that_cannot_be_is_told(store: RunStore, visit: Any, page: str, path: str) -> None:
    field, button = FIELDS[page]
    test = visit(page)
    test.text_input(key=field).set_value(path)
    (pressed,) = (each for each in test.button if each.label == button)
    pressed.click().run()
    assert not test.exception
    (said,) = (error.value for error in test.error)
    assert "is longer than a path can be" in said
    assert len(said) < 400


@pytest.mark.parametrize("path", TOO_LONG, ids=["a name", "many folders"])
def test_a_folder_of_the_form_that_cannot_be_is_told(store: RunStore, visit: Any, path: str) -> None:
    test = visit("train")
    test.selectbox(key="form-dataset").select("folder").run()
    test.text_input(key="form-root").set_value(path).run()
    assert not test.exception
    said = [html.proto.body for html in test.get("html") if "is longer than a path can be" in html.proto.body]
    assert said
    assert all(len(one) < 400 for one in said)
