"""The names at the top: loaded when they are asked for, and what the rooms call by the same name."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import dmf


def test_names_are_those_of_the_rooms():
    for room, names in dmf._ROOMS.items():
        for name in names:
            assert getattr(dmf, name) is getattr(importlib.import_module(room), name)
    assert {*dmf._ROOM_OF, "__version__"} == set(dmf.__all__) <= set(dir(dmf))


def test_type_checkers_are_told_the_same():
    tree = ast.parse(Path(dmf.__file__).read_text("utf-8"))
    told = {
        node.module: tuple(alias.name for alias in node.names)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("dmf.")
    }
    assert {room: set(names) for room, names in told.items()} == {r: set(n) for r, n in dmf._ROOMS.items()}
    assert Path(dmf.__file__).with_name("py.typed").exists()


def test_torch_is_loaded_with_the_first_name_that_needs_it():
    code = (
        "import sys, dmf\n"
        "dir(dmf), dmf.__version__\n"
        "from dmf import RunStore\n"
        "assert 'torch' not in sys.modules\n"
        "from dmf import Fusion\n"
        "assert 'torch' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_not_there_is_said():
    with pytest.raises(ImportError, match="cannot import name 'Fussion' from 'dmf'"):
        from dmf import Fussion  # noqa: F401
    with pytest.raises(AttributeError, match="module 'dmf' has no attribute 'Fussion'"):
        _ = dmf.Fussion


def test_modules_are_imported_from_here_as_ever():
    from dmf import build, records

    assert (build.__name__, records.__name__) == ("dmf.build", "dmf.records")
