"""The command line: ``dmf app | train | resume | import | replay | explain | check-method | runs | export | ...``.

Heavy imports wait inside the commands, so that help and mistakes answer at once.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C is one line from its first import on."""
    try:
        from dmf.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Error Interrupted.\n")
        sys.exit(130)  # what shells expect
