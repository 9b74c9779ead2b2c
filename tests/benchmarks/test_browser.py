import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import pytest

Load = Callable[[str], ModuleType]


def test_a_machine_without_playwright_is_told_so(benchmark_module: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    error = benchmark_module("harness").CannotMeasureError
    with pytest.raises(error, match="Playwright is not installed"), benchmark_module("browser").browser():
        pass


@pytest.mark.browser
def test_a_machine_without_a_browser_is_told_the_way_out(
    benchmark_module: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = benchmark_module("browser")
    monkeypatch.setattr(browser, "Path", lambda _: SimpleNamespace(is_file=lambda: False))
    error = benchmark_module("harness").CannotMeasureError
    # Playwright has one driver a thread, and the tests in a browser may have theirs in this one.
    with ThreadPoolExecutor(1) as other, pytest.raises(error, match=r"No Chromium or Chrome .* CHROMIUM_PATH"):
        other.submit(browser.browser().__enter__).result()


def test_waiting_ends_with_what_was_waited_for(benchmark_module: Load) -> None:
    answers = iter([0, None, 7])
    assert benchmark_module("browser").until(lambda: next(answers), "seven", pause=0) == 7


def test_waiting_in_vain_says_for_what(benchmark_module: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = benchmark_module("browser")
    monkeypatch.setattr(browser, "PATIENCE", 0.0)
    with pytest.raises(TimeoutError, match="Waited 0 s for a miracle"):
        browser.until(lambda: False, "a miracle", pause=0)
