import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmf import errors
from dmf.errors import ConfigError, DataError, DMFError, RunNotFoundError, naming_plugins, reason
from dmf.models import MODELS
from dmf.plugins import load_plugin

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, DMFError)]


@pytest.mark.parametrize("cls", ALL)
def test_every_error_shows_its_text_as_it_is(cls: type[DMFError]) -> None:
    assert str(cls("No run 'run-0007'.")) == "No run 'run-0007'."


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls is not DMFError])
def test_every_error_refines_a_built_in(cls: type[DMFError]) -> None:
    assert issubclass(cls, ValueError | RuntimeError | PermissionError)


@pytest.mark.parametrize("cls", ALL)
def test_the_tree_in_the_docstring_is_the_tree_in_the_code(cls: type[DMFError]) -> None:
    assert errors.__doc__ is not None
    lines = errors.__doc__.splitlines()
    line = next(line for line in lines if cls.__name__ in line.split())
    depth = next(index for index, letter in enumerate(line) if letter.isalpha()) // 4
    base = next(index for index, text in enumerate(lines) if "DMFError" in text.split())
    offset = next(index for index, letter in enumerate(lines[base]) if letter.isalpha()) // 4
    assert depth - offset == cls.__mro__.index(DMFError)


def test_a_config_error_names_the_field_to_blame_where_there_is_one() -> None:
    assert ConfigError("too small", "eps").field == "eps"
    assert ConfigError("they do not fit").field is None


def test_a_missing_run_can_be_caught_as_a_missing_key_would() -> None:
    with pytest.raises(LookupError):
        raise RunNotFoundError("No run 'x'.")


RAISING = """
from dmf.errors import DataError


def fails(*_):
    return helper(0)


def helper(number):
    return 1 / number


def several_lines(*_):
    raise RuntimeError("first\\n  second")


def ours(*_):
    raise DataError("no images")


MODELS = {"fails": fails, "lines": several_lines, "ours": ours}
"""
Write = Callable[..., Path]


def caught_by(function: Callable[..., Any], *arguments: object) -> Exception:
    try:
        with naming_plugins():
            function(*arguments)
    except Exception as error:
        return error
    pytest.fail("nothing was raised")


def test_what_a_plugin_raises_is_told_with_its_file_and_its_innermost_line(plugin: Write) -> None:
    file = load_plugin(plugin(RAISING)).path
    error = caught_by(MODELS["fails"])
    assert isinstance(error, ConfigError)
    assert str(error) == f"Plug-in {file}, line 10: ZeroDivisionError: division by zero"
    assert error.field == "plugin"
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_a_plugin_that_is_called_with_what_it_does_not_take_is_named_too(plugin: Write) -> None:
    file = load_plugin(plugin(RAISING)).path
    said = str(caught_by(lambda: MODELS["lines"](colour=1)))
    assert said.startswith(f"Plug-in {file}, line 13: TypeError: several_lines() got an unexpected keyword argument")


def test_a_text_of_several_lines_becomes_one(plugin: Write) -> None:
    load_plugin(plugin(RAISING))
    assert str(caught_by(MODELS["lines"])).endswith("line 14: RuntimeError: first second")


def test_our_own_errors_and_those_of_others_pass_as_they_are(plugin: Write) -> None:
    load_plugin(plugin(RAISING))
    assert type(caught_by(MODELS["ours"])) is DataError
    assert type(caught_by(int, "x")) is ValueError
    assert type(caught_by(len, 1)) is TypeError


def test_the_reason_of_an_error_is_our_text_or_its_type_and_text() -> None:
    assert reason(DataError("no images")) == "no images"
    assert reason(KeyError("x")) == "KeyError: 'x'"
    assert reason(ValueError()) == "ValueError: no message"
