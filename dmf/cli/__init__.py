"""The command line: ``dmf app | train | resume | import | replay | explain | check-method | runs | export | ...``.

Heavy imports wait inside the commands, so that help and mistakes answer at once.
"""

import os
import signal
import sys
import threading
from types import FrameType

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130  # what shells expect
_SAID = "Error Interrupted.\n"


def main() -> None:
    """Run the command line; Ctrl-C is one line from its first import on."""
    own = signal.getsignal(signal.SIGINT)
    # Who ignores it, as a shell does for what it runs in the background, goes on doing so.
    listens = own is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if listens:
        signal.signal(signal.SIGINT, _interrupted)
    try:
        from dmf.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write(_SAID)
        sys.exit(INTERRUPTED)
    finally:
        if listens:
            signal.signal(signal.SIGINT, own)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Leave at once while something is imported, else raise KeyboardInterrupt.

    Raised amidst an import it may be swallowed, with a traceback, by what cleans up there, or become an error of the
    library that is loaded. Nothing of ours is under way then that would have to end well.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, _SAID.encode())
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
