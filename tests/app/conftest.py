"""Pages are tested as people meet them: through the entry, whichever page is asked for."""

from typing import Any

import pytest
from streamlit.runtime.pages_manager import PagesManager


@pytest.fixture(autouse=True)
def entry_runs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest forgets before each run that the entry has called ``st.navigation``, and would run a page alone."""
    own = PagesManager.__init__

    def remembering(self: PagesManager, *args: Any, **options: Any) -> None:
        own(self, *args, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", remembering)
