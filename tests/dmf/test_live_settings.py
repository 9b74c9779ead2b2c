"""What changes may be set to, and changes of them as a file."""

import json
import math

import pytest

from dmf.config import FusionConfig, PluginConfig
from dmf.errors import ConfigError
from dmf.live_settings import (
    LIVE_SETTINGS,
    Settings,
    changes_of,
    events_text,
    plugins_of_changes,
    read_events,
    write_events,
)
from dmf.records import SettingChange
from dmf.runs import EventRow

SETTINGS = Settings(1e-3, FusionConfig(weighting="mad", gamma=1, decay_rate=0.05))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        *(("lr", 0.5, 0.5), ("lr", " 5e-4 ", 5e-4), ("gamma", 0, 0.0), ("gamma", "3", 3.0)),
        *(("decay_rate", 0.1, 0.1), ("weighting", "variance", "variance")),
    ],
)
def test_a_knob_changes_its_field_and_nothing_else(field, value, expected):
    turned = SETTINGS.changed(field, value)
    assert turned.value(field) == expected
    assert type(turned.value(field)) is type(expected)
    assert {name for name in LIVE_SETTINGS if turned.value(name) != SETTINGS.value(name)} == {field}
    assert turned.changed(field, SETTINGS.value(field)) == SETTINGS


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("lr", 0, "lr: input should be greater than 0, got 0"),
        ("lr", math.nan, "lr: input should be"),
        ("lr", True, "lr: expected a number, got True"),
        ("weighting", True, "weighting: expected a name, got True"),
        ("weighting", 3, "weighting: input should be a valid string, got 3"),
        ("gamma", -1, "gamma: input should be greater than or equal to 0, got -1"),
        ("gamma", 1e9, "gamma: input should be less than or equal to 1000000"),
        ("decay_rate", "fast", "decay_rate: input should be a valid number"),
        ("epochs", 3, "Unknown live setting 'epochs'. Choose one of: gamma, decay_rate, lr, weighting."),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_field(field, value, message):
    with pytest.raises(ConfigError) as caught:
        SETTINGS.changed(field, value)
    assert str(caught.value).startswith(message)
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["gamma", "decay_rate"])
def test_without_an_auxiliary_loss_its_knobs_are_refused(field):
    settings = Settings(1e-3, FusionConfig(auxiliary="none"))
    with pytest.raises(ConfigError, match=f"{field}: this run has no auxiliary loss, so there is nothing to turn"):
        settings.changed(field, 2)


def test_changes_follow_each_other():
    settings = SETTINGS.after(
        [SettingChange(1, "lr", 0.5), SettingChange(2, "weighting", "fixed"), SettingChange(3, "lr", 0.25)]
    )
    assert (settings.lr, settings.fusion.weighting) == (0.25, "fixed")
    assert SETTINGS.after([]) == SETTINGS


def test_stored_changes_come_in_the_order_they_act():
    def event(id, step, kind="knob", value=0.0):
        return EventRow(id, "r-1", 1, step, kind, {"field": "lr", "value": value, "before": 1.0}, 0.0)

    events = [event(1, 9, value=0.1), event(2, 5, value=0.2), event(3, 7, "state"), event(4, 5, value=0.3)]
    assert changes_of(events) == (SettingChange(5, "lr", 0.2), SettingChange(5, "lr", 0.3), SettingChange(9, "lr", 0.1))


def test_plugins_that_were_turned_to_are_told_once():
    mine = {"path": "/mine.py", "sha256": "ab" * 32}

    def event(id, step, kind="knob", **told):
        data = {"field": "weighting", "value": "height", "before": "mad", **told}
        return EventRow(id, "r-1", 1, step, kind, data, 0.0)

    events = [event(1, 3, plugins=[mine]), event(2, 5), event(3, 7, plugins=[mine]), event(4, 8, "refused")]
    assert plugins_of_changes(events) == (PluginConfig(path="/mine.py", sha256="ab" * 32),)


def test_changes_come_back_from_a_file_bit_for_bit(tmp_path):
    changes = {
        "mad": (SettingChange(0, "lr", 0.1 + 0.2), SettingChange(7, "weighting", "fixed")),
        "völlig anders": (SettingChange(3, "gamma", 2.0),),
    }
    write_events(tmp_path / "events.json", changes)
    assert read_events(tmp_path / "events.json") == changes
    first = json.loads(events_text(changes))["knobs"][0]
    assert first == {"run": "mad", "step": 0, "field": "lr", "value": 0.30000000000000004}


def test_changes_of_a_file_are_put_into_the_order_of_their_steps(tmp_path):
    rows = [{"run": "mad", "step": step, "field": "lr", "value": value} for step, value in ((9, 1), (2, 2), (2, 3))]
    (tmp_path / "events.json").write_text(json.dumps({"knobs": rows}))
    assert read_events(tmp_path / "events.json")["mad"] == (
        SettingChange(2, "lr", 2),
        SettingChange(2, "lr", 3),
        SettingChange(9, "lr", 1),
    )


def row(**changes):
    return json.dumps({"knobs": [{"run": "mad", "step": 1, "field": "lr", "value": 0.5} | changes]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a JSON file"),
        ("[" * 100_000, "is not a JSON file"),
        ("[1]", "expected an object, got [1]."),
        ("{}", "knobs: field required."),
        ('{"knobs": 3}', "knobs: input should be a valid list, got 3."),
        ('{"knobs": [1]}', "change 1: expected an object, got 1."),
        ('{"knobs": [], "more": 1}', "more: extra inputs are not permitted, got 1."),
        (row(step=-1), "change 1, step: input should be greater than or equal to 0, got -1."),
        (row(step=1.5), "change 1, step: input should be a valid integer"),
        (row(step=True), "change 1, step: input should be a valid integer"),
        (row(step=10**30), "change 1, step: input should be less than or equal to"),
        (row(value=True), "change 1, value: input should be a valid number, got True."),
        (row(value=None), "change 1, value: input should be a valid number, got None."),
        (row(run=3), "change 1, run: input should be a valid string, got 3."),
        (row(field="lt"), "change 1: Unknown live setting 'lt'. Choose one of: gamma, decay_rate, lr, weighting."),
        (row(more=1), "change 1, more: extra inputs are not permitted, got 1."),
        ('{"knobs": [{"run": "mad"}]}', "change 1, step: field required."),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "events.json"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_events(file)
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.field == "events"


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "events.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not a JSON file"):
        read_events(tmp_path / "events.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Cannot read .*none\.json: No such file or directory\."):
        read_events(tmp_path / "none.json")
