"""One answer for a whole class: what visitors see at a tick is worked out once, for whom asks first, and sent to all.

It stands between Streamlit and the web sockets of visitors. A part of a page that says so (:func:`shares_ticks`) is
the same for all whose page stands alike: same address, widgets, theme and session state. Of their requests to bring it
up to date within :data:`STANDS` seconds the first is worked out, and what comes out of it is sent to the others, whose
sessions do nothing meanwhile. Everything else goes through as it is.
"""

import asyncio
import hashlib
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from starlette.types import Receive, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from app.visitors import may_change

STANDS = 1.0
"""Seconds that an answer is given: the interval of the live charts."""

PATIENCE = 20.0  # s that others wait for the one whose request is worked out
MOST_AT_ONCE = 4  # requests worked out at a time where each page needs its own; the others ask again at their next tick
HARMLESS = ("session_status_changed", "page_profile", "git_info_changed")  # told on the way, and of nobody's page

_standing: dict[str, dict[str, str]] = {}
"""Session to its parts of pages that may be shared, each with a digest of what it depends on."""


def shares_ticks(*depends: object) -> None:
    """Say, within a part of a page that ticks, that visitors whose page stands alike see the same.

    Args:
        depends: What it depends on beside widgets, address, theme and plain values of session state.
    """
    context = get_script_run_ctx(suppress_warning=True)
    part = ThreadState.get().fragment_id if context is not None else None
    if context is None or part is None or may_change():
        return
    plain = sorted((str(key), value) for key, value in st.session_state.items() if _is_plain(value))
    digest = hashlib.sha256(repr((plain, depends)).encode()).hexdigest()
    _standing.setdefault(context.session_id, {})[part] = digest


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


@dataclass
class Answer:
    """What came of one request, or is to come.

    Attributes:
        since: When it was asked, then when it was known, by ``time.monotonic()``.
        messages: To be sent in order; the first names the session.
        is_known: Set once it is known what came of it.
        is_good: Whether it may be given to others.
    """

    since: float
    messages: list[ForwardMsg] = field(default_factory=list)
    is_known: asyncio.Event = field(default_factory=asyncio.Event)
    is_good: bool = False


class Broadcast:
    """The answers of one server."""

    def __init__(self) -> None:
        self._answers: dict[bytes, Answer] = {}
        self._at_work: dict[int, float] = {}

    @property
    def working(self) -> int:
        """For how many sockets Streamlit works; one that it never answers counts no longer than others would wait."""
        now = time.monotonic()
        return sum(now - since < PATIENCE for since in self._at_work.values())

    def works(self, line: "Line", is_working: bool) -> None:
        """Streamlit begins to work for a socket, or has ended."""
        if is_working:
            self._at_work.setdefault(id(line), time.monotonic())
        else:
            self._at_work.pop(id(line), None)

    def standing(self, key: bytes) -> Answer | None:
        """What answers a request now, or will soon; None where it has to be worked out."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        age = time.monotonic() - answer.since
        if answer.is_known.is_set():
            return answer if age < STANDS else None
        return answer if age < PATIENCE else None

    def begin(self, key: bytes) -> Answer:
        """A request is to be worked out, and the others wait for it."""
        now = time.monotonic()
        self._answers = {old: answer for old, answer in self._answers.items() if now - answer.since < PATIENCE}
        answer = self._answers[key] = Answer(now)
        return answer


class Line:
    """The web socket of a visitor, as Streamlit sees it.

    Args:
        broadcast: The answers of all.
        receive: Of the socket.
        send: Of the socket.
    """

    def __init__(self, broadcast: Broadcast, receive: Receive, send: Send) -> None:
        self._broadcast, self._receive, self._send = broadcast, receive, send
        self._session = ""
        self._is_working = False  # Streamlit works for this socket
        self._leads: tuple[str, Answer] | None = None  # part of the page, and what comes of it
        self._is_recording = False
        self._giving = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self) -> MutableMapping[str, Any]:
        """The next message that Streamlit has to answer."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.receive" and message.get("bytes"):
                asked = BackMsg()
                with suppress(Exception):  # what is no message of a browser is Streamlit's to refuse
                    asked.ParseFromString(message["bytes"])
                if asked.WhichOneof("type") == "rerun_script":
                    if await self._is_answered(asked):
                        continue
                    async with self._giving:
                        self._work(True)
            elif message["type"] == "websocket.disconnect":
                self.close()
            return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send what Streamlit answers, and keep it where others wait for it."""
        if message["type"] == "websocket.send" and message.get("bytes"):
            self._note(ForwardMsg.FromString(message["bytes"]))
        await self._send(message)

    def close(self) -> None:
        """The visitor has gone."""
        self._end(is_good=False)
        self._work(False)
        _standing.pop(self._session, None)
        for task in self._tasks:
            task.cancel()

    async def _is_answered(self, asked: BackMsg) -> bool:
        """Whether a request is answered, or will be, without Streamlit."""
        rerun = asked.rerun_script
        digest = _standing.get(self._session, {}).get(rerun.fragment_id)
        if not rerun.is_auto_rerun or digest is None or self._is_working:
            return False
        key = _key(asked, digest)
        answer = self._broadcast.standing(key)
        if answer is None or (answer.is_known.is_set() and not answer.is_good):
            if self._broadcast.working >= MOST_AT_ONCE:
                return True  # it asks again
            self._leads = rerun.fragment_id, self._broadcast.begin(key)
            return False
        if self._giving.locked():
            return True  # it does not take what it was given before
        if answer.is_known.is_set():
            await self._give(answer)
        else:
            task = asyncio.create_task(self._follow(answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _follow(self, answer: Answer) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(answer.is_known.wait(), PATIENCE)
        if answer.is_good:
            await self._give(answer)

    async def _give(self, answer: Answer) -> None:
        async with self._giving:
            if self._is_working:
                return  # what was asked for meanwhile shows the same, and more
            first, *rest = answer.messages
            own = ForwardMsg()
            own.CopyFrom(first)
            own.new_session.initialize.session_id = self._session
            for message in (own, *rest):
                await self._send({"type": "websocket.send", "bytes": message.SerializeToString()})

    def _note(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        parts = list(message.metadata.run.fragment_ids)
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id or self._session
            self._work(True)
            # A run of anything else, as where this part of the page has asked for the whole page, is nobody's answer.
            self._is_recording = self._leads is not None and parts == [self._leads[0]]
            if not self._is_recording:
                self._end(is_good=False)
        elif kind == "script_finished":
            self._work(False)
        if self._is_recording and self._leads is not None and kind not in HARMLESS:
            self._leads[1].messages.append(message)
        if kind == "script_finished":
            is_over = message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
            self._end(is_good=self._is_recording and is_over)
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            self._end(is_good=False)

    def _end(self, *, is_good: bool) -> None:
        if self._leads is not None:
            answer = self._leads[1]
            answer.is_good, answer.since = is_good, time.monotonic()
            answer.is_known.set()
        self._leads, self._is_recording = None, False

    def _work(self, is_working: bool) -> None:
        self._broadcast.works(self, is_working)
        self._is_working = is_working


def _key(asked: BackMsg, digest: str) -> bytes:
    """Requests of the same have the same."""
    rerun = asked.rerun_script
    widgets = sorted(
        (widget.id, widget.SerializeToString(deterministic=True)) for widget in rerun.widget_states.widgets
    )
    about = rerun.context_info
    page = rerun.page_script_hash, rerun.page_name, rerun.query_string, rerun.fragment_id
    look = about.color_scheme, about.is_embedded, about.timezone
    return hashlib.sha256(repr((page, look, widgets, digest)).encode()).digest()
