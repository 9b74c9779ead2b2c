from pathlib import Path

from dmf.data import answers, keep_answers


def test_answers_are_remembered_by_folder(home: Path) -> None:
    assert answers("folder", Path("/a")) == {}
    keep_answers("folder", Path("/a"), {"masks": "1st_manual"})
    keep_answers("folder", Path("/a"), {"group": "none"})
    keep_answers("folder", Path("/b"), {"masks": "mask"})
    assert answers("folder", Path("/a")) == {"masks": "1st_manual", "group": "none"}
    keep_answers("folder", Path("/a"), {"masks": ""})
    assert answers("folder", Path("/a")) == {"group": "none"}
    assert [path.name for path in home.iterdir()] == ["answers.json"]


def test_a_damaged_file_of_answers_holds_none(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "answers.json").write_text("[1")
    assert answers("folder", Path("/a")) == {}
