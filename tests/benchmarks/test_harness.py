"""The harness is loaded from its file: only the project root, not the installed package, holds ``benchmarks``."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "harness.py"
    spec = importlib.util.spec_from_file_location("benchmarks_harness", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_sides_take_turns_and_change_who_goes_first(harness: ModuleType) -> None:
    calls: list[str] = []
    pair = harness.alternate(lambda: calls.append("A"), lambda: calls.append("B"), rounds=3, warm_up=1)
    assert "".join(calls) == "AB" + "AB" + "BA" + "AB"
    assert len(pair.ours) == len(pair.beside) == 3


def test_the_ratio_is_the_median_of_the_rounds_not_of_the_sides(harness: ModuleType) -> None:
    # Rounds 2/1, 30/20 and 4/4 give ratios 2, 1.5 and 1: median 1.5. Medians of the sides would give 4/4 = 1.
    pair = harness.Pair([2.0, 30.0, 4.0], [1.0, 20.0, 4.0])
    assert pair.ratio == 1.5
    assert pair.seconds == (4.0, 4.0)


def test_the_table_is_aligned_markdown(harness: ModuleType) -> None:
    rows = [
        harness.Row("a", "1 ms", "peer 2 ms", "0.50", "<= 1", True),
        harness.Row("long name", "3 ms", "2 ms", "1.50", "<= 1", False),
        harness.Row("told only", "3 ms", "2 ms", "1.50"),
    ]
    assert harness.table(rows).splitlines() == [
        "| what      | ours | beside    | ratio | target | met |",
        "|-----------|------|-----------|-------|--------|-----|",
        "| a         | 1 ms | peer 2 ms | 0.50  | <= 1   | yes |",
        "| long name | 3 ms | 2 ms      | 1.50  | <= 1   | NO  |",
        "| told only | 3 ms | 2 ms      | 1.50  |        |     |",
    ]


@pytest.mark.parametrize(("value", "words"), [(0.0000203, "0.0203 ms"), (0.00171, "1.71 ms"), (1.2384, "1238 ms")])
def test_milliseconds_keep_three_figures(harness: ModuleType, value: float, words: str) -> None:
    assert harness.milliseconds(value) == words


def test_a_temporary_store_is_real_and_gone_afterwards(harness: ModuleType) -> None:
    with harness.temporary_store() as store:
        file = store.file
        assert file.exists()
    assert not file.exists()
