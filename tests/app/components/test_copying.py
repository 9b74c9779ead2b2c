"""The button "Copy": what trains an experiment, or a run of it, again."""

import hashlib
import types
from typing import Any

from streamlit.testing.v1 import AppTest

from dmf.config import ExperimentConfig
from dmf.plugins import load_plugin
from dmf.recipes import as_command, as_events, as_loop, as_python
from dmf.records import SettingChange


def stored(config: ExperimentConfig, **settings: Any) -> Any:
    """An experiment as the store has it."""
    runs = [
        types.SimpleNamespace(id=f"r-{position}", label=run.label, config=run.fusion.flat())
        for position, run in enumerate(config.runs)
    ]
    return types.SimpleNamespace(
        id="e-1", config=config.model_dump(mode="json") | settings, runs=runs, is_recorded=False
    )


def event(id: int, run: str, step: int, kind: str = "knob") -> Any:
    data = {"field": "lr", "value": 0.5, "before": 0.001}
    return types.SimpleNamespace(id=id, run=run, step=step, kind=kind, data=data)


def codes(test: AppTest) -> list[str]:
    """What can be copied; a page drops the last line break."""
    return [f"{code.value}\n" if code.language == "python" else code.value for code in test.code]


def page(experiment: Any, events: tuple[Any, ...] = ()) -> AppTest:
    def script(experiment, events):
        from app.components.copying import copying

        copying(experiment, events)

    test = AppTest.from_function(script, kwargs={"experiment": experiment, "events": events}, default_timeout=300).run()
    assert not test.exception
    return test


def test_the_whole_race_is_a_command_and_a_script(tiny: Any) -> None:
    config = tiny("mad", "fixed,weights=1:0:0")
    test = page(stored(config))
    assert codes(test) == [as_command(config), as_python(config)]
    assert any("choose it above" in caption.value for caption in test.caption)
    assert not test.get("download_button")


def test_a_run_alone_is_a_command_a_script_and_a_loop(tiny: Any) -> None:
    config = tiny("mad", "fixed,weights=1:0:0")
    test = page(stored(config))
    test.selectbox[0].set_value("mad").run()
    assert list(test.selectbox[0].options) == ["The whole race", "MAD", "Fixed weights=1:0:0"]
    assert codes(test) == [
        as_command(config, run="mad"),
        as_python(config, "mad"),
        as_loop(config, "mad"),
    ]


def test_one_run_needs_no_choice_and_has_its_loop(tiny: Any) -> None:
    config = tiny("mad")
    test = page(stored(config))
    assert list(test.selectbox[0].options) == ["MAD"]
    assert codes(test)[2] == as_loop(config, "mad")


def test_changed_settings_come_along_as_a_file_and_in_the_script(tiny: Any) -> None:
    config = tiny("mad", "variance")
    changes = {"mad": (SettingChange(3, "lr", 0.5), SettingChange(7, "lr", 0.5))}
    test = page(stored(config), (event(1, "r-0", 7), event(2, "r-0", 3), event(3, "r-1", 0, "prepared")))
    assert codes(test) == [
        as_command(config, events="knobs.json"),
        as_python(config, changes=changes),
    ]
    assert as_events(config, changes)
    assert [button.label for button in test.get("download_button")] == ["Download knobs.json"]
    test.selectbox[0].set_value("variance").run()
    assert codes(test)[0] == as_command(config, run="variance")
    assert not test.get("download_button")


def test_a_plugin_that_a_run_turned_to_comes_along(tiny: Any, plugin: Any) -> None:
    file = plugin()
    load_plugin(file)
    turned = event(1, "r-0", 3)
    told = {"path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    turned.data = {"field": "weighting", "value": "height", "before": "mad", "plugins": [told]}
    command, script = codes(page(stored(tiny("mad", "variance")), (turned,)))
    assert f"--plugin {file}" in command
    assert f"load_plugin({str(file)!r})" in script


def test_what_cannot_be_typed_is_said_and_the_script_is_there(tiny: Any) -> None:
    config = tiny("mad")
    config = config.model_copy(update={"data": config.data.model_copy(update={"root": "none"})})
    test = page(stored(config))
    assert "cannot be written on a command line" in test.caption[0].value
    assert codes(test)[0] == as_python(config, "mad")


def test_settings_that_are_no_more_are_said(tiny: Any) -> None:
    test = page(stored(tiny("mad"), colour="blue"))
    assert "There is no setting 'colour'" in test.error[0].value
    assert not test.code
