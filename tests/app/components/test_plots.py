"""Every chart that plotly draws is saved as SVG by its own bar."""

import ast
from pathlib import Path

import pytest

from app.components.plots import saved_as

APP = Path(__file__).parents[3] / "app"
EXCEPT = {"app/components/exporting.py": "there the reader chooses PNG or SVG"}


def charts() -> list[tuple[str, ast.Call]]:
    return [
        (file.relative_to(APP.parent).as_posix(), node)
        for file in sorted(APP.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "plotly_chart"
    ]


@pytest.mark.parametrize(("file", "call"), [pytest.param(*each, id=f"{each[0]}:{each[1].lineno}") for each in charts()])
def test_a_chart_is_saved_as_svg(file: str, call: ast.Call) -> None:
    config = {word.arg: ast.unparse(word.value) for word in call.keywords}.get("config", "")
    assert file in EXCEPT or config.startswith("saved_as("), f"{file}:{call.lineno} has no config=saved_as(...)"


def test_the_file_has_the_name_of_the_chart() -> None:
    assert saved_as("ranks")["toImageButtonOptions"] == {"format": "svg", "filename": "ranks"}
