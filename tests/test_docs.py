"""The docs tell the truth: what they show runs, what they name exists."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dmf.runs.schema import metadata

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def snippets(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_what_a_page_shows_runs_from_top_to_bottom(page: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "data"))
    names: dict[str, Any] = {"__name__": "docs"}
    for number, snippet in enumerate(snippets(page), start=1):
        exec(compile(snippet, f"{page.name}, snippet {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_pictures_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    missing = [target for target in targets if not (DOCS / target).exists()]
    assert not missing, f"{page.name} links to {missing}"


def test_every_table_and_column_of_the_store_is_told() -> None:
    text = (DOCS / "store.md").read_text(encoding="utf-8")
    for table in metadata.sorted_tables:
        (row,) = re.findall(rf"^\| `{table.name}` \|.*$", text, flags=re.MULTILINE)
        untold = [column.name for column in table.columns if f"`{column.name}`" not in row]
        assert not untold, f"docs/store.md does not tell of {untold} in {table.name}"


TOLD_OF_CODE = [DOCS / "architecture.md", DOCS.parent / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", TOLD_OF_CODE, ids=lambda page: page.name)
def test_every_name_of_the_code_that_a_page_tells_of_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"`((?:dmf|app)(?:\.\w+)+)`", text)
    assert not [name for name in names if not exists(name)]
    files = re.findall(r"`((?:dmf|app|tests|docs|benchmarks)/[\w./-]*)`", text)
    assert files
    assert not [file for file in files if not (DOCS.parent / re.sub(r"\bx\b.*", "", file)).exists()]


def exists(name: str) -> bool:
    """Whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def test_contributing_links_to_what_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (DOCS.parent / target).exists()] == []


@pytest.mark.processes
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        tmp_path / "doctrees",
        "docs",
        tmp_path,
    ]
    environment = os.environ | {"PYTHONPATH": str(DOCS.parent)}
    done = subprocess.run(command, cwd=DOCS.parent, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "reference" / "fusion.html").read_text(encoding="utf-8")
    assert "dmf.fusion.Fusion.forward" in text or "dmf.fusion.fusion.Fusion.forward" in text
