"""The command line: ``dmf app | train | resume | import | replay | explain | check-method | runs | export | ...``.

Heavy imports wait inside the commands, so that help and mistakes answer at once.
"""

from dmf.cli.app import main

__all__ = ["main"]
