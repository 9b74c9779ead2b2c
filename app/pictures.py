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

_kept: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()
_size = 0


def source_of(png: bytes) -> str:
    """What ``<img src="...">`` names to show a picture."""
    if sharing() is None:
        return f"data:image/png;base64,{base64.b64encode(png).decode()}"
    name = hashlib.sha256(png).hexdigest()
    _keep(name, png)
    return f"{FOLDER}/{name}.png"


def kept_picture(name: str) -> bytes | None:
    """A picture by its name; None where it is not kept (any more)."""
    with _lock:
        return _kept.get(name)


def _keep(name: str, png: bytes) -> None:
    global _size  # noqa: PLW0603 (all sessions show the same pictures)
    with _lock:
        if name in _kept:
            _kept.move_to_end(name)
            return
        _kept[name] = png
        _size += len(png)
        while _size > MOST_BYTES:
            _size -= len(_kept.popitem(last=False)[1])
