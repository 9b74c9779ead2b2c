"""A scene passes by itself in some twenty seconds; it can be held, and seen again."""

import time
from dataclasses import dataclass

import streamlit as st

from app.views import Playback, Snapshot

TICK = 0.5  # s
LASTS = 20.0  # s that a scene takes, however long its training took
HEAD_START = 1.5  # s of it that have passed when it begins, so that there are lines to see at once
_PLAYED = "tour-played"  # in session state


@dataclass
class Played:
    """What one visitor sees.

    Attributes:
        name: Which scene.
        source: Gives what was there after so many seconds of training; see ``dmf.analysis.playback.Playback``.
        place: Seconds from its beginning, of ``LASTS``, when it last went on or was held.
        since: Monotonic time at which it went on; None while it is held.
    """

    name: str
    source: Playback
    place: float = HEAD_START
    since: float | None = None

    @property
    def share(self) -> float:
        """How much of it has passed, 0 to 1."""
        gone = 0.0 if self.since is None else time.monotonic() - self.since
        return min((self.place + gone) / LASTS, 1.0)

    @property
    def goes_on(self) -> bool:
        """Whether it moves by itself."""
        return self.since is not None and self.share < 1

    def snapshot(self) -> Snapshot:
        """The experiment as it stands there."""
        return self.source.at(self.share * self.source.seconds)

    def toggle(self) -> None:
        """Hold it, let it go on, or begin anew where it is over."""
        share = self.share
        if self.goes_on:
            self.place, self.since = share * LASTS, None
        else:
            self.place, self.since = (HEAD_START if share >= 1 else self.place), time.monotonic()


def played(name: str) -> Played | None:
    """The scene that this visitor sees, if it is the one of this name."""
    shown: Played | None = st.session_state.get(_PLAYED)
    return shown if shown is not None and shown.name == name else None


def begin(name: str, source: Playback) -> Played:
    """Play a scene from its beginning."""
    begun = Played(name, source, since=time.monotonic())
    st.session_state[_PLAYED] = begun
    return begun


def bar(shown: Played, words: str) -> None:
    """The button that holds it or lets it go on, and how far it is.

    Args:
        shown: What is played.
        words: What it is doing, e.g. ``"step 40 of 110"``.
    """
    share = shown.share
    if shown.goes_on:
        label, icon = "Pause", "pause"
    elif share < 1:
        label, icon = "Go on", "play_arrow"
    else:
        label, icon = "Play again", "replay"
    with st.container(key="tour-bar", horizontal=True, vertical_alignment="center", gap="medium"):
        st.button(label, key="tour-toggle", icon=f":material/{icon}:", on_click=shown.toggle)
        st.html(
            f'<div class="passing"><div class="track"><i style="width:{share:.1%}"></i></div>'
            f"<span>{words}</span></div>",
            width="stretch",
        )
