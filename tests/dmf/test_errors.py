import inspect

import pytest

from dmf import errors
from dmf.errors import ConfigError, DMFError, RunNotFoundError

ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, DMFError)]


@pytest.mark.parametrize("cls", ALL)
def test_every_error_shows_its_text_as_it_is(cls: type[DMFError]) -> None:
    assert str(cls("No run 'run-0007'.")) == "No run 'run-0007'."


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls is not DMFError])
def test_every_error_refines_a_built_in(cls: type[DMFError]) -> None:
    assert issubclass(cls, ValueError | RuntimeError)


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
