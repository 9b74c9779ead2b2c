"""Play: what was recorded passes again as if it were live, faster or slower, with pause and a place to go to.

What is played, and how far it is, belongs to the visitor; nothing is written to the store.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

TICK = 0.5  # s
SPEEDS = (1, 2, 5, 10, 20, 50)
PATIENCE = 30.0  # s that a replay takes at the speed it begins with, if that is fast enough
ECHOES = 5  # so many of the latest places a browser may still send, though the slider was moved on from them,
ECHO = 10.0  # for so many seconds, while it is slow to draw
_PLAYED = "played"  # in session state

HELP = "Watch it again as if it were live, 1 to 50 times as fast. Nothing is changed."
ENDED = "Back to all that was recorded."


@dataclass
class _Played:
    """What one visitor plays.

    Attributes:
        key: What it is.
        source: Gives what was there after so many seconds; see ``dmf.analysis.playback.Playback``.
        place: Seconds from its beginning, when it last went on or was paused.
        since: Monotonic time at which it went on; None while it is paused.
        shown: The places that the slider was last put at, and when.
    """

    key: str
    source: Any
    place: float = 0.0
    speed: int = 1
    since: float | None = None
    shown: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=ECHOES))

    @property
    def now(self) -> float:
        """Seconds from its beginning, as of now."""
        gone = 0.0 if self.since is None else (time.monotonic() - self.since) * self.speed
        end: float = self.source.seconds
        return min(self.place + gone, end)

    def go(self, place: float, *, on: bool) -> None:
        """Be at a place, and go on from there or stay."""
        self.place, self.since = place, time.monotonic() if on else None

    def show(self, place: float) -> None:
        """Remember that the slider is put at a place."""
        if not self.shown or self.shown[-1][0] != place:
            self.shown.append((place, time.monotonic()))

    def is_echo(self, place: float) -> bool:
        """Whether a place that the browser sends is one where it was told to put the slider, now or shortly before."""
        if not self.shown:
            return True  # of a replay before this one
        *before, (now, _) = self.shown
        return place == now or any(place == was and time.monotonic() - at < ECHO for was, at in before)


def is_played(key: str) -> bool:
    """Whether this visitor plays it."""
    played = st.session_state.get(_PLAYED)
    return played is not None and played.key == key


def goes_on(key: str) -> bool:
    """Whether it moves by itself, so that what shows it has to tick."""
    return is_played(key) and st.session_state[_PLAYED].since is not None


def play_button(key: str, source: Callable[[], Any]) -> None:
    """The button "Play", or the one to end it.

    Args:
        key: What is to be played.
        source: Reads it; see ``dmf.analysis.playback.Playback``.

    Raises:
        DMFError: If it cannot be read.
    """
    if is_played(key):
        st.button("End replay", key=f"play-end-{key}", icon=":material/close:", on_click=_end, help=ENDED)
    elif st.button("Play", key=f"play-{key}", icon=":material/replay:", help=HELP):
        recorded = source()
        played = _Played(key, recorded, speed=fitting(recorded.seconds))
        played.go(0.0, on=True)
        st.session_state[_PLAYED] = played
        st.rerun()


def _end() -> None:
    st.session_state.pop(_PLAYED, None)


def fitting(seconds: float) -> int:
    """The least speed at which so many seconds pass within half a minute."""
    return next((speed for speed in SPEEDS if seconds / speed <= PATIENCE), SPEEDS[-1])


def play_bar(key: str, drawn_ticking: bool) -> Any:
    """Pause, speed and place; returns what was there at the place, drawn by whatever draws it live.

    Args:
        key: What is played.
        drawn_ticking: Whether the caller is drawn again by itself; if that is not so any more, the page is.
    """
    played: _Played = st.session_state[_PLAYED]
    length = math.ceil(played.source.seconds * 10) / 10  # the slider, in tenths of a second, reaches the end
    if played.since is not None and played.now >= played.source.seconds:
        played.go(played.source.seconds, on=False)
    if (played.since is not None) != drawn_ticking:
        st.rerun()
    now = played.now
    with st.container(key="play-bar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        is_over = played.since is None and now >= played.source.seconds
        label, icon = ("Pause replay", "pause") if played.since is not None else ("Go on", "play_arrow")
        if is_over:
            label, icon = "From the start", "replay"
        st.button(label, key=f"play-toggle-{key}", icon=f":material/{icon}:", on_click=_toggle)
        speed_key = f"play-speed-{key}"
        st.session_state[speed_key] = played.speed
        st.select_slider(
            "Speed",
            SPEEDS,
            key=speed_key,
            format_func=lambda speed: f"{speed}×",
            on_change=_accelerate,
            args=(speed_key,),
            width=190,
            help="How many times as fast as it was trained; pauses are left out.",
        )
        if length > 0:
            _slider(played, f"play-place-{key}", now, length)
    return played.source.at(now)


def _slider(played: _Played, key: str, now: float, length: float) -> None:
    place = min(round(now, 1), length)
    if st.session_state.get(key) != place:
        st.session_state[key] = place
    played.show(place)
    st.slider(
        "Seconds of training",
        0.0,
        length,
        step=0.1,
        key=key,
        format="%.1f s",
        on_change=_seek,
        args=(key,),
        width=420,
        help="Where the replay is; move it to go there.",
    )


def _toggle() -> None:
    played = _heard()
    if played is None:
        return
    if played.since is not None:
        played.go(played.now, on=False)
    else:
        at_end = played.now >= played.source.seconds
        played.go(0.0 if at_end else played.place, on=True)


def _accelerate(key: str) -> None:
    if (played := _heard()) is not None:
        played.go(played.now, on=played.since is not None)
        played.speed = st.session_state[key]


def _seek(key: str) -> None:
    """Go where the slider was moved to; a click elsewhere, sent before the slider had moved on, moves nothing."""
    played = _heard()
    place = float(st.session_state[key])
    if played is not None and not played.is_echo(place):
        played.go(place, on=played.since is not None)


def _heard() -> _Played | None:
    """What is played; None once it was ended, when a browser that has yet to draw that still sends its bar."""
    return st.session_state.get(_PLAYED)
