"""A real Chromium and a real server for the tests of what people see."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC_AND_WINDOWS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def playwright_driver():
    """Playwright itself, for as long as the tests run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium_path(playwright_driver) -> Path:
    """A browser of the machine, else Playwright's own, else one installed now."""
    own = Path(playwright_driver.chromium.executable_path)
    found = _find_browser(own)
    tried = []
    for command in _installers():
        if found:
            break
        tried.append(" ".join(command))
        subprocess.run(command, check=False, timeout=600)
        found = _find_browser(own)
    if not found:
        pytest.fail(
            "No Chromium or Chrome on this machine, and none could be installed "
            f"(tried: {'; '.join(tried)}). Install one, or leave these tests out with `-m 'not browser'`.",
            pytrace=False,
        )
    return found


def _find_browser(own: Path) -> Path | None:
    on_path = (shutil.which(name) for name in NAMES)
    places = [os.environ.get("CHROMIUM_PATH"), *on_path, *MAC_AND_WINDOWS, own]
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


def _installers() -> list[list[str]]:
    installers = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        installers += [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]]
    return installers


@pytest.fixture(scope="session")
def browser(playwright_driver, chromium_path: Path):
    """One browser for all tests; each opens its own pages."""
    browser = playwright_driver.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts ``streamlit run SCRIPT`` with its store under ``tmp_path``; returns its URL. Ended with the test."""
    servers: list[subprocess.Popen[bytes]] = []

    def start(script: Path = ROOT / "app" / "main.py", *options: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        environment = {**os.environ, "DMF_HOME": str(home), "DMF_STORE": f"sqlite:///{home / 'runs.sqlite'}"}
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
        log = (tmp_path / "server.log").open("wb")
        server = subprocess.Popen(
            [*command, "--server.headless", "true", "--server.fileWatcherType", "none", *options],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        servers.append(server)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/_stcore/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server did not come up:\n{(tmp_path / 'server.log').read_text()}", pytrace=False)
            time.sleep(0.1)
        return url

    yield start
    for server in servers:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def app_server(serve: Callable[..., str]) -> str:
    """The URL of the whole app with an empty store."""
    return serve()
