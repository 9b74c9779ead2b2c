"""Pictures on pages: within the page on this machine, at an address of their own where many look over a network.

A page that is brought up to date sends its pictures again with each tick; those that have an address are fetched once.
"""

import base64
import hashlib
import threading
from collections import OrderedDict

from app.visitors import sharing

FOLDER = "/pictures"
MOST_BYTES = 64_000_000
"""Of pictures that are kept to be fetched; those that were shown longest ago make room."""


class Pictures:
    """Those that can be fetched, by name."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._by_name: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """A picture; None where it is not kept (any more)."""
        with self._lock:
            return self._by_name.get(name)

    def keep(self, png: bytes) -> str:
        """Keep a picture as the one shown last; returns its name."""
        name = hashlib.sha256(png).hexdigest()
        with self._lock:
            if name not in self._by_name:
                self._by_name[name] = png
                self._size += len(png)
            self._by_name.move_to_end(name)
            while self._size > self._most_bytes:
                self._size -= len(self._by_name.popitem(last=False)[1])
        return name


shown = Pictures()
"""Of all sessions, which show the same."""


def source_of(png: bytes) -> str:
    """What ``<img src="...">`` names to show a picture."""
    if sharing() is None:
        return f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f"{FOLDER}/{shown.keep(png)}.png"
