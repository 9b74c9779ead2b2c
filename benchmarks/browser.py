"""A real Chromium and a real server, for what only a browser can tell."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import CannotMeasureError
from dmf.runs import RunStore

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",  # pages that each window loads for its address bar
]
PATIENCE = 240.0  # s
SHARED = ROOT / "app" / "shared.py"
"""Entry of a dashboard that others look at."""


@dataclass(frozen=True)
class Served:
    """A server, and the store it reads.

    Attributes:
        url: Where it answers.
        store: What it shows.
        process: Its process id.
        log: What it prints.
    """

    url: str
    store: RunStore
    process: int
    log: Path

    def cookie(self) -> str:
        """What makes a browser the owner's, of a server that is shared."""
        link = re.search(r"http://\S+/owner/(\S+)", self.log.read_text("utf-8"))
        assert link is not None
        return f"dmf-owner-{self.url.rpartition(':')[2]}={link[1]}"


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium.

    Raises:
        CannotMeasureError: If Playwright or a browser is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise CannotMeasureError("Playwright is not installed; see requirements.txt.") from None
    with sync_playwright() as driver:
        own = driver.chromium.executable_path
        places = [os.environ.get("CHROMIUM_PATH"), *map(shutil.which, NAMES), own]
        found = next((place for place in places if place and Path(place).is_file()), None)
        if found is None:
            raise CannotMeasureError(
                "No Chromium or Chrome on this machine. Install one, name it in CHROMIUM_PATH, "
                "or run `.venv/bin/playwright install chromium`."
            )
        running = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def opened(running: Any) -> Iterator[Any]:
    """A page of its own, without anything kept from others."""
    context = running.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        yield page
    finally:
        context.close()


@contextmanager
def served(script: Path = ROOT / "app" / "main.py") -> Iterator[Served]:
    """The app, or another script, on a free port with a store of its own; ended afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file, log = Path(folder) / "runs.sqlite", Path(folder) / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        store = RunStore(file)
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*command, "--server.headless", "true", "--server.fileWatcherType", "none"],
                cwd=ROOT,
                env={
                    **os.environ,
                    **{"DMF_EXAMPLES": "no", "DMF_STORE": f"sqlite:///{file}", "PYTHONUNBUFFERED": "1"},
                    **({"DMF_SHARE": f"http://127.0.0.1:{port}"} if script == SHARED else {}),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _answers(url) or server.poll() is not None, "the server")
            if server.poll() is not None:
                raise RuntimeError(f"The server did not come up:\n{log.read_text()}")
            yield Served(url, store, server.pid, log)
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            store.close()


def until(condition: Callable[[], Any], what: str, pause: float = 0.01) -> Any:
    """What ``condition`` answers as soon as that is true.

    Raises:
        TimeoutError: If it never is within ``PATIENCE``.
    """
    give_up = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"Waited {PATIENCE:.0f} s for {what}.")
        time.sleep(pause)
    return found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
