"""Sorting, filtering and paging of the small pictures."""

from typing import Any

from streamlit.testing.v1 import AppTest

from app.components.inspect.browsing import _common_start


def script(count: int) -> None:
    import pandas as pd
    import streamlit as st

    from app.components.inspect.browsing import Measured, browse
    from app.tasks.segmentation.orders import look
    from dmf.errors import DataError

    table = pd.DataFrame(
        {
            "run": "r",
            "case": [f"case-{number:03d}" for number in range(count)],
            "dice": [number / count for number in range(count)],
            "iou": [number / (2 * count) for number in range(count)],
            "precision": 0.5,
            "recall": 0.5,
            "tags": [
                ("motion", "unsure") if number == 7 else ("unsure",) if number % 10 == 0 else ()
                for number in range(count)
            ],
            "lesion_share": 0.01,
            "label": ["benign" if number % 2 else "malignant" for number in range(count)],
            "disagreement": float("nan"),
        }
    )

    def distances(run: str) -> Measured:
        if count == 30:
            raise DataError("Nothing was kept of r.")
        return Measured(
            {case: float("nan") if case == "case-003" else 100 - n for n, case in enumerate(table["case"])}, "mm"
        )

    browsed = browse(table, {"r": "MAD"}, None, print, picture=lambda run, case: "", look=look(distances))
    st.caption(f"order {browsed.order[:3]} worst {browsed.worst_first[:2]} of {len(browsed.worst_first)}")


def said(test: AppTest) -> str:
    assert not test.exception
    return " ".join(str(caption.value) for caption in test.caption)


def page(count: int) -> AppTest:
    return AppTest.from_function(script, args=(count,), default_timeout=30).run()


def press(test: AppTest, key: str) -> Any:
    return test.button(key=key).click().run()


def test_many_images_come_in_pages() -> None:
    test = page(780)
    assert "1 to 12 of 780 images" in said(test)
    assert test.button(key="grid-back").disabled
    assert "13 to 24 of 780 images" in said(press(test, "grid-next"))
    assert "1 to 12 of 780 images" in said(press(test, "grid-back"))


def test_another_range_of_scores_begins_at_its_first_page() -> None:
    test = press(page(100), "grid-next")
    test.slider(key="range-dice").set_value((0.5, 1.0)).run()
    assert "1 to 12 of 50 images in this range, 100 in all" in said(test)


def test_labels_choose_images() -> None:
    test = page(100)
    test.multiselect(key="labels").select("benign").run()
    assert "1 to 12 of 50 images" in said(test)


def test_the_histogram_follows_the_score_that_sorts() -> None:
    test = page(30)
    test.selectbox(key="order").select("IoU, worst first").run()
    assert test.slider(key="range-iou").label == "IoU between"


def test_what_all_names_begin_with_is_left_out() -> None:
    assert _common_start(["phantom-00012", "phantom-00113"]) == "phantom-"
    assert _common_start(["benign (1)", "malignant (2)"]) == ""
    assert _common_start(["only"]) == ""


def test_what_is_measured_sorts_and_filters_in_its_unit() -> None:
    test = page(20)
    test.selectbox(key="order").select("Hausdorff 95, worst first").run()
    assert "order ('case-000', 'case-001', 'case-002') worst ('case-000', 'case-001') of 20" in said(test)
    (field,) = [slider for slider in test.slider if "Hausdorff" in slider.label]
    assert (field.label, field.min, field.max) == ("Hausdorff 95 between (mm)", 81.0, 100.0)
    field.set_value((81.0, 90.0)).run()
    assert "of 10 images in this range, 20 in all" in said(test)


def test_best_first_leaves_the_worst_the_worst_and_what_has_no_distance_last() -> None:
    test = page(20)
    test.selectbox(key="order").select("Hausdorff 95, best first").run()
    assert "order ('case-019', 'case-018', 'case-017') worst ('case-000', 'case-001') of 20" in said(test)


def test_what_cannot_be_measured_says_so_and_other_orders_go_on() -> None:
    test = page(30)
    test.selectbox(key="order").select("Hausdorff 95, worst first").run()
    assert [error.value for error in test.error] == ["Nothing was kept of r."]
    test.selectbox(key="order").select("Recall, worst first").run()
    assert not test.error
    assert "1 to 12 of 30 images" in said(test)


def test_tags_choose_images_and_so_does_having_none() -> None:
    test = page(100)
    field = test.multiselect(key="tag-filter")
    assert field.options == ["motion", "unsure", "no tag"]
    assert "of 11 images" in said(field.select("unsure").run())
    assert "1 to 1 of 1 images" in said(field.unselect("unsure").select("motion").run())
    assert "of 89 images" in said(field.unselect("motion").select("no tag").run())
