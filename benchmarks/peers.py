"""Others that do not install beside our pins: measured in an environment of their own, recorded, and quoted from there.

``python -m benchmarks.peers`` (``make bench-peers``) sets the environment up under ``build/``, measures, and writes
``benchmarks/peers.json`` with the date, the machine and the versions. The benchmarks quote that file.
"""

import json
import os
import subprocess
import sys
import venv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.harness import processor

FILE = Path(__file__).with_name("peers.json")
SIDES = Path(__file__).with_name("peer_sides.py")
PLACE = Path(__file__).parents[1] / "build" / "peers-venv"
PACKAGES = ("trackio", "mlflow", "tensorboard", "crc32c")


@cache
def recorded() -> dict[str, Any]:
    """What was measured last: ``date``, ``machine`` and, for each peer, its version and figures."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def quoted(peer: str, figure: str) -> float:
    """One figure of a peer, in seconds, bytes or counts."""
    return float(recorded()[peer][figure])


def source() -> str:
    """When and on what the peers were measured, for the table."""
    return f"recorded {recorded()['date']}"


def main() -> None:
    python = _python()
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    machine = f"{processor()}, {os.cpu_count()} cores{load}"
    quick = ["--quick"] if "--quick" in sys.argv else []
    answer = subprocess.run([python, str(SIDES), *quick], check=True, stdout=subprocess.PIPE, text=True).stdout
    measured = json.loads(answer.splitlines()[-1])
    content = {"date": date.today().isoformat(), "machine": machine, **measured}
    text = json.dumps(content, indent=2)
    if not quick:
        FILE.write_text(text + "\n", encoding="utf-8")
    print(text)


def _python() -> Path:
    """The interpreter of the peers' environment, which is made where there is none."""
    python = PLACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(PLACE, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, stdout=sys.stderr)
    return python


if __name__ == "__main__":
    main()
