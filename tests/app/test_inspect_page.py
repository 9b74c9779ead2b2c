"""The Inspect page as a person meets it: nothing yet, runs to choose, all images, one of them large."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.access import inspected_runs, with_tags
from app.components.inspect.tagging import scores_and_tags
from app.tasks.segmentation.access import case_table, segmented
from dmf.errors import StoreError
from dmf.image_sets import image_set
from dmf.records import RunState, StateChange
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


TABS = ["Over training", "Calibration", "Contact sheet", "Try your own picture", "Network", "Storage"]


def page(runs: str = "", tab: str = TABS[0], **query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.session_state["inspect-tabs"] = tab
    test.switch_page("pages/inspect.py")
    for name, value in (({"runs": runs} if runs else {}) | query).items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


@pytest.fixture
def race(trained_runs: dict[str, list[str]]) -> list[str]:
    """Two trained runs with probabilities of 4 test images."""
    return trained_runs["race"]


def said(test: AppTest) -> str:
    kinds = ("html", "caption", "markdown", "warning", "info")
    return " ".join(str(element.value) for kind in kinds for element in test.get(kind))


def downloads(test: AppTest) -> list[str]:
    """What the tabs below the images offer to take away."""
    return [button.label for button in test.get("download_button") if button.label != "Scores and tags as CSV"]


def tags_field(test: AppTest) -> Any:
    (field,) = [field for field in test.multiselect if field.label == "Tags of this image"]
    return field


def test_before_anything_was_trained_it_leads_to_the_races_on_home(store: RunStore) -> None:
    assert "Nothing was trained yet" in said(page())


def test_runs_without_a_choice_are_only_listed(store: RunStore, race: list[str]) -> None:
    assert "Tick runs to see what they predict" in said(page())


def test_the_worst_image_is_shown_large_with_its_numbers(store: RunStore, race: list[str]) -> None:
    from dmf.tasks.segmentation.inspection.cases import cases_table

    text = said(page(",".join(race)))
    table = cases_table(store, race)
    worst = table[table["run"] == race[0]].sort_values(["dice", "case"])["case"].iloc[0]
    assert worst.replace("-", "\\-") in text
    assert "Hausdorff 95 (px)" in text or "Hausdorff 95 (mm)" in text
    assert "1 to 4 of 4 images" in text


def test_the_link_names_the_image(store: RunStore, race: list[str]) -> None:
    case = store.case_scores(race[0], "test")[-1].cases[-1]
    assert f"#### {case}".replace("-", "\\-") in said(page(race[0], case=case))


def test_an_image_that_is_not_there_is_told_and_another_shown(race: list[str]) -> None:
    text = said(page(race[0], case="gone"))
    assert "No test image of these runs is called gone" in text
    assert "#### gone" not in text


def test_validation_images_are_scored_and_looked_at_now(store: RunStore, race: list[str]) -> None:
    text = said(page(race[0], split="validation"))
    assert "1 to 3 of 3 images" in text
    assert "Hausdorff 95" in text  # of what the network sees just now


def test_order_and_labels_choose_the_images(store: RunStore, race: list[str]) -> None:
    test = page(",".join(race), order="Name")
    assert test.selectbox(key="order").value == "Name"
    assert "Runs disagree most" in test.selectbox(key="order").options
    assert "Runs disagree most" not in page(race[0]).selectbox(key="order").options
    labels = test.multiselect(key="labels")
    labels.select(labels.options[0]).run()
    assert not test.exception
    assert "4 in all" not in said(test)  # labels narrow what "all" is


def test_images_follow_each_other_in_the_order_of_the_grid(store: RunStore, race: list[str]) -> None:
    (scores,) = store.case_scores(race[0], "test")
    names = sorted(scores.cases)
    test = page(race[0], order="Name", case=names[0])
    for place, name in enumerate(names):
        assert f"#### {name}".replace("-", "\\-") in said(test)
        assert f"{place + 1} of 4" in said(test)
        assert test.button(key="case-step-1").disabled == (place == 0)
        assert test.button(key="case-step1").disabled == (place == 3)
        if place < 3:
            test.button(key="case-step1").click().run()
    test.button(key="case-step-1").click().run()
    assert test.query_params["case"] == names[2]
    test.selectbox(key="order").set_value("Dice, worst first").run()
    assert f"#### {names[2]}".replace("-", "\\-") in said(test)  # another order, the same image


def test_a_contact_sheet_begins_with_the_first_images_of_the_grid(store: RunStore, race: list[str]) -> None:
    (scores,) = store.case_scores(race[0], "test")
    test = page(race[0], TABS[2], order="Name")
    assert test.multiselect(key="sheet-cases").value == sorted(scores.cases)


def test_a_range_of_scores_without_an_image_says_what_to_do(store: RunStore, race: list[str]) -> None:
    test = page(race[0])
    test.slider(key="range-dice").set_value((0.99, 1.0)).run()
    assert "Widen the range of scores" in said(test)
    assert "4 in all" in said(test)


def test_the_training_of_a_sample_is_offered_as_a_gif(store: RunStore, race: list[str]) -> None:
    test = page(",".join(race))
    assert test.selectbox(key="grown-case").options
    assert "epoch 0 is the network before any training" in said(test)
    assert downloads(test) == ["GIF"]


@pytest.mark.parametrize("where", ["all", "around the lesion"])
def test_reliability_has_an_error_per_run_and_says_how_to_read_it(store: RunStore, race: list[str], where: str) -> None:
    test = page(",".join(race), TABS[1])
    test.segmented_control(key="reliability-where").set_value(where).run()
    assert not test.exception
    text = said(test)
    assert "How to read it" in text
    assert "**MAD**: 0." in text
    assert "**Variance**: 0." in text


def test_a_contact_sheet_is_offered_as_png_and_pdf(store: RunStore, race: list[str]) -> None:
    test = page(",".join(race), TABS[2])
    assert len(test.multiselect(key="sheet-cases").value) == 4
    assert downloads(test) == ["Sheet as PNG", "Sheet as PDF"]
    test.multiselect(key="sheet-cases").set_value([]).run()
    assert "Choose at least one image." in said(test)


@pytest.fixture
def attended(store: RunStore, tiny: Any) -> str:
    """A run with attention gates."""
    from dmf.jobs import Job, create_experiment

    made = create_experiment(store, tiny("mad", attention="gate"))
    Job(store, made, "test").train()
    return made.runs[0].id


def test_attention_is_shown_beside_truth_and_prediction_with_its_share_on_the_lesion(
    store: RunStore, race: list[str], attended: str
) -> None:
    test = page(",".join([attended, race[0]]), "Attention")
    text = said(test)
    (gallery,) = [str(each.value) for each in test.get("html") if "gallery attention" in str(each.value)]
    assert gallery.count("<img ") == 5  # image, truth, prediction, and two places; the run without attention has none
    for part in ("attention.0 (16 × 16)", "attention.1 (32 × 32)"):
        assert f"at {part}" in gallery
    assert "% </b> on the lesion" in gallery.replace("%</b>", "% </b>")
    assert "Attention that is the same everywhere has the share of the dashed line" in text
    assert test.get("arrow_vega_lite_chart") or test.get("vega_lite_chart")

    before = gallery
    (slider,) = [each for each in test.select_slider if str(each.key).startswith("attention-epoch")]
    slider.set_value(0).run()
    test.segmented_control(key="attention-place").set_value("attention.1 (32 × 32)").run()
    assert not test.exception
    (gallery,) = [str(each.value) for each in test.get("html") if "gallery attention" in str(each.value)]
    assert "epoch 0" in gallery
    assert gallery != before


def test_the_same_truth_is_drawn_over_the_training_whatever_else_was_kept(store: RunStore, attended: str) -> None:
    from app import access
    from app.tasks.segmentation import access as segmentation

    runs = segmentation.segmented(access.inspected_runs([attended])[0])
    case = access.sampled_cases(runs)[0]
    grown = segmentation.growth(runs, case).labels[attended]
    kept = {
        row.epoch: row.id
        for row in store.samples(runs[0].experiment.id)
        if (row.kind, row.case) == ("prediction", case)
    }
    assert list(grown) == [0, 1, 2]
    for epoch, labels in grown.items():
        png = np.frombuffer(store.sample_png(kept[epoch]), np.uint8)
        np.testing.assert_array_equal(labels, cv2.imdecode(png, cv2.IMREAD_GRAYSCALE))


def test_runs_without_attention_have_no_part_for_it(race: list[str]) -> None:
    test = page(",".join(race), "Attention")
    assert [tab.label for tab in test.tabs if tab.label in ("Attention", *TABS)] == TABS
    assert "gallery attention" not in said(test)


def test_a_picture_of_ones_own_is_looked_at_and_it_is_no_medical_device(store: RunStore, race: list[str]) -> None:
    test = page(race[0], TABS[3])
    assert "This is not a medical device" in said(test)
    picture = cv2.imencode(".jpg", np.full((40, 60), 120, np.uint8))[1].tobytes()
    test.file_uploader[0].set_value(("mine.jpg", picture, "image/jpeg")).run()
    assert not test.exception
    assert "of the picture, right or wrong" in said(test)
    assert downloads(test) == ["Mask as PNG"]


def test_a_file_that_is_no_picture_is_refused_in_one_message(store: RunStore, race: list[str]) -> None:
    test = page(race[0], TABS[3])
    test.file_uploader[0].set_value(("notes.txt", b"hello", "text/plain")).run()
    assert [error.value for error in test.error] == [
        "This file is no picture that is read here, or it is cut off\\. Choose a PNG, JPEG, TIFF, BMP or GIF file "
        "that a picture viewer opens\\."
    ]


def test_the_network_is_drawn_with_its_layers(store: RunStore, race: list[str]) -> None:
    test = page(",".join(race), "Network")
    (graph,) = test.get("graphviz_chart")
    assert '"encoder.0" -> "head" [style=dashed]' in graph.proto.spec
    (layers,) = [frame.value for frame in test.dataframe if "Layer" in frame.value]
    assert layers["Parameters"].sum() > 0
    assert f"{layers['Parameters'].sum():,} parameters in all." in said(test)
    assert not [box for box in test.selectbox if box.label == "Network of"]  # both runs have the same


def test_networks_of_several_experiments_are_chosen_among(trained_runs: dict[str, list[str]]) -> None:
    runs = trained_runs["race"][0], trained_runs["four classes"][0]
    test = page(",".join(runs), "Network")
    drawn = test.get("graphviz_chart")[0].proto.spec
    (box,) = [box for box in test.selectbox if box.label == "Network of"]
    assert len(box.options) == 2
    box.select_index(1).run()
    assert not test.exception
    assert test.get("graphviz_chart")[0].proto.spec != drawn


def test_a_network_that_was_not_recorded_is_told(store: RunStore) -> None:
    recorded = store.create_experiment(
        {"recorded": True}, name="mine", labels=["my run"], run_configs=[{"weighting": "mine"}], environment={}
    )
    test = page(recorded.runs[0].id, "Network")
    assert "Its network was not recorded" in " ".join(error.value for error in test.error)
    assert not test.get("graphviz_chart")


def test_storage_is_told_with_its_bound(store: RunStore, race: list[str]) -> None:
    text = said(page(race[0], TABS[5]))
    assert "Takes (MB)" in text
    assert "<td>64</td>" in text


def test_a_folder_of_predictions_made_elsewhere_is_opened_and_shown(store: RunStore, tmp_path: Path) -> None:
    truth = np.zeros((20, 30), np.uint8)
    truth[5:15, 5:15] = 255
    for part, pixels in (("images", truth // 2), ("masks", truth), ("predictions/mine", truth)):
        (tmp_path / "scans" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "scans" / part / "a.png"), pixels)
    test = page()
    test.text_input(key="elsewhere-folder").set_value(str(tmp_path / "scans"))
    next(button for button in test.button if button.label == "Open").click().run()
    assert not test.exception
    assert "#### a" in said(test)
    assert "<td>1.000</td>" in said(test)


def test_a_folder_that_cannot_be_opened_is_told_in_one_message(store: RunStore, tmp_path: Path) -> None:
    test = page()
    test.text_input(key="elsewhere-folder").set_value(str(tmp_path / "nothing"))
    next(button for button in test.button if button.label == "Open").click().run()
    (error,) = test.error
    assert "images/" in error.value


def test_no_folder_is_asked_for(store: RunStore) -> None:
    test = page()
    next(button for button in test.button if button.label == "Open").click().run()
    assert [error.value for error in test.error] == ["Type the path of a folder first."]


def test_a_run_that_is_gone_is_named_and_the_others_are_shown(store: RunStore, race: list[str]) -> None:
    text = said(page(f"{race[0]},r-gone"))
    assert "No run is called r\\-gone" in text
    assert "All images" in text


def test_without_probabilities_the_page_says_why(trained_runs: dict[str, list[str]]) -> None:
    text = said(page(trained_runs["without probabilities"][0]))
    assert "keep\\_probabilities" in text
    assert "All images" in text


def test_a_run_that_waits_has_nothing_to_show_yet(store: RunStore, tiny: Any) -> None:
    from dmf.jobs import create_experiment

    run = create_experiment(store, tiny("mad")).runs[0].id
    text = said(page(run))
    assert "No scores of single test images yet" in text
    assert "No samples of each epoch were kept" in text


@pytest.mark.parametrize("tab", TABS)
def test_a_run_of_which_nobody_recorded_settings_or_scores_breaks_nothing(store: RunStore, tab: str) -> None:
    made = store.create_experiment(
        {"recorded": True}, name="mine", labels=["my run"], run_configs=[{"weighting": "mine"}], environment={}
    )
    store.claim([made.runs[0].id], "me")
    store.write([StateChange(made.runs[0].id, 0, RunState.FINISHED)], "me")
    assert "No scores of single test images yet" in said(page(made.runs[0].id, tab))


@pytest.mark.parametrize("tab", TABS)
def test_runs_of_different_datasets_are_shown_beside_each_other(trained_runs: dict[str, list[str]], tab: str) -> None:
    runs = trained_runs["race"][0], trained_runs["four classes"][0]
    assert "All images" in said(page(",".join(runs), tab))


def test_a_store_that_cannot_be_read_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    def refuse(*_: Any, **__: Any) -> Any:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(access, "all_runs", refuse)
    assert [error.value for error in page().error] == ["The disk is gone."]


@pytest.mark.parametrize("start", ["compare", "train"])
def test_other_pages_lead_here_with_the_same_runs(store: RunStore, race: list[str], start: str) -> None:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page(f"pages/{start}.py")
    if start == "compare":
        test.query_params["runs"] = ",".join(race)
    else:
        test.query_params["experiment"] = store.run(race[0]).experiment
    test.run()
    assert not test.exception
    links = [link.proto for link in test.get("page_link")]
    (link,) = [link for link in links if link.label.startswith("Inspect")]
    assert link.page == "inspect"
    assert all(run in link.query_string for run in race)


def test_the_next_worst_follows_whatever_the_order_of_the_grid(store: RunStore, race: list[str]) -> None:
    from dmf.tasks.segmentation.inspection.cases import cases_table

    worst = list(cases_table(store, race[:1]).sort_values(["dice", "case"])["case"])
    test = page(race[0], order="Name", case=worst[0])
    for name in worst[1:]:
        test.button(key="case-stepworst").click().run()
        assert test.query_params["case"] == name
    assert test.button(key="case-stepworst").disabled


def test_images_are_sorted_by_how_far_their_outlines_lie_apart(store: RunStore, race: list[str]) -> None:
    from dmf.build import original_case
    from dmf.tasks.segmentation.inspection.distances import case_distances

    config = store.experiment(store.run(race[0]).experiment).config
    distances = case_distances(store, race[0], "best", "test", lambda case: original_case(config, case)).values
    test = page(race[0], TABS[2], order="Hausdorff 95, worst first")
    furthest = sorted(distances, key=lambda case: (-distances[case], case))
    assert test.multiselect(key="sheet-cases").value == furthest
    test.segmented_control(key="split").set_value("validation").run()
    assert "where probabilities of validation images were kept" in test.error[0].value


def test_tags_are_kept_with_the_image_filter_the_grid_and_leave_with_the_scores(
    store: RunStore, race: list[str]
) -> None:
    cases = sorted(store.case_scores(race[0], "test")[-1].cases)
    config = store.experiment(store.run(race[0]).experiment).config
    images = image_set(config, "")
    test = page(race[0], order="Name", case=cases[1])
    assert not [field for field in test.multiselect if field.key == "tag-filter"]
    tags_field(test).set_value(["motion", "unsure"]).run()
    assert store.case_tags(images) == {cases[1]: ("motion", "unsure")}
    other = page(race[1], order="Name", case=cases[1])  # another run that looks at the same images
    assert tags_field(other).value == ["motion", "unsure"]
    other.multiselect(key="tag-filter").select("unsure").run()
    assert "1 to 1 of 1 images" in said(other)
    runs = segmented(inspected_runs(race)[0])
    titles = dict(zip(race, ("one", "two"), strict=True))
    rows = scores_and_tags(with_tags(case_table(runs, "test"), runs), titles, {"dice": "Dice"})
    assert list(rows.columns) == ["Run", "Image", "Label", "Epoch", "Tags", "Dice"]
    assert rows[rows["Image"] == cases[1]]["Tags"].tolist() == ["motion, unsure"] * 2
    tags_field(other).set_value([]).run()
    assert store.case_tags(images) == {}


def test_a_tag_that_cannot_be_kept_is_told_and_not_shown(store: RunStore, race: list[str]) -> None:
    test = page(race[0])
    tags_field(test).set_value(["m" * 61]).run()
    assert "at most 60 characters, got 1 of at most 61" in test.error[0].value
    assert tags_field(test).value == []
