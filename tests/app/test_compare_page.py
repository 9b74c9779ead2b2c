"""The Compare page as a person meets it: nothing yet, runs to choose, what differs, how they went."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dmf.config import DataConfig, FusionConfig, TrainingConfig
from dmf.errors import StoreError
from dmf.records import CaseScores, EpochMetrics, Event, RunState, StateChange, TelemetryBlock
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"
IMAGES = 12


def page(runs: str = "", **query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/compare.py")
    for name, value in (({"runs": runs} if runs else {}) | query).items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def record(store: RunStore, name: str = "Race", seed: int = 0, size: int = 64, **hits: int) -> list[str]:
    """Finished runs by method; ``hits`` says how many of 100 lesion pixels each finds."""
    hits = hits or {"variance": 50, "mad": 80}
    config = {
        "data": DataConfig(image_size=size).model_dump(mode="json"),
        "training": TrainingConfig(seed=seed).model_dump(mode="json"),
    }
    fusions = [FusionConfig(weighting=method).recorded() for method in hits]
    made = store.create_experiment(config, name=name, labels=list(hits), run_configs=fusions, environment={})
    store.claim([run.id for run in made.runs], "test")
    generator = np.random.default_rng(seed)
    for run, found in zip(made.runs, hits.values(), strict=True):
        terms = run.config["terms"]
        columns = (*(f"{kind}_{term}" for kind in ("loss", "weight") for term in terms), "auxiliary", "gamma", "total")
        values = np.column_stack([generator.uniform(0.2, 0.8, (50, len(columns))), np.ones(50)]).astype("f4")
        right = np.minimum(100, found + generator.integers(0, 4, IMAGES))
        lesion = np.stack([right, np.full(IMAGES, 10), 100 - right], 1)
        rest = np.stack([np.full(IMAGES, 900), 100 - right, np.full(IMAGES, 10)], 1)
        score = float((2 * right / (right + 110)).mean())
        scores = {"cb_dice": score, "lesion_dice_per_image": score}
        store.write(
            [
                TelemetryBlock(run.id, 1, 0, (*columns, "finite"), values, 100.0, 150.0),
                *(EpochMetrics(run.id, epoch, epoch * 25, "validation", 8, scores) for epoch in range(3)),
                EpochMetrics(run.id, 2, 50, "test", IMAGES, scores),
                CaseScores(
                    *(run.id, 2, "test", tuple(f"case-{seed}-{image}" for image in range(IMAGES))),
                    *(np.stack([rest, lesion], 1).astype(np.int64), np.full((IMAGES, 2), 64)),
                ),
                StateChange(run.id, 50, RunState.FINISHED),
            ],
            "test",
        )
    store.release([run.id for run in made.runs], "test")
    return [run.id for run in made.runs]


def said(test: AppTest, key: str) -> str:
    """The tables and sentences of a part of the page."""
    part = test.container(key=key)
    kinds = ("html", "caption", "markdown", "warning")
    return " ".join(str(element.value) for kind in kinds for element in part.get(kind))


def bar(test: AppTest, label: str) -> Any:
    """What a bar of the page holds."""
    return next(each for each in test.expander if each.label.startswith(label))


def test_before_anything_was_trained_it_leads_to_the_races_on_home(store: RunStore) -> None:
    test = page()
    assert any("Nothing was trained yet" in text.value for text in test.markdown)
    (link,) = test.get("page_link")
    assert link.proto.page == ""


def test_runs_without_a_choice_are_only_listed(store: RunStore) -> None:
    record(store)
    assert any("Tick runs" in caption.value for caption in page().caption)


def test_only_settings_that_differ_are_shown(store: RunStore) -> None:
    ids = record(store)
    table = said(page(",".join(ids)), "differences")
    assert "Weighting method" in table
    assert "<td>Variance</td><td>MAD</td>" in table
    assert table.count("<tr>") == 2


def test_one_run_differs_from_nothing(store: RunStore) -> None:
    assert "Choose at least two runs." in said(page(record(store)[0]), "differences")


def test_a_run_that_is_gone_is_named_and_the_others_are_shown(store: RunStore) -> None:
    ids = record(store)
    test = page(f"{ids[0]},r-gone")
    assert "gone" in test.warning[0].value
    assert "Choose at least two runs." in said(test, "differences")


@pytest.mark.parametrize("layout", ["Overlaid", "One per loss", "One per run"])
@pytest.mark.parametrize("axis", ["Step", "Epoch", "Time"])
def test_every_layout_and_axis_draws_runs_of_different_experiments(store: RunStore, layout: str, axis: str) -> None:
    ids = [*record(store), *record(store, "Another", seed=1)]
    page(",".join(ids), layout=layout, x=axis)


def test_from_three_runs_on_charts_are_small_multiples_unless_the_address_says_otherwise(store: RunStore) -> None:
    ids = record(store, variance=50, mad=80, bayesian=60)

    def layout(count: int, **query: str) -> str:
        return str(page(",".join(ids[:count]), **query).session_state["layout"])

    assert [layout(2), layout(3)] == ["Overlaid", "One per run"]
    assert [layout(3, layout="Overlaid"), layout(2, layout="One per run")] == ["Overlaid", "One per run"]


def test_a_store_that_cannot_be_read_is_told(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import access

    def refuse(*_: Any, **__: Any) -> Any:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(access, "all_runs", refuse)
    assert [error.value for error in page().error] == ["The disk is gone."]


def test_with_one_seed_the_sentence_speaks_of_these_two_models_only(store: RunStore) -> None:
    said_there = said(page(",".join(record(store))), "results")
    assert "MAD scores higher than Variance" in said_there.replace("\\", "")
    assert "speaks of these two trained models only, not of the methods" in said_there.replace("\\", "")
    assert "<b>" in said_there


def test_runs_of_different_image_sizes_are_refused_with_the_reason(store: RunStore) -> None:
    ids = [*record(store, mad=70), *record(store, "Larger", size=128, variance=70)]
    sentence = said(page(",".join(ids)), "results").replace("\\", "")
    assert "see images of different size (128 and 64 pixels)" in sentence


def test_seeds_are_taken_together_when_grouped_by_the_method(store: RunStore) -> None:
    ids = [id for seed in range(3) for id in record(store, f"Race {seed}", seed=seed)]
    test = page(",".join(ids), by="Weighting method (fusion.weighting)")
    table = said(test, "results").replace("\\", "")
    assert ">Variance</span></td><td>3</td>" in table
    assert "Over 3 seeds (0, 1, 2)" in table
    assert "With 3 seeds only large differences can be shown." in table


def test_seeds_are_taken_together_by_itself_and_everything_follows(store: RunStore) -> None:
    ids = [id for seed in range(3) for id in record(store, "", seed=seed)]
    test = page(",".join(ids))
    assert f'<span title="{", ".join(ids[::2])}">Variance</span></td><td>3</td>' in said(test, "results")
    assert "Over 3 seeds (0, 1, 2)" in said(test, "results").replace("\\", "")
    assert said(test, "behaviour").count("<tr>") == 3  # a heading and two groups
    (toggle,) = [toggle for toggle in test.toggle if toggle.label == "Seeds together"]
    toggle.set_value(False).run()
    assert said(test, "behaviour").count("<tr>") == 7
    assert all(f"Variance · seed {seed}" in said(test, "results") for seed in range(3))
    assert not [toggle for toggle in page(",".join(ids[:2])).toggle if toggle.label == "Seeds together"]


def test_the_bootstrap_takes_the_place_of_the_t_test(store: RunStore) -> None:
    ids = [id for seed in range(2) for id in record(store, f"Race {seed}", seed=seed)]
    page(",".join(ids), by="Weighting method (fusion.weighting)", bootstrap="true", band="Min to max")


def test_how_weights_behaved_is_a_line_per_run(store: RunStore) -> None:
    ids = record(store)
    test = page(",".join(ids))
    assert said(test, "behaviour").count("<tr>") == 3
    assert len(test.container(key="behaviour").get("plotly_chart")) == 1


def test_a_run_that_has_not_begun_is_compared_as_far_as_it_goes(store: RunStore) -> None:
    fusion = FusionConfig(auxiliary="none").recorded()
    made = store.create_experiment({}, name="Waits", labels=["mad"], run_configs=[fusion], environment={})
    test = page(",".join([*record(store), made.runs[0].id]), show="γ(t)")
    assert "no scores of single test images" in said(test, "results").replace("\\", "")


def test_settings_are_drawn_against_results(store: RunStore) -> None:
    ids = record(store)
    assert len(page(",".join(ids)).container(key="parallel").get("plotly_chart")) == 1
    assert not page(ids[0]).get("parallel")


def test_what_happened_is_listed_and_marked_only_where_few_runs_are_chosen(store: RunStore) -> None:
    from app.components.compare_look import Look
    from app.components.compared_events import marks_of

    ids = [*record(store), *record(store, "Another", seed=1), *record(store, "Third", seed=2)]
    change = {"field": "lr", "before": 0.001, "value": 0.01}
    store.write([Event(ids[0], 20, "knob", change)], None)
    few, many = page(",".join(ids[:4])), page(",".join(ids))
    assert "also marked in the charts" in bar(few, "Events of").caption[0].value
    assert "not marked in the charts" in bar(many, "Events of").caption[0].value
    table = bar(few, "Events of").dataframe[0].value
    assert table["What happened"].tolist()[0] == "Learning rate 0.001 → 0.01"
    assert table["Step"].tolist()[0] == 20

    from app import access

    runs, _ = access.compared_runs(ids)
    titles = {run.id: run.id for run in runs}
    marks = marks_of(runs[:4], titles, access.run_events(ids), Look(axis="epoch"))
    assert next(mark.sentence for mark in marks[ids[0]]) == f"Learning rate 0.001 → 0.01 · {ids[0]}"
    assert [mark.kind for mark in marks[ids[0]]] == ["change", "state"]
    assert marks_of(runs, titles, access.run_events(ids), Look()) == {}


def test_where_a_method_keeps_weights_nearly_equal_the_page_says_so_and_can_fit_the_axis(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.components import compared_charts
    from app.components.near_uniform import FIT

    ranges: dict[str, Any] = {}
    draw = compared_charts.live_chart
    monkeypatch.setattr(
        compared_charts,
        "live_chart",
        lambda series, **about: ranges.update({about["title"]: about["y_range"]}) or draw(series, **about),
    )
    ids = record(store, dwa=50, mad=80)
    test = page(",".join(ids))
    line = test.container(key="fit-line")
    sentence = line.caption[0]
    assert sentence.value.startswith("DWA: weights stay between 0.2")
    assert sentence.value.endswith("here, near 1/3 by construction")
    assert "while no loss changes by more than a fifth" in sentence.help
    assert line.toggle[0].label == FIT
    assert ranges["Weights"] == (0, None)
    test.toggle(key="fit").set_value(True).run()
    assert ranges["Weights"] is None
    assert ranges["Validation CB-Dice"] == (0, 1)
    page(",".join(ids), fit="true")  # the link carries it
    assert ranges["Weights"] is None
    assert not page(ids[1]).toggle(key="log").value
    assert all(toggle.label != FIT for toggle in page(ids[1]).toggle)
    assert all(toggle.label != FIT for toggle in page(",".join(ids), show="Losses").toggle)
    change = {"field": "weighting", "before": "dwa", "value": "variance"}
    store.write([Event(ids[0], 20, "knob", change)], None)
    assert all(toggle.label != FIT for toggle in page(",".join(ids)).toggle)


def test_a_chosen_run_is_copied_as_a_command(store: RunStore) -> None:
    ids = record(store)
    part = bar(page(",".join(ids)), "Copy as command")
    assert part.selectbox(key="copy-run-id").value == ids[0]
    command, python, loop = (code.value for code in part.code)
    assert command == "dmf train --image-size 64 --weighting variance"
    assert "FusionConfig(weighting='variance')" in python
    assert "build_fusion" in loop


def test_chosen_runs_are_taken_away_as_they_were_recorded(store: RunStore) -> None:
    import io
    import zipfile

    import pandas as pd

    from app import access

    names = dict(zip(record(store), ("variance", "mad"), strict=True))
    first = dict(list(names.items())[:1])
    assert access.run_file(first, "csv") == "variance.csv"
    alone = pd.read_csv(io.BytesIO(access.run_data(first, "csv")))
    assert alone["step"].tolist() == list(range(50))
    assert access.run_file(names, "parquet") == "runs-parquet.zip"
    with zipfile.ZipFile(io.BytesIO(access.run_data(names, "parquet"))) as archive:
        assert archive.namelist() == ["mad.parquet", "variance.parquet"]
    assert access.run_file(first, "tensorboard") == "runs-tensorboard.zip"
    with zipfile.ZipFile(io.BytesIO(access.run_data(names, "tensorboard"))) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"variance", "mad"}
    with zipfile.ZipFile(io.BytesIO(access.run_data(dict.fromkeys(names, "mad"), "csv"))) as archive:
        assert archive.namelist() == [f"mad {id}.csv" for id in names]


def test_runs_are_named_by_what_differs_among_them(store: RunStore) -> None:
    ids = [*record(store), *record(store, seed=1)]
    test = page(",".join(ids), repeats="false")
    names = [f"{method} · seed {seed}" for seed in (0, 1) for method in ("Variance", "MAD")]
    for key in ("differences", "results", "behaviour"):
        assert all(name in said(test, key) for name in names), key
    assert f'<span title="{ids[3]}">MAD · seed 1</span>' in said(test, "results")
    assert not any(f">{id}<" in said(test, key) for key in ("differences", "results", "behaviour") for id in ids)


@pytest.mark.parametrize("by", ["", "Weighting method (fusion.weighting)"])
def test_chosen_runs_of_two_experiments_play_together(store: RunStore, by: str) -> None:
    ids = [*record(store), *record(store, "Another", seed=1)]
    test = page(",".join(ids), **({"by": by} if by else {}))
    (button,) = [button for button in test.button if button.label == "Play"]
    button.click().run()
    assert not test.exception
    assert {button.label for button in test.button} >= {"Pause replay", "End replay"}
    assert [box.label for box in test.selectbox if box.label == "Predictions of"]
    (slider,) = [slider for slider in test.slider if slider.label == "Seconds of training"]
    slider.set_value(25.0).run()
    assert not test.exception
    next(button for button in test.button if button.label == "End replay").click().run()
    assert not test.exception
    assert any(button.label == "Play" for button in test.button)


def test_what_is_exported_holds_every_chart_of_the_page(store: RunStore) -> None:
    ids = record(store)
    test = page(",".join(ids))
    test.session_state["export"] = True
    test.run()
    options = next(box for box in test.selectbox if box.label == "Chart").options
    assert options == [
        *("Weights", "Losses", "Validation CB-Dice"),
        *("Entropy of the weights", "Paths of the weights", "Settings against results"),
    ]
    assert any(button.proto.label == "Runs as CSV" for button in test.get("download_button"))


def test_what_is_found_of_a_rare_class_is_shown_for_runs_of_segmentation(store: RunStore) -> None:
    test = page(",".join(record(store)))
    assert not test.get("segmented_control") or all(control.label != "Class" for control in test.segmented_control)
    test.session_state["imbalance"] = True
    test.run()
    assert not test.exception
    text = " ".join(str(each.value) for kind in ("markdown", "html", "caption") for each in test.get(kind))
    # Of 12 images of 1010 pixels, of which 100 are lesion: 9.1 background pixels for each.
    assert "lesion **9.9 %**" in text
    assert "has **9.1** of background (median; 9.1 to 9.1)" in text
    assert 'aria-label="Recall by size"' in text
    assert "No epoch was scored yet" in text  # of these runs only means over classes were recorded
    assert "kept" in text  # why there is no curve
