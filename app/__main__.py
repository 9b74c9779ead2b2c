"""``python -m app`` is Streamlit's command line, for which a closed terminal is as clean an end as SIGTERM."""

import signal
import sys


def main() -> None:
    """Serve the dashboard; what trains is stopped with a checkpoint when the server ends."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # `nohup` ignores it
        signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        from streamlit.web.cli import main as streamlit

        streamlit(prog_name="streamlit")
    except KeyboardInterrupt:  # before it listens for it
        sys.exit(130)


if __name__ == "__main__":
    main()
