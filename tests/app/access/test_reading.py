"""One store, opened once."""

from pathlib import Path

import pytest

from app import access


def test_a_store_is_opened_once_and_the_environment_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = access.store()
    assert first.file == home / "runs.sqlite"
    assert access.store() is first
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{home / 'other.sqlite'}")
    assert access.store().file == home / "other.sqlite"
