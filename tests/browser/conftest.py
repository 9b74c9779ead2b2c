"""A real Chromium and a real server for the tests of what people see."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dmf.errors import RunFinishedError
from dmf.runs import RunStore

ROOT = Path(__file__).parents[2]
LONG = 240_000  # ms: every wait is for a state, however busy the machine is with other things
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
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",  # pages that each window loads for its address bar
]


@pytest.fixture(scope="session")
def playwright_driver():
    """Playwright itself, for as long as the tests run."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=LONG)
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
def living_browser(playwright_driver, chromium_path: Path) -> Iterator[Callable[[], Any]]:
    """Gives the browser of all tests; after a crash, which one test may fail by, a new one."""
    browsers: list[Any] = []

    def is_alive(browser: Any) -> bool:
        with contextlib.suppress(Exception):
            browser.new_context().close()  # it answers
        return browser.is_connected()

    def living() -> Any:
        if not browsers or not is_alive(browsers[-1]):
            browsers.append(playwright_driver.chromium.launch(executable_path=chromium_path, args=ARGUMENTS))
        return browsers[-1]

    yield living
    for browser in browsers:
        with contextlib.suppress(Exception):  # it crashed
            browser.close()


@pytest.fixture
def browser(living_browser: Callable[[], Any]) -> Any:
    """One browser for all tests; each opens its own pages."""
    return living_browser()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What a test that fails had before its eyes, and what the server said, go into the report."""
    report = yield
    if report.failed and report.when != "teardown":
        arguments = getattr(item, "funcargs", {})
        contexts = arguments["browser"].contexts if "browser" in arguments else []
        for page in (page for context in contexts for page in context.pages if page.url != "about:blank"):
            with contextlib.suppress(Exception):  # it hangs, or is gone
                report.sections.append((f"page {page.url}", page.locator("body").inner_text(timeout=20_000)))
        logs = [arguments["dashboard"].log] if "dashboard" in arguments else []
        logs += [arguments["tmp_path"] / "server.log"] if "tmp_path" in arguments else []
        for log in filter(Path.is_file, logs):
            report.sections.append(("server", "\n".join(log.read_text("utf-8", "replace").splitlines()[-60:])))
    return report


ENTRY = Path("app", "main.py")
MAIN = ROOT / ENTRY
Server = subprocess.Popen[bytes]


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """The servers that ``serve`` has started, in order. Ended with the test."""
    started: list[Server] = []
    yield started
    _end(started)


class Dashboard:
    """The whole app as the tests share it: one server with its home and its store.

    Attributes:
        store: What the server shows and trains.
        kept: Ids of experiments that outlast a test, as those that the tests of a module look at.
        log: What the server says.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir()
        (home / "cache").mkdir()
        self.home, self.log = home, home.parent / "server.log"
        self.store = RunStore(home / "runs.sqlite")
        self.kept: set[str] = set()
        self._server: tuple[Server, str] | None = None

    @property
    def url(self) -> str:
        """Where the server answers; started on demand, and anew where it has died."""
        if self._server is None or self._server[0].poll() is not None:
            self._server = _start(MAIN, self.home, self.log)
        return self._server[1]

    def kill(self) -> None:
        """End the server as a power cut would."""
        assert self._server is not None
        self._server[0].kill()
        self._server[0].wait()

    def end(self) -> None:
        """End the server and close the store."""
        if self._server is not None:
            _end([self._server[0]])
        self.store.close()

    def race(self, *runs: str, **settings: str) -> str:
        """Put a race into the store that is light on the machine and, once resumed, goes on until it is stopped.

        Of 28 training images, 7 steps per epoch. ``runs`` and ``settings`` are written as on a command line.
        """
        from dmf.config_text import experiment
        from dmf.jobs import create_experiment

        made = create_experiment(self.store, experiment(RACE | settings, runs=runs or ("variance",)))
        self.store.cancel(made.id)
        return made.id

    def clear(self) -> None:
        """Stop what trains and delete every run, but for those that are kept; take away what was uploaded."""
        asked: set[str] = set()

        def is_clear() -> bool:
            for experiment in self.store.queue():  # first, or it takes the place of what is stopped
                with contextlib.suppress(RunFinishedError):
                    self.store.cancel(experiment.id)
            found = [run for run in self.store.runs(10_000, archived=True) if run.experiment not in self.kept]
            active = {run.id for run in found if run.state.is_active}
            for run in active - asked:
                self.store.add_command(run, "stop")
            asked.update(active)
            if not active:
                with contextlib.suppress(RunFinishedError):  # who trained it has not let go of it yet
                    self.store.delete_runs([run.id for run in found])
                    return True
            return False

        until(is_clear, "what trains to stop")
        shutil.rmtree(self.home / "raw", ignore_errors=True)


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The server of all tests; those that open it ask for ``app_server`` as well."""
    shared = Dashboard(tmp_path_factory.mktemp("dashboard") / "home")
    yield shared
    shared.end()


@pytest.fixture
def app_server(dashboard: Dashboard) -> Iterator[str]:
    """The URL of the whole app, where nothing trains, with an empty store but for what the module's tests keep."""
    dashboard.clear()
    yield dashboard.url
    dashboard.clear()


@pytest.fixture
def store(dashboard: Dashboard) -> RunStore:
    """What the server shows and trains."""
    return dashboard.store


@pytest.fixture
def serve(tmp_path: Path, servers: list[Server], dashboard: Dashboard) -> Callable[..., str]:
    """Starts another server; returns its URL.

    ``project`` is where the packages lie that it runs, ``entry`` the script in there that it begins with. Without a
    ``home``, its store is under ``tmp_path``.
    """

    def start(*options: str, project: Path = ROOT, home: Path = tmp_path / "home", entry: Path = ENTRY) -> str:
        if not home.exists():
            home.mkdir()
            (home / "cache").symlink_to(dashboard.home / "cache", target_is_directory=True)
        server, url = _start(project / entry, home, tmp_path / "server.log", *options, project=project)
        servers.append(server)
        return url

    return start


@pytest.fixture(scope="module")
def serve_script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """The URL of a script of the tests' own, by its file: one server for the tests of a module."""
    folder = tmp_path_factory.mktemp("script")
    started: dict[Path, tuple[Server, str]] = {}

    def start(script: Path) -> str:
        if script not in started or started[script][0].poll() is not None:
            started[script] = _start(script, folder, folder / "server.log")
        return started[script][1]

    yield start
    _end([server for server, _ in started.values()])


def _start(script: Path, home: Path, log: Path, *options: str, project: Path = ROOT) -> tuple[Server, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"DMF_HOME": str(home), "DMF_STORE": f"sqlite:///{home / 'runs.sqlite'}", "PYTHONPATH": str(project)}
    environment = {"DMF_EXAMPLES": "no", **os.environ, **places}
    command = [sys.executable, str(Path(__file__).with_name("serving.py")), str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.fileWatcherType", "none", *options]
    with log.open("ab") as said:
        server = subprocess.Popen(command, cwd=project, env=environment, stdout=said, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + LONG / 1000
    while not _answers(f"{url}/_stcore/health"):
        if server.poll() is not None or time.monotonic() > deadline:
            _end([server])
            pytest.fail(f"The server did not come up:\n{log.read_text()}", pytrace=False)
        time.sleep(0.1)
    return server, url


def _end(servers: Sequence[Server]) -> None:
    for server in servers:
        server.terminate()
    for server in servers:
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


TINY = {"Image size": 32, "Batch size": 4, "Epochs": 5000, "Filters": 4, "Images": 40, "CPU threads": 1}
"""What the form of a race that is light on the machine holds: 28 training images, 7 steps per epoch."""
RACE = {
    **{"image_size": "32", "batch_size": "4", "epochs": "5000", "filters": "4", "threads": "1"},
    "dataset_options": "images=40",
}
"""The same, as typed."""


def soon(condition: Callable[[], Any], seconds: float) -> Any:
    """Wait for ``condition`` to hold; what it gave, or what it gave last where it does not hold in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def until(condition: Callable[[], Any], what: str, seconds: float = LONG / 1000) -> Any:
    """Wait for ``condition`` to hold, and return what it gave."""
    found = soon(condition, seconds)
    if not found:
        pytest.fail(f"waited {seconds:.0f} s for {what}")
    return found


def choose_option(box: Any, option: str) -> None:
    """Choose from the menu of a box.

    It is opened until it stays open: a menu closes when what it hangs on is scrolled, as a click may do first, and when
    the page is drawn again.
    """
    found = box.page.get_by_role("option", name=option, exact=True)

    def is_chosen() -> bool:
        with contextlib.suppress(Exception):
            box.scroll_into_view_if_needed(timeout=20_000)
            if box.get_attribute("aria-expanded", timeout=20_000) != "true":
                box.click(timeout=20_000)
            found.click(timeout=20_000)
            return True
        return False

    until(is_chosen, f"the option {option}")


@pytest.fixture
def choose() -> Callable[[Any, str], None]:
    """See :func:`choose_option`."""
    return choose_option


class Watched:
    """A page on which an experiment is watched, with what tests do there."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.until = until
        self.soon = soon

    @property
    def experiment(self) -> str:
        """Id of the experiment in the URL."""
        # Asked of the browser: the address that Playwright remembers does not change while a test only waits.
        found = until(lambda: re.search(r"experiment=([\w-]+)", self.page.evaluate("location.search")), "the address")
        return str(found[1])

    def start(self, server: str | None, without: Sequence[int] = (3, 2), **settings: object) -> str:
        """Start a tiny race through the form, and return its id once it trains or waits.

        Of the runs that the form offers (1 Variance, 2 MAD, 3 Bayesian), those in ``without`` are removed, last first.
        Without a server, on the page as it is.
        """
        if server is not None:
            self.page.goto(f"{server}/train")
        self.page.get_by_role("button", name="Start training").wait_for()
        self.unfold()
        self.fill_in(without, TINY | settings)
        self.press("Start training")
        until(lambda: "experiment=e-" in self.page.evaluate("location.search"), "the experiment in the address")
        return self.experiment

    def unfold(self) -> None:
        """Open the folds of the form."""
        for fold, field in (("size-and-length", "Epochs"), ("more-settings", "Learning rate")):
            summary = self.page.locator(f".st-key-{fold} summary")
            summary.wait_for()

            def is_open(summary: Any = summary, field: str = field) -> bool:
                found = self.page.get_by_label(field, exact=True)
                if not found.is_visible():
                    with contextlib.suppress(Exception):  # it is drawn anew
                        summary.click(timeout=20_000)
                return bool(soon(found.is_visible, 15))

            until(is_open, f"the field {field}")

    def fill_in(self, without: Sequence[int], settings: Mapping[str, object]) -> None:
        for run in without:
            button = self.page.get_by_role("button", name=f"Remove run {run}", exact=True)
            button.wait_for()

            def is_removed(button: Any = button) -> bool:
                with contextlib.suppress(Exception):  # it went between the look and the click, or moved under it
                    button.click(timeout=3000)
                # Not by how many there are: amidst a redraw the old ones stand beside the new.
                return soon(lambda: self.settled(lambda: str(button.count()), "the runs") == "0", 15)

            until(is_removed, f"run {run} to be removed")
        for label, value in settings.items():
            field = self.page.get_by_label(label, exact=True)
            field.fill(str(value))
            field.press("Enter")
        self.page.get_by_test_id("stSidebar").get_by_text("28 train").wait_for()

    def resume(self, server: str, experiment: str) -> None:
        """Open an experiment and let it train."""
        self.page.goto(f"{server}/train?experiment={experiment}")
        self.press("Resume")
        self.wait_state("running")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def turn(self, label: str, value: object) -> None:
        """Change one live setting: a number, or a method by its name."""
        field = self.page.get_by_label(label, exact=True).filter(visible=True)

        until(lambda: field.count() == 1, "the fields of other runs to go")
        if label == "New weighting method":
            choose_option(field, str(value))
        else:
            field.fill(str(value))
        self.press("Apply")

    def has_mark(self, text: str, key: str = "losses-step") -> bool:
        """Whether a mark of a chart begins so; runs that answered at different steps have one each."""
        return any(mark.startswith(text) for mark in self.marks(key))

    def chart(self, key: str) -> Any:
        """The chart; the newer one while it is drawn anew in another place."""
        return self.page.locator(f'.live-chart[data-key="{key}"]').last

    def told(self, key: str, name: str) -> str | None:
        """What a chart says of itself, e.g. ``"zoomed"``; None while there is none. Never waits."""
        found = self.page.locator(f'.live-chart[data-key="{key}"]')
        return found.evaluate_all("(all, name) => all.length ? all[all.length - 1].dataset[name] ?? null : null", name)

    def points(self, key: str = "losses-step") -> int:
        return int(self.told(key, "points") or 0)

    def marks(self, key: str = "losses-step") -> list[str]:
        """What the marks of a chart say."""
        return [text for _, text, *_ in json.loads(self.told(key, "marks") or "[]")]

    def zoom(self, key: str, start: float = 0.2, end: float = 0.6) -> None:
        """Drag over a chart, from one share of its width to another, until it is zoomed."""

        def is_zoomed() -> bool:
            with contextlib.suppress(Exception):  # it is drawn anew under the pointer
                self.drag(self.chart(key).locator(".u-over").first, start, end)
            return soon(lambda: self.told(key, "zoomed") == "true", 5)

        until(is_zoomed, f"the zoom of {key}")

    def drag(self, over: Any, start: float, end: float) -> None:
        """Drag over what stands on the page, from one share of its width to another."""
        over.scroll_into_view_if_needed()
        box = self.standing(over)
        y = box["y"] + box["height"] * 0.3
        self.page.mouse.move(box["x"] + box["width"] * start, y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * end, y, steps=5)
        self.page.mouse.up()

    def idle(self) -> None:
        """Wait until nothing is computed for the page, and the address is what it is to be."""
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()

    def standing(self, found: Any) -> dict[str, float]:
        """The box of what was found, once it moves no more."""
        return self.settled(found.bounding_box, "the page to stand still")

    def settled(self, read: Callable[[], Any], what: str) -> Any:
        """What ``read`` gives, once it gives something and the same again."""
        last = [read()]

        def is_settled() -> bool:
            self.page.wait_for_timeout(100)
            last.append(read())
            return bool(last[-1]) and last[-1] == last[-2]

        until(is_settled, what)
        return last[-1]

    def fits(self, width: int) -> None:
        """The page, once it stands still, is no wider than the screen."""
        size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert self.settled(lambda: self.page.evaluate(size), "the page to stand still")[0] <= width

    def status(self) -> str:
        """What is said above the charts of a race; empty while it is not there."""
        return " ".join(self.page.locator(".st-key-run-status").all_inner_texts())

    def step(self) -> int:
        found = until(lambda: re.search(r"step ([\d,]+)", self.status()), "a step in the status")
        return int(found[1].replace(",", ""))

    def says(self, state: str) -> bool:
        chips = self.page.locator(".st-key-run-status .chip").all_inner_texts()
        return bool(chips) and state in chips[0]

    def wait_state(self, state: str, seconds: float = LONG / 1000) -> None:
        until(lambda: self.says(state), f"the state {state}", seconds)

    def wait_step(self, step: int) -> None:
        until(lambda: self.step() >= step, f"step {step}")


class Windows:
    """Windows of the browser, lent to one test after another.

    In a window that has shown the app before, a page takes two thirds of the work of one in a new window.
    """

    def __init__(self, living: Callable[[], Any]) -> None:
        self._living = living
        self._free: dict[str, list[Any]] = {}

    def lend(self, viewport: Mapping[str, int], **options: Any) -> Any:
        """An empty page of a visitor whom nobody knows."""
        browser, kind = self._living(), json.dumps(options, sort_keys=True)
        free = self._free.setdefault(kind, [])
        while free:
            page = free.pop()
            if page.context.browser is browser and not page.is_closed():
                page.set_viewport_size(viewport)
                page.mouse.move(0, 0)
                return page
        page = browser.new_context(viewport=viewport, **options).new_page()
        page.set_default_timeout(LONG)
        return page

    def take_back(self, page: Any, **options: Any) -> None:
        """Forget what the visitor left; a window that does not answer is closed."""
        context = page.context
        try:
            with contextlib.suppress(Exception):  # a page of no address keeps nothing
                page.evaluate("localStorage.clear(); sessionStorage.clear()")
            page.goto("about:blank", timeout=20_000)
            page.emulate_media(color_scheme=options.get("color_scheme", "light"))
            context.clear_cookies()
        except Exception:
            with contextlib.suppress(Exception):
                context.close()
        else:
            self._free.setdefault(json.dumps(options, sort_keys=True), []).append(page)


@pytest.fixture(scope="session")
def windows(living_browser: Callable[[], Any]) -> Windows:
    """The windows of all tests."""
    return Windows(living_browser)


WIDE = {"width": 1440, "height": 900}


@pytest.fixture
def watched(browser: Any, windows: Windows) -> Iterator[Callable[..., Watched]]:
    """Opens a page of its own visitor: ``watched(url)``, or without a URL to start from."""
    lent: list[tuple[Any, dict[str, Any]]] = []

    def open_page(url: str = "", viewport: Mapping[str, int] = WIDE, **options: Any) -> Watched:
        page = windows.lend(viewport, **options)
        lent.append((page, options))
        if url:
            page.goto(url)
        return Watched(page)

    yield open_page
    for page, options in lent:
        windows.take_back(page, **options)


@pytest.fixture(scope="module")
def stays() -> dict[str, Any]:
    """The visits that tests of a module have in common, by their address."""
    return {}


@pytest.fixture(scope="module")
def lasting(windows: Windows) -> Iterator[Callable[[], Watched]]:
    """Opens a page that the tests of a module share."""
    pages: list[Any] = []

    def open_page() -> Watched:
        pages.append(windows.lend(WIDE))
        return Watched(pages[-1])

    yield open_page
    for page in pages:
        windows.take_back(page)


@pytest.fixture
def stay(
    request: pytest.FixtureRequest, browser: Any, stays: dict[str, Any], lasting: Callable[[], Watched]
) -> Iterator[Callable[[str], Watched]]:
    """Gives the page at an address as the test before it left it, or as it opens: one visit for the tests of a module.

    After a failure it is opened anew, so that one test does not fail by another.
    """
    failed = request.session.testsfailed

    def open_page(url: str) -> Watched:
        if url not in stays:
            stays[url] = lasting()
            stays[url].page.goto(url)
        stays[url].page.set_viewport_size(WIDE)
        return stays[url]

    yield open_page
    if request.session.testsfailed > failed:
        stays.clear()


@pytest.fixture
def begin(app_server: str, dashboard: Dashboard, watched: Callable[..., Watched]) -> Callable[..., Watched]:
    """Opens a race while it trains: ``begin("mad", "variance", seed="1")``; see ``Dashboard.race``."""

    def begun(*runs: str, **settings: str) -> Watched:
        seen = watched()
        seen.resume(app_server, dashboard.race(*runs, **settings))
        return seen

    return begun
