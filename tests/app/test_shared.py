"""The gate before the pages of a shared dashboard, and the owner's link."""

import asyncio
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import shared, visitors

ADDRESS = "http://127.0.0.1:8501"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> visitors.Sharing:
    monkeypatch.setenv("DMF_SHARE", ADDRESS)
    found = visitors.sharing()
    assert found is not None
    return found


class Answered:
    """What an application answers to one request or socket."""

    def __init__(self, app: Callable[..., Any], *, method: str = "GET", path: str = "/", cookie: str = "") -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        kind = "websocket" if method == "socket" else "http"
        scope = {
            **{"type": kind, "method": method, "path": path, "query_string": b"", "root_path": ""},
            "headers": [(b"cookie", cookie.encode())] if cookie else [],
        }
        with ThreadPoolExecutor(1) as own:  # in this thread Playwright's loop may run, of the tests in a browser
            own.submit(asyncio.run, app(scope, self._receive, self._send)).result()

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Stands for Streamlit: takes everything."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


UPLOAD = "/_stcore/upload_file/session/file"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", [UPLOAD, "/_stcore/agent/interact", "/"])
def test_what_a_visitor_sends_is_refused_before_it_is_read(here: visitors.Sharing, method: str, path: str) -> None:
    for cookie in ("", f"{here.cookie}=forged", f"other={here.token}"):
        answer = Answered(shared.Gate(pages), method=method, path=path, cookie=cookie)
        assert (answer.status, answer.text) == (403, visitors.REFUSED)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_visitor_reads(here: visitors.Sharing, method: str) -> None:
    assert Answered(shared.Gate(pages), method=method).status == 200


def test_the_owner_brings_files(here: visitors.Sharing) -> None:
    cookie = f"{here.cookie}={here.token}"
    assert Answered(shared.Gate(pages), method="PUT", path=UPLOAD, cookie=cookie).status == 200


def test_not_more_pages_are_open_than_have_room_but_for_the_owners(
    here: visitors.Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MOST_SOCKETS", 1)
    later: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        if scope["path"] == "/first":  # while it is open, others come
            for cookie in ("", f"{here.cookie}={here.token}"):
                await gate({**scope, "path": "/", "headers": [(b"cookie", cookie.encode())]}, receive, note)

    async def note(message: MutableMapping[str, Any]) -> None:
        later.append(message["type"])

    gate = shared.Gate(page)
    Answered(gate, method="socket", path="/first")
    assert later == ["websocket.close", "websocket.accept"]
    assert Answered(gate, method="socket").messages == [{"type": "websocket.accept"}]  # the first has gone


def owner_link(token: str) -> Answered:
    from starlette.applications import Starlette

    return Answered(Starlette(routes=shared.dashboard._user_routes), path=f"{shared.OWNER}/{token}")


def test_the_owners_link_leaves_the_token_where_no_script_and_no_other_site_reads_it(here: visitors.Sharing) -> None:
    answer = owner_link(here.token)
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert (name, rest.partition(";")[0]) == (here.cookie, here.token)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(rest.split("; "))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("token", ["x", "%2e%2e", "a" * 43])
def test_another_link_makes_nobody_the_owner(here: visitors.Sharing, token: str) -> None:
    answer = owner_link(token)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert "not the owner's link" in answer.text


def test_the_terminal_shows_address_code_and_the_owners_link(
    here: visitors.Sharing, capsys: pytest.CaptureFixture[str]
) -> None:
    shared.announce(here, "http://127.0.0.1:8501")
    said = capsys.readouterr().out
    assert f"Others watch at {ADDRESS}\n" in said
    assert "▄" in said
    assert f"http://127.0.0.1:8501/owner/{here.token}\n" in said
