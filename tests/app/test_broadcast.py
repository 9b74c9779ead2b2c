"""What visitors see at a tick is worked out once; what is anybody's own goes through."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from app import broadcast

PART = "part-of-the-page"
Message = MutableMapping[str, Any]


@pytest.fixture(autouse=True)
def standing() -> Iterator[dict[str, dict[str, str]]]:
    """No page says anything of itself yet; what one says is gone after the test."""
    broadcast._standing.clear()
    yield broadcast._standing
    broadcast._standing.clear()


def tick(part: str = PART, *, query: str = "experiment=e-1", scheme: str = "light", zoom: str = "") -> bytes:
    asked = BackMsg()
    asked.rerun_script.fragment_id = part
    asked.rerun_script.is_auto_rerun = True
    asked.rerun_script.query_string = query
    asked.rerun_script.context_info.color_scheme = scheme
    for id in ("b", "a"):
        state = asked.rerun_script.widget_states.widgets.add()
        state.id, state.string_value = id, zoom
    return asked.SerializeToString()


async def settled() -> None:
    """Until everything that can go on has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


class Visitor:
    """A socket with Streamlit behind it.

    Attributes:
        shown: What the browser was sent.
        worked: What Streamlit was asked.
    """

    def __init__(self, all: broadcast.Broadcast, session: str) -> None:
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.shown: list[ForwardMsg] = []
        self.worked: list[bytes] = []
        self.session = session
        self.line = broadcast.Line(all, self._incoming.get, self._keep)

    async def _keep(self, message: Message) -> None:
        self.shown.append(ForwardMsg.FromString(message["bytes"]))

    async def said(self, message: ForwardMsg) -> None:
        """Streamlit sends this."""
        await self.line.send({"type": "websocket.send", "bytes": message.SerializeToString()})

    async def begins(self, *parts: str) -> None:
        message = ForwardMsg()
        message.new_session.initialize.session_id = self.session
        message.metadata.run.fragment_ids.extend(parts)
        await self.said(message)

    async def draws(self, text: str) -> None:
        message = ForwardMsg()
        message.delta.new_element.markdown.body = text
        await self.said(message)

    async def ends(self, *parts: str, status: Any = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY) -> None:
        message = ForwardMsg(script_finished=status)
        message.metadata.run.fragment_ids.extend(parts)
        await self.said(message)

    async def opens(self) -> None:
        """The whole page is drawn, with a part that says it may be shared."""
        await self.begins()
        await self.ends(status=ForwardMsg.FINISHED_SUCCESSFULLY)
        broadcast._standing.setdefault(self.session, {}).setdefault(PART, "alike")
        self.shown.clear()

    async def asks(self, message: bytes) -> None:
        """The browser sends this; Streamlit is asked if it gets through."""
        await self._incoming.put({"type": "websocket.receive", "bytes": message})
        got = asyncio.create_task(self.line.receive())
        await settled()
        if got.done():
            self.worked.append(got.result()["bytes"])
        else:
            got.cancel()

    async def is_served(self, text: str) -> None:
        await self.begins(PART)
        await self.draws(text)
        await self.ends(PART)

    @property
    def texts(self) -> list[str]:
        return [each.delta.new_element.markdown.body for each in self.shown if each.WhichOneof("type") == "delta"]


def play(scene: Callable[[Visitor, Visitor], Awaitable[None]]) -> None:
    """Two visitors of one page."""

    async def on_stage() -> None:
        all = broadcast.Broadcast()
        first, second = Visitor(all, "first"), Visitor(all, "second")
        await first.opens()
        await second.opens()
        await scene(first, second)

    with ThreadPoolExecutor(1) as own:  # in this thread Playwright's loop may run, of the tests in a browser
        own.submit(asyncio.run, on_stage()).result()


def test_the_second_is_sent_what_the_first_was_with_its_own_session() -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick())
        await first.is_served("step 7")
        await second.asks(tick())
        assert (first.worked, second.worked) == ([tick()], [])
        assert second.texts == first.texts == ["step 7"]
        assert [each.WhichOneof("type") for each in second.shown] == ["new_session", "delta", "script_finished"]
        assert second.shown[0].new_session.initialize.session_id == "second"
        assert first.session not in str(second.shown)

    play(scene)


def test_who_asks_meanwhile_waits_for_the_first() -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick())
        await second.asks(tick())
        assert second.shown == []
        await first.is_served("step 8")
        await settled()
        assert second.texts == ["step 8"]
        assert second.worked == []

    play(scene)


def test_an_answer_stands_for_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick())
        await first.is_served("step 7")
        monkeypatch.setattr(broadcast, "STANDS", 0.0)
        await second.asks(tick())
        assert second.worked == [tick()]

    play(scene)


@pytest.mark.parametrize(
    "other",
    [tick(query="experiment=e-2"), tick(scheme="dark"), tick(zoom="0,10"), tick("another-part")],
    ids=["address", "theme", "widgets", "part"],
)
def test_who_sees_something_else_is_not_sent_it(other: bytes) -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick())
        await first.is_served("step 7")
        await second.asks(other)
        assert second.worked == [other]
        assert second.texts == []

    play(scene)


def test_nor_whose_page_stands_otherwise() -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        broadcast._standing["second"][PART] = "another case of the strip"
        await first.asks(tick())
        await first.is_served("step 7")
        await second.asks(tick())
        assert second.worked == [tick()]

    play(scene)


def test_what_someone_does_goes_through() -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        click = BackMsg.FromString(tick())
        click.rerun_script.is_auto_rerun = False
        await first.asks(tick())
        await first.is_served("step 7")
        await second.asks(click.SerializeToString())
        await second.asks(b"\xff no message")
        assert second.worked == [click.SerializeToString(), b"\xff no message"]

    play(scene)


async def asks_for_the_whole_page(visitor: Visitor) -> None:
    await visitor.begins(PART)
    await visitor.begins()


async def is_interrupted(visitor: Visitor) -> None:
    await visitor.begins(PART)
    await visitor.ends(PART, status=ForwardMsg.FINISHED_EARLY_FOR_RERUN)


async def fails(visitor: Visitor) -> None:
    await visitor.begins(PART)
    message = ForwardMsg()
    message.delta.new_element.exception.message = "secret"
    await visitor.said(message)
    await visitor.ends(PART)


async def brings_another_part_along(visitor: Visitor) -> None:
    await visitor.begins(PART, "queue")
    await visitor.ends(PART, "queue")


async def leaves(visitor: Visitor) -> None:
    await visitor.begins(PART)
    visitor.line.close()


@pytest.mark.parametrize("happens", [asks_for_the_whole_page, is_interrupted, fails, brings_another_part_along, leaves])
def test_what_does_not_come_out_plainly_is_given_to_nobody(happens: Callable[[Visitor], Awaitable[None]]) -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick())
        await second.asks(tick())
        await happens(first)
        await settled()
        assert second.shown == []
        await second.asks(tick())
        assert second.worked == [tick()]

    play(scene)


def test_not_all_are_worked_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that waits asks again at its next tick."""
    monkeypatch.setattr(broadcast, "MOST_AT_ONCE", 1)

    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick(query="one"))
        await second.asks(tick(query="other"))
        assert (first.worked, second.worked) == ([tick(query="one")], [])
        await first.is_served("step 7")
        await second.asks(tick(query="other"))
        assert second.worked == [tick(query="other")]

    play(scene)


def test_who_is_never_answered_keeps_the_others_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "MOST_AT_ONCE", 1)

    async def scene(first: Visitor, second: Visitor) -> None:
        await first.asks(tick(query="one"))
        monkeypatch.setattr(broadcast, "PATIENCE", 0.0)
        await second.asks(tick(query="other"))
        assert second.worked == [tick(query="other")]

    play(scene)


def test_of_who_has_gone_nothing_is_kept(standing: dict[str, dict[str, str]]) -> None:
    async def scene(first: Visitor, second: Visitor) -> None:
        first.line.close()
        assert list(standing) == ["second"]

    play(scene)
