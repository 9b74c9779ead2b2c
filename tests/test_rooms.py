"""What is true of every task speaks of none: words of one task are found only in its room.

And variables say what they hold.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WORDS = re.compile(r"(?<![\w-])(dice|lesions?|iou|tversky|cb[_-]dice|lesion_\w+)(?![\w-])", re.IGNORECASE)
"""Words of segmentation that mean nothing elsewhere; a mask may also be one of losses that are absent."""

GENERAL = (
    *(
        "dmf/terms",
        "dmf/fusion",
        "dmf/weighting",
        "dmf/training",
        "dmf/replay",
        "dmf/jobs",
        "dmf/runs",
        "dmf/methods",
        "dmf/recording",
    ),
    *("dmf/analysis", "dmf/cli", "dmf/studies", "app"),
    *("dmf/records.py", "dmf/build.py", "dmf/trained.py", "dmf/plugins.py", "dmf/registry.py"),
    *("dmf/tasks/__init__.py", "dmf/tasks/base.py", "dmf/tasks/feed.py", "dmf/tasks/pictures.py"),
)
"""Rooms and files that serve every task."""

ROOMS = ("app/tasks/segmentation",)
"""Rooms among them that are the task's own."""

EXCEPT = {
    "dmf/runs/migrations.py": "names of columns in stores of earlier versions",
    "dmf/runs/prediction_files.py": "how files of predictions made elsewhere are called",
    "dmf/cli/importing.py": "predictions made elsewhere are masks",
    "dmf/studies/built_in.py": "plans of studies of one task, such as the paper's",
    "dmf/studies/published.py": "what the paper printed, and what of it cannot be",
    "dmf/studies/results.py": "which columns the paper's tables have",
    "app/theme.py": "which colours the losses that come with the program keep everywhere",
}
"""Files of these rooms that may, and why."""


def files() -> list[str]:
    found = [path for name in GENERAL for path in ((ROOT / name).rglob("*.py") if "." not in name else [ROOT / name])]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if not name.startswith(ROOMS)]


def spoken(text: str) -> list[str]:
    """Lines with a word of segmentation in them, with their numbers."""
    return [f"{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if WORDS.search(line)]


@pytest.mark.parametrize("file", files())
def test_what_serves_every_task_speaks_of_none(file: str) -> None:
    lines = spoken((ROOT / file).read_text(encoding="utf-8"))
    if file in EXCEPT:
        assert lines, f"{file} needs no exception any more; take it out"
    else:
        assert not lines, f"{file} speaks of segmentation; ask the task instead:\n" + "\n".join(lines)


@pytest.mark.parametrize("line", ["dice = 1", "best by cb_dice", "the lesion", "IoU of", "lesion_dice_per_image"])
def test_a_word_of_segmentation_is_heard(line: str) -> None:
    assert spoken(line)


@pytest.mark.parametrize("line", ["masks = present", "indices", "various", "previous"])
def test_other_words_are_not(line: str) -> None:
    assert not spoken(line)


VAGUE = frozenset({"found", "made", "said", "told"})
"""Names that say how a value came to be, and not what it is."""


def vague_names(text: str) -> list[str]:
    """Variables, parameters and attributes that are given such a name, with their lines."""
    names = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.ExceptHandler(name=name)
                | ast.MatchAs(name=name)
                | ast.MatchStar(name=name)
                | ast.MatchMapping(rest=name)
            ) if name in VAGUE:
                names.append(f"{node.lineno}: {name}")
    return names


@pytest.mark.parametrize("package", ["dmf", "app"])
def test_variables_say_what_they_hold(package: str) -> None:
    lines = [
        f"{file.relative_to(ROOT).as_posix()}:{line}"
        for file in sorted((ROOT / package).rglob("*.py"))
        for line in vague_names(file.read_text(encoding="utf-8"))
    ]
    assert not lines, "Name these for what they hold (tensor, columns, match, scores, ...):\n" + "\n".join(lines)


@pytest.mark.parametrize(
    "code",
    [
        *("found = 1", "found: int", "self.found = 1", "rows, found = pair", "found |= {}", "(found := 1)"),
        *("for made in rows: pass", "with file as made: pass", "def f(*, told=None): pass", "lambda told: 1"),
        *("[1 for said in rows]", "match x:\n case [said]: pass", "match x:\n case {**said}: pass"),
        "try: pass\nexcept OSError as told: pass",
    ],
)
def test_a_variable_that_says_nothing_is_seen(code: str) -> None:
    assert len(vague_names(code)) == 1


@pytest.mark.parametrize("code", ["foundation = 1", "def found(): pass", "print(rows.found)", "x = 'told'", "f(made)"])
def test_other_names_are_not_vague(code: str) -> None:
    assert not vague_names(code)


def test_no_test_runs_a_loop_in_its_own_thread() -> None:
    """Playwright's loop runs there in the process that tests in a browser, whichever other tests come into it."""
    runs = re.compile(r"asyncio\.run\(|\.run_until_complete\(")
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert [path.name for path in files if runs.search(path.read_text(encoding="utf-8"))] == []
