"""Pages are tested as people meet them: through the entry, whichever page is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture(autouse=True)
def entry_runs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest forgets before each run that the entry has called ``st.navigation``, and would run a page alone."""
    own = PagesManager.__init__

    def remembering(self: PagesManager, *args: Any, **options: Any) -> None:
        own(self, *args, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", remembering)


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Opens a page by its name with a query in its address: ``visit("train", experiment=id)``."""

    def open_page(name: str, **query: str) -> AppTest:
        test = AppTest.from_file(MAIN, default_timeout=90)
        test.run()
        if name != "home":
            test.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            test.query_params[key] = value
        test.run()
        assert not test.exception
        return test

    return open_page
