"""The Train page as a person meets it: what it shows, what it refuses, what its buttons do."""

import math
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.views import Snapshot
from dmf.config import FusionConfig
from dmf.records import EpochMetrics, Event, RunState, Sample, StateChange, TelemetryBlock
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"
CONTAINERS = ("weights-chart", "losses-chart", "auxiliary-chart", "metrics-table", "samples", "run-status")
TERMS = ("ce", "iou", "dice")


def page(experiment: str | None = None) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/train.py")
    if experiment is not None:
        test.query_params["experiment"] = experiment
    test.run()
    assert not test.exception
    return test


def record(
    store: RunStore,
    steps: int = 40,
    state: RunState = RunState.FINISHED,
    bad: tuple[str, int] | None = None,
    methods: tuple[str, str] = ("variance", "mad"),
) -> str:
    """An experiment of two runs with everything a training leaves behind; ``bad``: a loss, NaN so often at first."""
    fusions = [{**FusionConfig(weighting=name).recorded()} for name in methods]
    config = {"data": {"dataset": "phantom", "image_size": 16}, "training": {"epochs": 2}}
    experiment = store.create_experiment(
        config, name="Two methods", labels=list(methods), run_configs=fusions, environment={}
    )
    owner = "test"
    store.claim([run.id for run in experiment.runs], owner)
    columns = (
        *(f"loss_{term}" for term in TERMS),
        *(f"weight_{term}" for term in TERMS),
        *("auxiliary", "gamma", "total", "lr", "finite"),
    )
    values = np.tile(np.float32([0.9, 0.6, 0.3, 0.2, 0.3, 0.5, 0.8, 1.0, 1.0, 1e-3, 1.0]), (steps, 1))
    if bad is not None:
        values[: bad[1], columns.index(f"loss_{bad[0]}")], values[: bad[1], columns.index("finite")] = np.nan, 0
    facts = {
        **{"device": "cpu", "precision": "float32", "bit_reproducible": True, "steps_per_epoch": 20, "steps_total": 40},
        **{"images": {"train": 20, "validation": 4, "test": 4}, "class_names": ["background", "lesion"]},
    }
    picture = cv2.imencode(".png", np.eye(16, dtype=np.uint8))[1].tobytes()
    shared = [Sample(experiment.id, None, "case-1", 0, 0, kind, picture) for kind in ("image", "truth")]
    for run in experiment.runs:
        now = time.time()
        records = [
            StateChange(run.id, 0, RunState.RUNNING),
            Event(run.id, 0, "prepared", facts),
            *shared,
            Sample(experiment.id, run.id, "case-1", 0, 0, "prediction", picture, 0.25),
            EpochMetrics(run.id, 0, 0, "validation", 4, {"lesion_dice": 0.1, "cb_dice": 0.2, "dice/lesion": 0.1}),
        ]
        if steps:
            records.append(TelemetryBlock(run.id, 1, 0, columns, values, now - 4, now))
        if state is RunState.FINISHED:
            for split, images in (("validation", 4), ("test", 5)):
                records.append(EpochMetrics(run.id, 2, 40, split, images, {"lesion_dice": 0.7, "cb_dice": 0.8}))
            records.append(Sample(experiment.id, run.id, "case-1", 2, 40, "prediction", picture, 0.75))
        records.append(StateChange(run.id, steps, state))
        store.write(records, owner)
    return experiment.id


def apply(test: AppTest) -> Button:
    """The button of the live settings."""
    return next(button for button in test.button if button.label == "Apply")


def every_html(test: AppTest) -> str:
    return " ".join(element.value for element in test.main.get("html"))


def html_of(test: AppTest, container: str) -> str:
    return " ".join(element.value for element in test.container(key=container).get("html"))


def test_without_an_experiment_the_page_says_what_it_is_and_what_to_do(store: RunStore) -> None:
    test = page()
    assert "weights" in test.title[0].value
    assert any("Start training" in element.value for element in test.markdown)


def test_start_puts_the_experiment_into_the_url(store: RunStore) -> None:
    from app import access

    id = record(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "start", lambda config: id)
        test = page()
        test.button(key="start-training").click().run()
    assert test.query_params["experiment"] == id
    assert not test.exception


def test_a_second_click_on_start_starts_nothing_more(store: RunStore) -> None:
    from app import access, state

    id, started = record(store), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "start", lambda config: started.append(config) or id)
        patch.setattr(state, "IMPATIENCE", math.inf)  # seconds count for people, not on a busy machine
        test = page()
        test.button(key="start-training").click().run()
        test.button(key="start-training").click().run()
        assert len(started) == 1
        test.text_input(key="form-seeds").set_value("1, 2").run()
        test.button(key="start-training").click().run()
    assert len(started) == 2
    assert [one.training.seed for config in started for one in config.in_turn()] == [0, 1, 2]


def test_what_is_queued_says_what_it_waits_for(store: RunStore) -> None:
    training = {"training": {"device": "cpu"}}
    fusion = FusionConfig().recorded()
    first, second = (
        store.create_experiment(training, name=name, labels=["mad"], run_configs=[fusion], environment={})
        for name in ("step 5 <b>", "second")
    )
    store.claim([first.runs[0].id, second.runs[0].id], "test")
    assert "preparing the data" in html_of(page(second.id), "run-status")
    store.write([StateChange(first.runs[0].id, 0, RunState.PAUSED)], "test")
    test = page(second.id)
    status = html_of(test, "run-status")
    assert "waiting for its turn" in status
    assert status.count("step ") == 1
    listed = html_of(test, f"queue-{first.id}")
    assert f'href="train?experiment={first.id}"' in listed
    assert "step 5 &lt;b&gt;" in listed
    assert "paused" in listed
    assert "(this one)" in html_of(test, f"queue-{second.id}")


@pytest.mark.parametrize(("steps", "state"), [(0, RunState.RUNNING), (4, RunState.PAUSED), (40, RunState.FINISHED)])
def test_every_container_is_there_whenever_an_experiment_is_shown(store: RunStore, steps: int, state: RunState) -> None:
    test = page(record(store, steps, state))
    for key in CONTAINERS:
        assert test.container(key=key) is not None
    status = html_of(test, "run-status")
    assert f"step {steps}" in status
    assert status.count("step ") == 1


def test_the_weights_chart_says_what_it_waits_for(store: RunStore) -> None:
    from app import access
    from app.components.race import collecting

    id = record(store, 4, RunState.RUNNING)
    page(id)
    assert collecting(access.follow(id)) == "collecting 4 of 10 losses, weights uniform until then"
    assert collecting(access.follow(record(store))) == ""


def test_where_a_method_keeps_weights_nearly_equal_the_page_says_so_and_can_fit_the_axis(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.components import race

    ranges: dict[str, Any] = {}
    draw = race.live_chart
    monkeypatch.setattr(
        race,
        "live_chart",
        lambda series, **about: ranges.update({about["title"]: about.get("y_range")}) or draw(series, **about),
    )
    id = record(store, methods=("mad", "softadapt"))
    test = page(id)
    line = test.container(key="fit-weights-line")
    assert line.caption[0].value == "SoftAdapt: weights stay between 0.20 and 0.50 here, near 1/3 by construction"
    assert "within a factor 1.11 of each other" in line.caption[0].help
    assert ranges["Loss weights W1–W3"] == (0, 1.0)
    test.toggle(key="fit-weights").set_value(True).run()
    assert ranges["Loss weights W1–W3"] is None
    assert ranges["Share of the total"] == (0, 1)
    run = store.experiment(id).runs[1].id
    store.write([Event(run, 20, "knob", {"field": "weighting", "value": "mad", "before": "softadapt"})], "test")
    assert all(toggle.key != "fit-weights" for toggle in page(id).toggle)
    assert all(toggle.key != "fit-weights" for toggle in page(record(store)).toggle)


def test_scores_say_what_they_are_over(store: RunStore) -> None:
    table = html_of(page(record(store)), "metrics-table")
    assert table.index("Lesion Dice") < table.index("CB-Dice")
    assert "Validation, 4 images" in table
    assert "Test, 5 images" in table
    assert "epoch 2" in table
    assert "pooled, lesion only" in table
    assert "0.7000" in table


def test_samples_are_pictures_with_their_dice_at_the_epoch_chosen(store: RunStore) -> None:
    test = page(record(store))
    gallery = html_of(test, "samples")
    assert gallery.count("<img ") == 4  # image, truth and two runs
    assert 'alt="Prediction of MAD for case-1 at epoch 2, Dice 0.750"' in gallery
    test.select_slider(key="sample-epoch").set_value(0).run()
    assert not test.exception
    assert "at epoch 0, Dice 0.250" in html_of(test, "samples")
    assert not test.toggle(key="follow-newest").value


def test_an_epoch_just_left_that_a_browser_sends_late_does_not_end_following(store: RunStore) -> None:
    id = record(store, 40, RunState.RUNNING)
    test = page(id)
    picture = store.sample_png(store.samples(id)[0].id)
    runs = [run.id for run in store.experiment(id).runs]
    for run in runs:
        scores = EpochMetrics(run, 1, 20, "validation", 4, {"lesion_dice": 0.5})
        store.write([Sample(id, run, "case-1", 1, 20, "prediction", picture, 0.5), scores], "test")
    test.run()
    test.select_slider(key="sample-epoch").set_value(0).run()
    assert test.toggle(key="follow-newest").value
    assert "at epoch 1, Dice 0.500" in html_of(test, "samples")


def test_a_run_that_is_behind_shows_how_far_it_came(store: RunStore) -> None:
    id = record(store, 40, RunState.RUNNING)
    run = store.experiment(id).runs[0].id
    picture = store.sample_png(store.samples(id)[0].id)
    store.write([Sample(id, run, "case-1", 1, 20, "prediction", picture, 0.5)], "test")
    gallery = html_of(page(id), "samples")
    assert "Prediction of Variance for case-1 at epoch 1, Dice 0.500" in gallery
    assert "Dice <b>0.250</b> · epoch 0" in gallery


def test_buttons_can_be_clicked_where_they_mean_something(store: RunStore) -> None:
    def enabled(state: RunState) -> set[str]:
        test = page(record(store, 4, state))
        buttons = [button for button in test.container(key="controls").button if "control-" in str(button.key)]
        return {button.label for button in buttons if not button.disabled}

    assert enabled(RunState.RUNNING) == {"Pause", "Stop"}
    assert enabled(RunState.PAUSED) == {"Resume", "Step", "Stop"}
    assert enabled(RunState.STOPPED) == {"Resume"}
    assert enabled(RunState.FINISHED) == set()


@pytest.mark.parametrize(("state", "word"), [(RunState.RUNNING, "pause"), (RunState.PAUSED, "step")])
def test_a_button_leaves_a_wish_for_every_run(store: RunStore, state: RunState, word: str) -> None:
    id = record(store, 4, state)
    test = page(id)
    test.button(key=f"control-{word}-{id}").click().run()
    assert not test.exception
    runs = [run.id for run in store.experiment(id).runs]
    assert [(command.run, command.name) for command in store.pending_commands(runs)] == [(run, word) for run in runs]


def test_a_button_whose_effect_has_to_wait_says_so(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)  # by nobody who hears it
    test = page(id)
    test.button(key=f"control-pause-{id}").click().run()
    assert [toast.value for toast in test.toast] == ["Pause: asked for. It takes effect when the present step is done."]


def test_resume_continues_what_was_stopped(store: RunStore) -> None:
    from app.access import steering

    id = record(store, 4, RunState.STOPPED)
    resumed: list[str] = []

    class Manager:
        def resume(self, experiment: str) -> None:
            resumed.append(experiment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steering, "manager", Manager)
        page(id).button(key=f"control-resume-{id}").click().run()
    assert resumed == [id]


def test_a_failure_is_told_in_plain_words(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)
    run = store.experiment(id).runs[0]
    store.write([StateChange(run.id, 4, RunState.FAILED, "Out of memory. Use a smaller batch.")], "test")
    test = page(id)
    assert "Variance failed: Out of memory. Use a smaller batch." in test.error[0].value
    assert html_of(test, "run-status").count("step ") == 1


def test_a_reason_that_counts_steps_stays_out_of_the_status(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)
    reason = "The losses were not finite for 10 steps in a row (from step 2)."
    store.write([StateChange(run.id, 4, RunState.FAILED, reason) for run in store.experiment(id).runs], "test")
    test = page(id)
    assert test.error[0].value.startswith("Every run failed: The losses were not finite for 10 steps")
    assert html_of(test, "run-status").count("step ") == 1


@pytest.mark.parametrize("id", ["e-none", "../../etc/passwd", "<script>", "x" * 300])
def test_an_unknown_experiment_is_said_and_others_are_offered(store: RunStore, id: str) -> None:
    known = record(store)
    test = page(id)
    assert "no experiment" in test.error[0].value
    (link,) = test.container(key="recent").get("page_link")
    assert link.proto.query_string == f"experiment={known}"


def test_a_name_is_shown_as_it_was_typed(store: RunStore) -> None:
    fusion = FusionConfig().recorded()
    experiment = store.create_experiment(
        {}, name="a*b* [c](d) :red[e] $f$", labels=["mad"], run_configs=[fusion], environment={}
    )
    shown = next(element.value for element in page(experiment.id).markdown if element.value.startswith("###"))
    assert shown == r"### a\*b\* \[c\]\(d\) \:red\[e\] \$f\$"


def test_recent_experiments_are_links(store: RunStore) -> None:
    id = record(store)
    test = page()
    (link,) = test.container(key="recent").get("page_link")
    assert (link.proto.label, link.proto.query_string) == ("Two methods", f"experiment={id}")
    assert "finished" in html_of(test, "recent")


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs.sqlite").write_text("not a database, but long enough to be taken for one " * 20)
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    test = page()
    assert "runs.sqlite" in test.error[0].value


def test_a_knob_is_turned_for_every_run_it_can_be_turned_for(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)
    test = page(id)
    assert test.number_input(key=f"knob-gamma-{id}-all").value == 1.0
    assert test.selectbox(key=f"knob-weighting-{id}-all").value is None  # the runs differ
    test.number_input(key=f"knob-gamma-{id}-all").set_value(2.0)
    apply(test).click().run()
    assert not test.exception
    runs = [run.id for run in store.experiment(id).runs]
    commands = [(command.run, command.name, command.field, command.value) for command in store.pending_commands(runs)]
    assert commands == [(run, "set", "gamma", 2.0) for run in runs]
    assert any("γ₀" in toast.value and "before the next step" in toast.value for toast in test.toast)


def test_a_knob_can_be_turned_for_one_run_alone(store: RunStore) -> None:
    id = record(store, 4, RunState.PAUSED)
    variance, mad = store.experiment(id).runs
    test = page(id)
    test.selectbox(key=f"knobs-target-{id}").set_value("MAD").run()
    assert test.selectbox(key=f"knob-weighting-{id}-{mad.id}").value == "mad"
    test.selectbox(key=f"knob-weighting-{id}-{mad.id}").set_value("fixed")
    test.number_input(key=f"knob-lr-{id}-{mad.id}").set_value(0.5)
    apply(test).click().run()
    commands = [
        (command.run, command.field, command.value) for command in store.pending_commands([variance.id, mad.id])
    ]
    assert commands == [(mad.id, "lr", 0.5), (mad.id, "weighting", "fixed")]


def test_a_knob_that_cannot_work_is_refused_beside_its_field_and_nothing_is_sent(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)
    test = page(id)
    test.number_input(key=f"knob-lr-{id}-all").set_value(-1.0)
    test.number_input(key=f"knob-gamma-{id}-all").set_value(3.0)
    apply(test).click().run()
    assert "Must be above 0, got -1.0." in every_html(test)
    assert store.pending_commands([run.id for run in store.experiment(id).runs]) == []
    assert test.number_input(key=f"knob-gamma-{id}-all").value == 3.0  # nothing is lost


def test_applying_nothing_sends_nothing(store: RunStore) -> None:
    id = record(store, 4, RunState.RUNNING)
    test = page(id)
    apply(test).click().run()
    assert "Nothing was changed" in every_html(test)
    assert store.pending_commands([run.id for run in store.experiment(id).runs]) == []


def test_what_was_changed_is_named_in_the_status_and_the_knobs_stand_there(store: RunStore) -> None:
    id = record(store, 40, RunState.RUNNING)
    mad = store.experiment(id).runs[1].id
    changes = {"weighting": ("mad", "bayesian"), "gamma": (1.0, 2.0)}
    events = [
        Event(mad, 20, "knob", {"field": field, "value": value, "before": before})
        for field, (before, value) in changes.items()
    ]
    store.write(events, "test")
    test = page(id)
    status = html_of(test, "run-status")
    assert "MAD, now Bayesian" in status
    assert "γ₀ 2" in status
    assert test.number_input(key=f"knob-gamma-{id}-all").value is None  # 1 and 2
    assert "MAD, now Bayesian" in html_of(test, "samples")


def test_what_has_ended_has_no_knobs(store: RunStore) -> None:
    assert not [field for field in page(record(store)).number_input if str(field.key).startswith("knob-")]


def test_steps_that_were_skipped_are_counted_with_the_loss_to_blame(store: RunStore) -> None:
    id = record(store, 40, RunState.RUNNING, bad=("dice", 3))
    status = html_of(page(id), "run-status")
    assert status.count("3 steps skipped: Dice not finite") == 2


def test_the_queue_is_listed_with_who_trains_and_can_be_cancelled(store: RunStore) -> None:
    running = record(store, 4, RunState.RUNNING)
    training = {"training": {"device": "cpu", "epochs": 3}}
    fusion = FusionConfig().recorded()
    waits = store.create_experiment(training, name="waits", labels=["mad"], run_configs=[fusion], environment={})
    store.claim([waits.runs[0].id], "dmf train on host (process 7, ab12)")
    test = page(running)
    assert "dmf train on host (process 7)" in html_of(test, f"queue-{waits.id}")
    assert "epoch 0 of 2" in html_of(test, f"queue-{running}")
    assert test.button(key=f"queue-earlier-{waits.id}").disabled  # another process has its own order
    assert not [button for button in test.button if button.key == f"queue-cancel-{running}"]
    test.button(key=f"queue-cancel-{waits.id}").click().run()
    assert not test.exception
    assert store.experiment(waits.id).runs[0].state is RunState.STOPPED
    assert store.experiment(running).runs[0].state is RunState.RUNNING
    assert any("cancelled in the queue" in element.value for element in page(waits.id).get("html"))


def test_a_lone_experiment_has_no_list(store: RunStore) -> None:
    assert "Training and waiting" not in " ".join(
        text.value for text in page(record(store, 4, RunState.PAUSED)).markdown
    )


def test_trouble_is_told_once_and_what_was_read_stays(store: RunStore) -> None:
    from app import access
    from dmf.errors import StoreError

    id = record(store, 40, RunState.RUNNING)
    sentence = "The run store is locked by another program."
    follow = access.follow
    looks: list[str] = []

    def fails_after_the_first(id: str) -> Snapshot:
        looks.append(id)
        if len(looks) > 1:
            raise StoreError(sentence)
        return follow(id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "trouble", lambda id: sentence)
        patch.setattr(access, "follow", fails_after_the_first)
        test = page(id)
    assert [error.value for error in test.error] == [sentence]
    assert "step 40" in html_of(test, "run-status")


def test_a_store_that_cannot_be_written_refuses_in_a_sentence_and_the_page_stays(store: RunStore) -> None:
    from app import access
    from dmf.errors import StoreError

    id = record(store, 40, RunState.RUNNING)

    def refuse(id: str, word: str) -> None:
        raise StoreError("The run store is read-only.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "command", refuse)
        test = page(id)
        test.button(key=f"control-stop-{id}").click().run()
    assert [error.value for error in test.error] == ["The run store is read-only."]
    assert "step 40" in html_of(test, "run-status")
