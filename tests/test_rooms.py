"""What is true of every task speaks of none: words of one task are found only in its room."""

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
