"""Pictures are within the page on this machine, and have an address where the page is shared."""

import pytest

from app import pictures


def test_on_this_machine_a_picture_is_within_the_page() -> None:
    assert pictures.source_of(b"png") == "data:image/png;base64,cG5n"


def test_where_it_is_shared_it_has_an_address_under_which_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMF_SHARE", "http://192.168.1.20:8501")
    source = pictures.source_of(b"png")
    assert source == pictures.source_of(b"png")
    folder, _, name = source.removesuffix(".png").rpartition("/")
    assert folder == pictures.FOLDER
    assert pictures.shown.get(name) == b"png"
    assert pictures.shown.get("0" * 64) is None


def test_what_was_shown_longest_ago_makes_room() -> None:
    kept = pictures.Pictures(most_bytes=10)
    first, second = kept.keep(b"a" * 4), kept.keep(b"b" * 4)
    kept.keep(b"a" * 4)  # shown again
    kept.keep(b"c" * 4)
    assert kept.get(first) == b"a" * 4
    assert kept.get(second) is None
