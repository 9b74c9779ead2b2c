"""Viewers without a browser: bare web sockets that speak Streamlit's protocol, many of which two cores can drive."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

ARRIVING = 5.0  # s in which a class comes


@dataclass
class Viewer:
    """One page that is looked at, as a browser does: parts that tick are asked for when their time has come.

    Attributes:
        url: Of the server.
        page: Its path and query: ``train?experiment=e-1``.
        cookie: What it sends along.
        press: The label of a button that is pressed once, when the page stands.
        is_painted: Whether the page stands.
        refreshed: Part of the page to the times at which it was brought up to date, by ``time.monotonic()``.
        received: Bytes so far.
        trouble: What went wrong in the page.
    """

    url: str
    page: str
    cookie: str = ""
    press: str = ""
    is_painted: bool = False
    refreshed: dict[str, list[float]] = field(default_factory=dict)
    received: int = 0
    trouble: str = ""
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _button: str = ""

    async def watch(self) -> None:
        """Open the page and stay until it is cancelled."""
        async with connect(
            f"ws{self.url.removeprefix('http')}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            additional_headers={"Cookie": self.cookie} if self.cookie else {},
            max_size=None,
            ping_interval=None,
        ) as socket:
            await socket.send(self._asked().SerializeToString())
            try:
                async for data in socket:
                    self.received += len(data)
                    await self._take(socket, ForwardMsg.FromString(bytes(data)))  # type: ignore[arg-type]
            finally:
                for timer in self._timers.values():
                    timer.cancel()

    def intervals(self, since: float) -> list[float]:
        """Seconds from one refresh to the next of what ticks most often, from a time on."""
        often = [at for at in max(self.refreshed.values(), key=len, default=[]) if at >= since]
        return [later - earlier for earlier, later in pairwise(often)]

    def _asked(self) -> BackMsg:
        message = BackMsg()
        message.rerun_script.page_name, _, message.rerun_script.query_string = self.page.partition("?")
        return message

    async def _take(self, socket: ClientConnection, message: ForwardMsg) -> None:
        run = message.metadata.run.fragment_ids
        match message.WhichOneof("type"):
            case "new_session" if not run:  # the whole page: its ticks begin anew
                for timer in self._timers.values():
                    timer.cancel()
                self._timers.clear()
            case "auto_rerun":
                about = message.auto_rerun
                if about.fragment_id not in self._timers:
                    ticking = self._tick(socket, about.fragment_id, about.interval)
                    self._timers[about.fragment_id] = asyncio.create_task(ticking)
            case "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "exception":
                    self.trouble = element.exception.message
                elif self.press and element.button.label == self.press:
                    self._button = element.button.id
            case "script_finished":
                for part in run:
                    self.refreshed.setdefault(part, []).append(time.monotonic())
                if self._button:
                    asked = self._asked()
                    state = asked.rerun_script.widget_states.widgets.add()
                    state.id, state.trigger_value = self._button, True
                    self.press = self._button = ""
                    await socket.send(asked.SerializeToString())
                else:
                    self.is_painted = True

    async def _tick(self, socket: ClientConnection, part: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            asked = self._asked()
            asked.rerun_script.fragment_id = part
            asked.rerun_script.is_auto_rerun = True
            await socket.send(asked.SerializeToString())


@contextmanager
def watching(viewers: Sequence[Viewer]) -> Iterator[None]:
    """All of them watch, from a thread of their own; they come one after another."""

    async def one(place: int, viewer: Viewer) -> None:
        await asyncio.sleep(ARRIVING * place / len(viewers))
        await viewer.watch()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(place, viewer) for place, viewer in enumerate(viewers)))

    loop = asyncio.new_event_loop()
    task = loop.create_task(all_of_them())

    def live() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    thread = threading.Thread(target=live, name="bench-viewers")
    thread.start()
    try:
        yield
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
