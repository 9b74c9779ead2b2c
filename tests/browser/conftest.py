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

ROOT = Path(__file__).parents[2]
LONG = 90_000  # ms, for machines that are busy with other things
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests in a browser have a second try.

    A real browser, a real server and a real training share two cores with whatever else runs there, and now and then
    something takes longer than anyone waits. Once is chance, and is printed; twice is a failure.
    """
    if not config.getoption("usepdb"):  # which stops at the first failure
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.flaky(reruns=1))


TIMER = pytest.StashKey[Any]()


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    item.stash[TIMER] = settings


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The second try has as much time as the first, not what is left of it."""
    if getattr(item, "execution_count", 1) > 1 and TIMER in item.stash:
        item.config.hook.pytest_timeout_cancel_timer(item=item)
        item.config.hook.pytest_timeout_set_timer(item=item, settings=item.stash[TIMER])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What a test that fails had before its eyes, and what the server said, go into the report."""
    report = yield
    if report.failed and report.when != "teardown":
        arguments = getattr(item, "funcargs", {})
        contexts = arguments["browser"].contexts if "browser" in arguments else []
        for page in (page for context in contexts for page in context.pages):
            with contextlib.suppress(Exception):  # it hangs, or is gone
                report.sections.append((f"page {page.url}", page.locator("body").inner_text(timeout=5000)))
        homes = [arguments[name] for name in ("tmp_path", "shared_home") if name in arguments]
        for log in (place / "server.log" for home in homes for place in (home, home.parent)):
            if not log.is_file():
                continue
            report.sections.append(("server", "\n".join(log.read_text("utf-8", "replace").splitlines()[-60:])))
    return report


MAIN = ROOT / "app" / "main.py"
Server = subprocess.Popen[bytes]


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """The servers that ``serve`` has started, in order. Ended with the test."""
    started: list[Server] = []
    yield started
    _end(started)


@pytest.fixture(scope="session")
def prepared_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all servers keep prepared images: those that a server makes ahead are there, so that no test waits."""
    from dmf import build
    from dmf.config import DataConfig, TrainingConfig

    home = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMF_HOME", str(home))
        build.prepare_ahead(DataConfig(), TrainingConfig().seed)
    return home / "cache"


@pytest.fixture
def serve(tmp_path: Path, servers: list[Server], prepared_images: Path) -> Callable[..., str]:
    """Starts ``streamlit run SCRIPT`` with its store under ``tmp_path``; returns its URL.

    ``project`` is where the packages lie that it runs.
    """

    def start(script: Path = MAIN, *options: str, project: Path = ROOT) -> str:
        home = tmp_path / "home"
        _furnish(home, prepared_images)
        server, url = _start(script, home, tmp_path / "server.log", *options, project=project)
        servers.append(server)
        return url

    return start


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory, prepared_images: Path) -> Path:
    """The home of the servers that the tests of a module share."""
    home = tmp_path_factory.mktemp("shared") / "home"
    _furnish(home, prepared_images)
    return home


@pytest.fixture(scope="module")
def shared_servers() -> Iterator[dict[Path, tuple[Server, str]]]:
    """The servers of a module by what they run. Ended with its tests."""
    started: dict[Path, tuple[Server, str]] = {}
    yield started
    _end([server for server, _ in started.values()])


@pytest.fixture
def shared_serve(shared_home: Path, shared_servers: dict[Path, tuple[Server, str]]) -> Callable[..., str]:
    """As ``serve``, for tests that leave each other alone: one server per module, started anew where it has died."""

    def start(script: Path = MAIN) -> str:
        if script not in shared_servers or shared_servers[script][0].poll() is not None:
            shared_servers[script] = _start(script, shared_home, shared_home.parent / "server.log")
        return shared_servers[script][1]

    return start


def _furnish(home: Path, prepared_images: Path) -> None:
    if not home.exists():
        home.mkdir()
        (home / "cache").symlink_to(prepared_images, target_is_directory=True)


def _start(script: Path, home: Path, log: Path, *options: str, project: Path = ROOT) -> tuple[Server, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"DMF_HOME": str(home), "DMF_STORE": f"sqlite:///{home / 'runs.sqlite'}", "PYTHONPATH": str(project)}
    environment = {"DMF_EXAMPLES": "no", **os.environ, **places}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
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


@pytest.fixture
def app_server(serve: Callable[..., str]) -> str:
    """The URL of the whole app with an empty store."""
    return serve()


@pytest.fixture
def shared_server(shared_serve: Callable[..., str]) -> str:
    """The URL of the whole app for all tests of a module."""
    return shared_serve()


@pytest.fixture
def idle_server(shared_server: str, shared_home: Path) -> Iterator[str]:
    """As ``shared_server``; what a test leaves training is stopped after it, so that the next one does not wait."""
    from dmf.runs import RunStore

    yield shared_server
    store = RunStore(shared_home / "runs.sqlite")

    def active() -> list[str]:
        return [run.id for run in store.runs() if run.state.is_active]

    if _answers(f"{shared_server}/_stcore/health"):
        for run in active():
            store.add_control(run, "stop")
        until(lambda: not active(), "what trains to stop")
    store.close()


TINY = {"Image size": 32, "Batch size": 4, "Epochs": 5000, "Filters": 4, "Images": 40, "CPU threads": 1}
"""Settings of a race that is light on the machine: 28 training images, 7 steps per epoch."""


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


def slowness() -> float:
    """How many times longer things take now than on a machine that does nothing else; at least 1."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.3:
        pass
    return max(1.0, (time.monotonic() - began) / (time.process_time() - used))


def choose_option(box: Any, option: str) -> None:
    """Choose from the menu of a box.

    It is opened until it stays open: a menu closes when what it hangs on is scrolled, as a click may do first, and when
    the page is drawn again.
    """
    found = box.page.get_by_role("option", name=option, exact=True)

    def is_chosen() -> bool:
        with contextlib.suppress(Exception):
            box.scroll_into_view_if_needed(timeout=5000)
            if box.get_attribute("aria-expanded", timeout=5000) != "true":
                box.click(timeout=5000)
            found.click(timeout=5000)
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
        self.slowness = slowness

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
        self.page.get_by_text("More", exact=True).click()
        self.fill_in(without, TINY | settings)
        self.press("Start training")
        until(lambda: "experiment=e-" in self.page.evaluate("location.search"), "the experiment in the address")
        return self.experiment

    def fill_in(self, without: Sequence[int], settings: Mapping[str, object]) -> None:
        offered = self.page.get_by_role("button", name=re.compile("^Remove run"))
        for run in without:
            self.page.get_by_role("button", name=f"Remove run {run}", exact=True).wait_for()
            left = offered.count() - 1

            def is_removed(run: int = run, left: int = left) -> bool:
                with contextlib.suppress(Exception):  # it went between the look and the click, or moved under it
                    self.page.get_by_role("button", name=f"Remove run {run}", exact=True).click(timeout=3000)
                return soon(lambda: offered.count() == left, 15)

            until(is_removed, f"run {run} to be removed")
        for label, value in settings.items():
            field = self.page.get_by_label(label, exact=True)
            field.fill(str(value))
            field.press("Enter")
        self.page.get_by_test_id("stSidebar").get_by_text("28 train").wait_for()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def open_knobs(self) -> None:
        """Open the bar "Change while it trains", if it is closed."""
        bar = self.page.get_by_text("Change while it trains")
        bar.wait_for()
        field = self.page.get_by_label("New γ₀", exact=True).first

        def is_open() -> bool:
            if not field.is_visible():
                bar.click()
            return soon(field.is_visible, 10)

        until(is_open, "the knobs")

    def turn(self, label: str, value: object) -> None:
        """Turn one knob: a number, or a method by its name."""
        self.open_knobs()
        field = self.page.get_by_label(label, exact=True)
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
        return [text for _, text, _ in json.loads(self.told(key, "marks") or "[]")]

    def zoom(self, key: str, start: float = 0.2, end: float = 0.6) -> None:
        """Drag over a chart, from one share of its width to another, until it is zoomed."""

        def is_zoomed() -> bool:
            with contextlib.suppress(Exception):  # it is drawn anew under the pointer
                self.drag(self.chart(key).locator(".u-over"), start, end)
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

    def standing(self, found: Any) -> dict[str, float]:
        """The box of what was found, once it moves no more."""
        return self.settled(found.bounding_box, "the page to stand still")

    def settled(self, read: Callable[[], Any], what: str) -> Any:
        """What ``read`` gives, once it gives something and the same again."""
        last = [read()]

        def is_settled() -> bool:
            self.page.wait_for_timeout(250)
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


@pytest.fixture
def watched(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens a page of its own visitor: ``watched(url)``, or without a URL to start from."""
    contexts = []

    def open_page(url: str = "", **options: Any) -> Watched:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LONG)
        if url:
            page.goto(url)
        return Watched(page)

    yield open_page
    for context in contexts:
        context.close()
