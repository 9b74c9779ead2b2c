"""A process that trains cells of a study: ``python -m dmf.studies.worker STUDY``, as ``dmf study --workers`` starts it.

The store is that of ``DMF_STORE``. It stops, with checkpoints, at SIGTERM and when its standard input closes, which
happens when whoever started it ends.
"""

import os
import signal
import sys
import threading

from dmf.cores import share_cores


def main(study: str) -> None:
    """Train until nothing is left."""
    share_cores()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def watch() -> None:
        while os.read(0, 1024):  # not through sys.stdin, whose lock it would still hold when this process ends
            pass
        stop.set()

    threading.Thread(target=watch, name="dmf-study-parent", daemon=True).start()

    from dmf.plugins import load_plugins
    from dmf.runs import RunStore
    from dmf.studies.local import LocalEngine

    load_plugins(())
    LocalEngine(RunStore(), study, stop=stop, kind="dmf study worker").run()


if __name__ == "__main__":
    main(sys.argv[1])
