"""Settings of Streamlit that pages rely on."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_cache import populate_hash_if_needed

SETTINGS = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text("utf-8"))
OPTION = "minCachedMessageSize"


@pytest.fixture
def set_size() -> Iterator[Callable[[float], None]]:
    """From what size on messages are kept in the browser, in bytes; put back after the test."""
    name = f"global.{OPTION}"
    before = config.get_option(name)
    yield lambda size: config.set_option(name, size)
    config.set_option(name, before)


def is_kept_in_the_browser() -> bool:
    """Whether what draws 10 MB, as a chart with much in it, may later be sent as a reference."""
    message = ForwardMsg()
    message.delta.new_element.markdown.body = "x" * 10_000_000
    populate_hash_if_needed(message)
    return message.metadata.cacheable


def test_a_browser_is_never_referred_to_what_it_may_have_dropped(set_size) -> None:
    set_size(10_000)  # as Streamlit comes
    assert is_kept_in_the_browser()
    set_size(SETTINGS["global"][OPTION])
    assert not is_kept_in_the_browser()
