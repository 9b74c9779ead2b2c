"""Recording: a training loop of one's own appears live on the pages and obeys their buttons."""

from dmf.recording.own_loop import Recording, RunStoppedError, record

__all__ = ["Recording", "RunStoppedError", "record"]
