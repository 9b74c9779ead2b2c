"""The weighting lab as a person meets it: a first picture at once, other sources, methods, changes, links."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dmf.config import FusionConfig
from dmf.records import Event, RunState, SettingChange, StateChange, TelemetryBlock
from dmf.replay import replay
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"
STEPS = 60


def asked(test: AppTest, name: str) -> str:
    """A part of the page's address; empty where it has none."""
    held = test.query_params.get(name, "")
    return held if isinstance(held, str) else held[0]


def said(test: AppTest) -> str:
    """The words of the page."""
    kinds = ("caption", "markdown", "html", "error", "warning", "code")
    return " ".join(
        str(element.value if kind != "html" else element.proto.body) for kind in kinds for element in test.get(kind)
    )


def record(store: RunStore, method: str = "mad", *, label: str = "MAD run", turned: str = "") -> str:
    """A finished run whose weights are those of the replay; ``turned`` is its method from step 30 on."""
    config = FusionConfig(weighting=method, history_max=30)
    made = store.create_experiment(
        {"training": {"lr": 0.002}},
        name="Race",
        labels=[label],
        run_configs=[config.recorded()],
        environment={},
    )
    (run,) = made.runs
    store.claim([run.id], "test")
    losses = np.random.default_rng(0).uniform(0.2, 1.0, (STEPS, 3)).astype("f4")
    changes = [SettingChange(30, "weighting", turned)] if turned else []
    weights = replay(losses.astype("f8"), config, changes)
    columns = (*(f"{kind}_{term}" for kind in ("loss", "weight") for term in config.term_names), "finite")
    values = np.column_stack([losses, weights, np.ones(STEPS)]).astype("f4")
    events = [Event(run.id, 30, "knob", {"field": "weighting", "before": method, "value": turned})] if turned else []
    store.write(
        [
            TelemetryBlock(run.id, 1, 0, columns, values, 100.0, 150.0),
            *events,
            StateChange(run.id, STEPS, RunState.FINISHED),
        ],
        "test",
    )
    store.release([run.id], "test")
    return run.id


def test_a_first_visit_finds_a_drawn_history_under_the_rules_of_the_paper(store: RunStore, visit: Any) -> None:
    test = visit("lab")
    assert asked(test, "methods") == "variance;mad;bayesian"
    assert test.button_group(key="lab-source").value == "synthetic"


def test_a_method_is_added_duplicated_and_removed(store: RunStore, visit: Any) -> None:
    test = visit("lab")
    test.selectbox(key="lab-add").select("dwa").run()
    assert asked(test, "methods") == "variance;mad;bayesian;dwa"
    first = test.session_state["lab-setup"].rows[0].id
    test.button(key=f"lab-copy-{first}").click().run()
    assert asked(test, "methods") == "variance;variance;mad;bayesian;dwa"
    assert "Variance 2" in said(test)
    test.button(key=f"lab-remove-{first}").click().run()
    assert asked(test, "methods") == "variance;mad;bayesian;dwa"
    assert not test.exception


def test_the_last_method_stays(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="mad")
    row = test.session_state["lab-setup"].rows[0].id
    assert test.button(key=f"lab-remove-{row}").disabled


def test_only_methods_that_need_no_more_than_losses_are_offered(store: RunStore, visit: Any) -> None:
    options = visit("lab").selectbox(key="lab-add").options
    assert "SoftAdapt" in options
    assert "GradNorm" not in options


def test_settings_that_do_not_fit_are_told_beside_the_method_and_the_others_are_drawn(
    store: RunStore, visit: Any
) -> None:
    test = visit("lab", methods="mad,history_min=50,history_max=20;variance")
    assert "would never move" in said(test)
    assert not test.exception


def test_a_method_of_a_link_that_cannot_be_replayed_says_so(store: RunStore, visit: Any) -> None:
    assert "cannot be replayed" in said(visit("lab", methods="gradnorm;variance"))


def test_a_link_that_cannot_be_read_begins_anew_and_says_so(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="mad,rho", synthetic="{}")
    assert "cannot be read" in said(test)
    assert asked(test, "methods") == "variance;mad;bayesian"
    assert "cannot be read" in said(visit("lab", synthetic="[1]"))
    assert "cannot be read" in said(visit("lab", changes="{"))


def test_a_shape_is_drawn_at_a_click(store: RunStore, visit: Any) -> None:
    test = visit("lab")
    test.button(key="lab-shape-spike").click().run()
    assert json.loads(asked(test, "synthetic"))["losses"][0] == {"spikes": 3, "spike_height": 20.0}


def test_settings_of_a_history_that_cannot_be_are_told(store: RunStore, visit: Any) -> None:
    assert "steps" in said(visit("lab", synthetic='{"steps":1}'))


def test_a_recorded_run_is_replayed_and_agrees_with_what_was_recorded(store: RunStore, visit: Any) -> None:
    id = record(store)
    test = visit("lab")
    test.button_group(key="lab-source").set_value("run").run()
    assert asked(test, "run") == id
    assert "differ from the recorded ones by at most" in said(test)
    test.toggle(key="lab-recorded").set_value(False).run()
    assert asked(test, "recorded") == "no"
    assert not test.exception


def test_a_run_whose_method_was_changed_is_offered_as_it_was(store: RunStore, visit: Any) -> None:
    id = record(store, turned="bayesian")
    test = visit("lab", run=id)
    assert "its 1 change of method" in said(test)
    test.toggle(key="lab-as_it_was").set_value(True).run()
    assert asked(test, "own") == "yes"
    assert not test.exception


def test_a_run_whose_own_method_needs_more_than_losses_is_replayed_under_others(store: RunStore, visit: Any) -> None:
    id = record(store)
    config = FusionConfig(weighting="gradnorm").recorded()
    made = store.create_experiment({}, name="G", labels=["g"], run_configs=[config], environment={})
    store.claim([made.runs[0].id], "test")
    telemetry = store.telemetry(id)
    values = telemetry.values
    store.write([TelemetryBlock(made.runs[0].id, 1, 0, tuple(telemetry.columns), values, 100.0, 150.0)], "test")
    store.release([made.runs[0].id], "test")
    test = visit("lab", run=made.runs[0].id, own="yes")
    assert "GradNorm, needs more than loss values" in said(test)
    assert test.toggle(key="lab-as_it_was").disabled
    assert not test.exception


def test_a_run_that_is_not_there_is_told(store: RunStore, visit: Any) -> None:
    record(store)
    assert "r-nothing" in said(visit("lab", run="r-nothing"))
    assert "No run is called" in said(visit("lab", run="../x"))


def test_without_runs_it_says_how_to_get_one(store: RunStore, visit: Any) -> None:
    test = visit("lab")
    test.button_group(key="lab-source").set_value("run").run()
    assert "No run has recorded a step yet" in said(test)


def test_a_file_is_read_or_told_what_is_wrong_with_it(store: RunStore, visit: Any) -> None:
    test = visit("lab", source="upload", methods="mad")
    test.file_uploader(key="lab-upload").upload("mine.csv", b"a,b\n1,2\nx,3\n", "text/csv").run()
    assert "mine.csv, line 3: 'x' in column 'a' is not a number" in said(test)
    rows = "\n".join(f"{1 / step},{2 / step}" for step in range(1, 40))
    test.file_uploader(key="lab-upload").upload("mine.csv", f"a,b\n{rows}".encode(), "text/csv").run()
    assert not test.error
    assert test.session_state["lab-setup"].source == "upload"


def test_a_file_from_which_nothing_can_be_learned_is_told(store: RunStore, visit: Any) -> None:
    test = visit("lab", source="upload", methods="dwa")
    rows = "\n".join(f"{1 / step}," for step in range(1, 40))
    test.file_uploader(key="lab-upload").upload("mine.csv", f"ce,dice\n{rows}".encode(), "text/csv").run()
    assert "Dice has no finite value, so no step was learned from: all weights stay where they start." in said(test)
    assert "by construction" not in said(test)


def test_weights_that_do_not_sum_to_one_are_said_to_be_effective(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="geometric;mad;fixed,weights=1:1:1")
    assert "Geometric and Fixed: these are effective weights" in said(test)
    assert "effective" not in said(visit("lab", methods="mad;fixed"))


def test_a_method_that_is_not_known_here_is_told_apart_from_one_that_needs_more(store: RunStore, visit: Any) -> None:
    words = said(visit("lab", methods="famo;mine;variance", explain="FAMO"))
    assert "FAMO needs more than loss values, so it cannot be replayed. Train with it" in words
    assert "Mine is not known here (a plug-in that is not loaded?)" in words
    assert "FAMO cannot be explained from losses alone; here is Variance on the same losses." in words


def test_an_unknown_setting_of_a_link_is_told(store: RunStore, visit: Any) -> None:
    assert "This link has a setting that is not known here: 'x'." in said(visit("lab", methods="mad,x=1"))
    assert "This link has a setting that is not known here: 'y'." in said(visit("lab", synthetic='{"y":1}'))


def change(test: AppTest, **settings: Any) -> AppTest:
    for name, value in settings.items():
        kind = test.selectbox if name in ("kind", "loss") else test.number_input
        kind(key=f"lab-change-{name}").set_value(value).run()
    return test.button(key="lab-change-add").click().run()


def test_a_change_is_made_listed_and_taken_back(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="mad")
    change(test, kind="scale", loss="L2", step=300, size=5.0)
    made = [{"kind": "scale", "loss": 1, "step": 300, "length": None, "size": 5.0}]
    assert json.loads(asked(test, "changes")) == made
    assert "L2 times 5, from step 300" in said(test)
    change(test, kind="drop", step=10)
    assert "L2 dropped, at step 10 for 20 steps" in said(test)
    test.button(key="lab-change-remove-0").click().run()
    assert [each["kind"] for each in json.loads(asked(test, "changes"))] == ["drop"]
    assert not test.exception


def test_a_change_at_a_step_that_is_not_there_is_refused(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="mad", synthetic='{"steps":300}')
    test.number_input(key="lab-change-step").set_value(5000).run()
    assert "Step 5,000 is not there; choose one from 0 to 299." in said(test)
    assert test.button(key="lab-change-add").disabled
    assert not asked(test, "changes")


def test_no_more_methods_are_added_than_can_be_told_apart(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods=";".join(["mad"] * 14), synthetic='{"steps":50}')
    assert [each.value for each in test.info] == ["This link has 14 methods; the first 12 are shown."]
    first = test.session_state["lab-setup"].rows[0].id
    assert len(test.session_state["lab-setup"].rows) == 12
    copy = test.button(key=f"lab-copy-{first}")
    assert copy.disabled
    assert copy.help == "12 methods are the most; remove one first."
    assert test.selectbox(key="lab-add").disabled


def test_a_change_of_a_loss_that_is_not_there_is_told(store: RunStore, visit: Any) -> None:
    assert "no loss number 6" in said(visit("lab", changes='[{"kind":"cut","loss":5}]'))


@pytest.mark.parametrize("view", ["overlay", "loss", "method", "difference", "triangle"])
def test_every_view_is_drawn_with_and_without_a_change(store: RunStore, view: str, visit: Any) -> None:
    test = visit(
        "lab", view=view, methods="mad;mad,history_max=20;cov", changes='[{"kind":"spike","step":200}]', against="2"
    )
    assert asked(test, "view") == view
    assert not test.error


def test_from_three_methods_on_weights_are_small_multiples_until_somebody_chooses(store: RunStore, visit: Any) -> None:
    assert visit("lab", methods="mad;cov").session_state["lab-view"] == "overlay"
    test = visit("lab", methods="mad;cov;dwa")
    assert (test.session_state["lab-view"], asked(test, "view")) == ("method", "")


def test_differences_are_taken_to_the_method_that_is_chosen(store: RunStore, visit: Any) -> None:
    test = visit("lab", view="difference", methods="mad;variance")
    rows = test.session_state["lab-setup"].rows
    test.selectbox(key="lab-against").set_value(rows[1].id).run()
    assert asked(test, "against") == "2"


def test_weights_that_are_nearly_equal_by_construction_are_said_to_be(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="dwa")
    assert "near 1/3 by construction" in said(test)
    test.toggle(key="lab-fit").set_value(True).run()
    assert not test.exception
    assert "by construction" not in said(visit("lab", methods="mad"))


def test_a_triangle_needs_three_losses(store: RunStore, visit: Any) -> None:
    assert "this history has 2" in said(visit("lab", view="triangle", synthetic='{"losses":[{},{}]}'))


def open_part(test: AppTest, part: str) -> AppTest:
    test.session_state["lab-tabs"] = part
    return test.run()


def test_sensitivity_draws_a_parameter_and_refuses_what_cannot_work(store: RunStore, visit: Any) -> None:
    test = open_part(visit("lab", methods="bayesian"), "Sensitivity")
    assert test.get("plotly_chart")
    test.selectbox(key="lab-sweep-parameter").set_value("history_min").run()
    test.number_input(key="lab-sweep-history_min-to").set_value(500.0).run()
    assert "Narrow the range" in said(test)
    test.number_input(key="lab-sweep-history_min-to").set_value(1.0).run()
    assert "must be above" in said(test)


def test_what_is_taken_away_says_how_to_get_the_same(store: RunStore, visit: Any) -> None:
    test = open_part(visit("lab", methods="mad;bayesian,rho=0.5"), "Take away")
    assert "dmf replay losses.csv --weighting mad" in said(test)
    assert "--weighting bayesian --rho 0.5" in said(test)
    assert "lab?methods=mad%3Bbayesian%2Crho%3D0.5&synthetic=%7B%7D" in said(test)


def test_the_link_has_what_was_explained(store: RunStore, visit: Any) -> None:
    test = visit("lab", methods="mad;variance", explain="Variance", step="40")
    assert "explain=Variance&step=40" in said(open_part(test, "Take away"))


def test_a_method_is_varied_by_how_far_back_it_looks(store: RunStore, visit: Any) -> None:
    for method, parameter in (("bayesian", "history_max"), ("softadapt", "window"), ("dwa", "temperature")):
        test = open_part(visit("lab", methods=method), "Sensitivity")
        assert test.selectbox(key="lab-sweep-parameter").value == parameter


def test_a_link_leads_back_to_the_same_setup(store: RunStore, visit: Any) -> None:
    first = visit(
        "lab",
        **{"methods": "mad;mad,history_max=20", "synthetic": '{"steps":200}', "view": "difference", "against": "2"},
        changes='[{"kind":"cut","loss":1,"step":50,"length":null,"size":0.0}]',
    )
    names = ("methods", "synthetic", "view", "against", "changes")
    again = visit("lab", **{name: asked(first, name) for name in names})
    assert [row.text for row in again.session_state["lab-setup"].rows] == ["mad", "mad,history_max=20"]
    assert {name: asked(again, name) for name in names} == {name: asked(first, name) for name in names}


def test_training_with_the_methods_fills_the_form(store: RunStore, visit: Any) -> None:
    test = open_part(visit("lab", run=record(store), methods="bayesian,rho=0.5;dwa"), "Take away")
    test.button(key="lab-train").click().run()
    assert not test.exception
    assert test.session_state["form-lr"] == 0.002
    assert test.session_state["form-history_max"] == 30
    rows = test.session_state["form-rows"]
    assert [test.session_state[f"form-run-{row}-weighting"] for row in rows] == ["bayesian", "dwa"]


def test_a_link_that_explains_opens_the_explanation(store: RunStore, visit: Any) -> None:
    test = visit("lab", run=record(store), methods="mad;variance", explain="MAD", step="40")
    assert test.session_state["lab-tabs"] == "Explain"
    assert "Step 40" in said(test)
