"""Viewers without a browser: bare web sockets that speak Streamlit's protocol, many of which two cores can drive."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol


@dataclass
class Viewer:
    """One page that is looked at, as a browser does: fragments that tick are asked for when their time has come.

    Attributes:
        address: Of the server, ``ws://127.0.0.1:8501``.
        page: Its path and query: ``train?experiment=e-1``.
        cookie: What it sends along.
        painted: When the page stood for the first time, s after it was asked for.
        refreshed: By the name of a fragment, when each of its refreshes was complete (``time.monotonic()``).
        received: Bytes so far.
        troubles: Messages of pages that failed.
    """

    address: str
    page: str
    cookie: str = ""
    painted: float | None = None
    refreshed: dict[str, list[float]] = field(default_factory=dict)
    received: int = 0
    troubles: list[str] = field(default_factory=list)
    _timers: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def watch(self, seconds: float) -> None:
        """Open the page and stay for so long."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        path, _, query = self.page.partition("?")
        begun = time.monotonic()
        async with connect(
            f"{self.address}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            additional_headers=headers,
            max_size=None,
            ping_interval=None,
        ) as socket:
            message = BackMsg()
            message.rerun_script.query_string = query
            message.rerun_script.page_name = path
            await socket.send(message.SerializeToString())
            try:
                async with asyncio.timeout(seconds):
                    async for data in socket:
                        await self._take(socket, ForwardMsg.FromString(bytes(data)), len(data), begun)  # type: ignore
            except TimeoutError:
                pass
            finally:
                for timer in self._timers.values():
                    timer.cancel()

    async def _take(self, socket: ClientConnection, message: ForwardMsg, size: int, begun: float) -> None:
        self.received += size
        match message.WhichOneof("type"):
            case "new_session" if (
                not message.metadata.run.fragment_ids
            ):  # the whole page is drawn: its ticks begin anew
                for timer in self._timers.values():
                    timer.cancel()
                self._timers.clear()
            case "auto_rerun":
                about = message.auto_rerun
                if about.fragment_id not in self._timers:
                    self._timers[about.fragment_id] = asyncio.create_task(
                        self._tick(socket, about.fragment_id, about.interval)
                    )
            case "script_finished":
                now = time.monotonic()
                for fragment in message.metadata.run.fragment_ids:
                    self.refreshed.setdefault(fragment, []).append(now)
                if self.painted is None:
                    self.painted = now - begun
            case "delta" if message.delta.new_element.WhichOneof("type") == "exception":
                self.troubles.append(message.delta.new_element.exception.message)

    async def _tick(self, socket: ClientConnection, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            message = BackMsg()
            message.rerun_script.query_string = self.page.partition("?")[2]
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            await socket.send(message.SerializeToString())

    def intervals(self) -> list[float]:
        """Seconds between refreshes of what ticks most often."""
        often = max(self.refreshed.values(), key=len, default=[])
        return [later - earlier for earlier, later in pairwise(often)]


def watch_all(viewers: list[Viewer], seconds: float) -> None:
    """Let all of them watch at once; they come within two seconds, as a class does."""

    async def together() -> None:
        async def one(place: int, viewer: Viewer) -> None:
            await asyncio.sleep(2.0 * place / len(viewers))
            await viewer.watch(seconds)

        await asyncio.gather(*(one(place, viewer) for place, viewer in enumerate(viewers)))

    asyncio.run(together())
