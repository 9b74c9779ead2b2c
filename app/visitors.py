"""Who may change something: everybody, or of a shared dashboard the one browser that holds its token.

Three gates stand behind each other. ``app.shared`` refuses requests of visitors that bring something in. Every function
of ``app.access`` and of a task's ``access`` that starts, writes, deletes or looks into folders is :func:`owner_only`.
And the run store itself refuses to be written by a visitor's session, whichever function it came through.
"""

import functools
import hmac
import secrets
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dmf.errors import VisitorError
from dmf.paths import shared_address, visitor_steps

REFUSED = (
    "Visitors watch, inspect, replay and explain. Only the browser of the person who shares this dashboard can change "
    "something on its machine."
)

_permitted = threading.local()
"""In a thread: whether it does what a visitor is allowed."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sharing:
    """A dashboard that others look at.

    Attributes:
        address: Where they find it, such as ``http://192.168.1.20:8501``.
        steps: How many steps a race of theirs may take, over all of its runs; None where they train nothing.
        token: What the owner's browser sends along, as a cookie.
    """

    address: str
    steps: int | None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """Name of the cookie, by the port: browsers send a machine's cookies to all of its ports."""
        return f"dmf-owner-{self.address.rpartition(':')[2]}"

    def is_owner(self, token: str | None) -> bool:
        """Whether this is the token, compared in a time that tells nothing of it."""
        return hmac.compare_digest(str(token or "").encode(), self.token.encode())


def sharing() -> Sharing | None:
    """How this dashboard is shared; None where it is not.

    It is kept as the job manager is, where no hot reload makes another token.
    """
    address = shared_address()
    if address is None:
        return None
    process = sys.modules.setdefault("_dmf_process", types.ModuleType("_dmf_process"))
    with process.__dict__.setdefault("lock", threading.Lock()):
        known: Sharing | None = process.__dict__.get("sharing")
        if known is None or (known.address, known.steps) != (address, visitor_steps()):
            known = process.__dict__["sharing"] = Sharing(address, visitor_steps())
        return known


def may_change() -> bool:
    """Whether the browser that is answered may change something on this machine."""
    here = sharing()
    if here is None:
        return True
    # Of the socket that is answered: a session that another browser takes over has that one's cookies.
    return get_script_run_ctx(suppress_warning=True) is not None and here.is_owner(st.context.cookies.get(here.cookie))


def may_train() -> bool:
    """Whether the browser that is answered may train something: the owner's, or any where visitors have steps."""
    here = sharing()
    return may_change() or (here is not None and here.steps is not None)


def owner_only_unless(
    allowed: Callable[Arguments, bool],
) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
    """As :func:`owner_only`, but for what a visitor is allowed: called with the same arguments, it says so."""

    def decorate(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        @functools.wraps(function)
        def checked(*arguments: Arguments.args, **options: Arguments.kwargs) -> Answer:
            if may_change():
                return function(*arguments, **options)
            if not allowed(*arguments, **options):
                raise VisitorError(REFUSED)
            before = getattr(_permitted, "now", False)
            _permitted.now = True
            try:
                return function(*arguments, **options)
            finally:
                _permitted.now = before

        return checked

    return decorate


def owner_only(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """``function``, which a visitor of a shared dashboard cannot call; it then has had no effect.

    Raises:
        VisitorError: If a visitor calls it.
    """

    @functools.wraps(function)
    def checked(*arguments: Arguments.args, **options: Arguments.kwargs) -> Answer:
        if not may_change():
            raise VisitorError(REFUSED)
        return function(*arguments, **options)

    return checked


def refuse_visitors() -> None:
    """What the run store asks before it is written: a session of a visitor may not, what trains here may.

    Raises:
        VisitorError: If a visitor's session is about to write.
    """
    if get_script_run_ctx(suppress_warning=True) is None or getattr(_permitted, "now", False):
        return
    if not may_change():
        raise VisitorError(REFUSED)


CHECKS = (owner_only, owner_only_unless)
"""Decorators that refuse visitors."""
