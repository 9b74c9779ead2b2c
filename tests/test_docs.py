"""The docs tell the truth: what they show runs, what they name exists."""

import re
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
