"""Entry of a dashboard that is shared, ``dmf app --share``: the pages, behind a gate.

The owner's browser gets its cookie here, at a link that only the owner's terminal shows.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import segno
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.broadcast import Broadcast, Line
from app.pictures import FOLDER, shown
from app.visitors import REFUSED, Sharing, sharing

OWNER = "/owner"
HARMLESS = ("GET", "HEAD", "OPTIONS")
MOST_SOCKETS = 200
"""Pages that are open at a time: each takes memory for as long as it stands."""

FULL = 1013  # of web sockets: try again later


class Gate:
    """Lets visitors look: what would bring something in is the owner's, and not more come in than have room."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._sockets = 0
        self._broadcast = Broadcast()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or a socket for as long as it is open."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] not in HARMLESS and not _is_owner(HTTPConnection(scope)):
            await PlainTextResponse(REFUSED, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._sockets >= MOST_SOCKETS and not _is_owner(HTTPConnection(scope)):
            await send({"type": "websocket.close", "code": FULL, "reason": "Too many pages are open."})
            return
        self._sockets += 1
        line = Line(self._broadcast, receive, send)
        try:
            await self._app(scope, line.receive, line.send)
        finally:
            line.close()
            self._sockets -= 1


def _is_owner(connection: HTTPConnection) -> bool:
    here = sharing()
    return here is not None and here.is_owner(connection.cookies.get(here.cookie))


async def enter(request: Request) -> Response:
    """The owner's link: leaves the token in the browser, where no script reads it, and leads to the pages."""
    here = sharing()
    token = str(request.path_params["token"])
    if here is None or not here.is_owner(token):
        return PlainTextResponse(
            "This is not the owner's link: the terminal in which this dashboard was started shows it. Each start makes "
            "another one.",
            status_code=403,
        )
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(here.cookie, here.token, httponly=True, samesite="strict", path="/")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


async def picture(request: Request) -> Response:
    """A picture of a page, which never changes."""
    png = shown.get(str(request.path_params["name"]))
    if png is None:
        return PlainTextResponse("This picture is not shown any more.", status_code=404)
    return Response(png, media_type="image/png", headers={"Cache-Control": "public, max-age=86400, immutable"})


def announce(here: Sharing, own: str) -> None:
    """Print what others open, as text and as a QR code, then the link that makes a browser the owner's.

    Args:
        here: How it is shared.
        own: The address at which the owner's browser finds it.
    """
    print(f"\nOthers watch at {here.address}\n")
    segno.make_qr(here.address).terminal(compact=True)
    print(
        f"\nYour own browser, on this machine: {own}{OWNER}/{here.token}\n"
        "Keep this link to yourself: a browser that opened it may do all. On a projector, show the page Join.\n",
        flush=True,
    )


@asynccontextmanager
async def announced(_: st.App) -> AsyncGenerator[dict[str, object], None]:
    """Announces the dashboard once it runs."""
    here = sharing()
    if here is not None:
        # What goes over the network could be read on it; this machine's own address does not leave it.
        listens_everywhere = st.get_option("server.address") in ("0.0.0.0", "::")
        announce(here, f"http://127.0.0.1:{st.get_option('server.port')}" if listens_everywhere else here.address)
    yield {}


dashboard = st.App(
    "main.py",
    lifespan=announced,
    routes=[Route(f"{OWNER}/{{token}}", enter), Route(f"{FOLDER}/{{name}}.png", picture)],
    middleware=[Middleware(Gate)],
)
