"""``python -m app`` is Streamlit's command line, for which a closed terminal is as clean an end as SIGTERM."""

import os
import signal
import sys


def main() -> None:
    """Serve the dashboard; what trains is stopped with a checkpoint when the server ends."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # `nohup` ignores it
        signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the server listens for it: amidst an import KeyboardInterrupt may be swallowed, with a traceback.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        from streamlit.web.cli import main as streamlit

        streamlit(prog_name="streamlit")
    except KeyboardInterrupt:  # before it listens for it
        sys.exit(130)


if __name__ == "__main__":
    main()
