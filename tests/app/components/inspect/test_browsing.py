"""Sorting, filtering and paging of the small pictures."""

from typing import Any

from streamlit.testing.v1 import AppTest

from app.components.inspect.browsing import _common_start


def script(count: int) -> None:
    import pandas as pd

    from app.components.inspect.browsing import browse
    from app.tasks.segmentation.orders import LOOK

    table = pd.DataFrame(
        {
            "run": "r",
            "case": [f"case-{number:03d}" for number in range(count)],
            "dice": [number / count for number in range(count)],
            "iou": [number / (2 * count) for number in range(count)],
            "lesion_share": 0.01,
            "label": ["benign" if number % 2 else "malignant" for number in range(count)],
            "disagreement": float("nan"),
        }
    )
    browse(table, {"r": "MAD"}, None, print, picture=lambda run, case: "", look=LOOK)


def said(test: AppTest) -> str:
    assert not test.exception
    return " ".join(str(caption.value) for caption in test.caption)


def page(count: int) -> AppTest:
    return AppTest.from_function(script, args=(count,), default_timeout=30).run()


def press(test: AppTest, key: str) -> Any:
    return test.button(key=key).click().run()


def test_many_images_come_in_pages() -> None:
    test = page(780)
    assert "1 to 20 of 780 images" in said(test)
    assert test.button(key="grid-back").disabled
    assert "21 to 40 of 780 images" in said(press(test, "grid-next"))
    assert "1 to 20 of 780 images" in said(press(test, "grid-back"))


def test_another_range_of_scores_begins_at_its_first_page() -> None:
    test = press(page(100), "grid-next")
    test.slider(key="range-dice").set_value((0.5, 1.0)).run()
    assert "1 to 20 of 50 images in this range, 100 in all" in said(test)


def test_labels_choose_images() -> None:
    test = page(100)
    test.multiselect(key="labels").select("benign").run()
    assert "1 to 20 of 50 images" in said(test)


def test_the_histogram_follows_the_score_that_sorts() -> None:
    test = page(30)
    test.selectbox(key="order").select("IoU, worst first").run()
    assert test.slider(key="range-iou").label == "IoU between"


def test_what_all_names_begin_with_is_left_out() -> None:
    assert _common_start(["phantom-00012", "phantom-00113"]) == "phantom-"
    assert _common_start(["benign (1)", "malignant (2)"]) == ""
    assert _common_start(["only"]) == ""
