from pathlib import Path, PurePosixPath

import pytest

from dmf.data.discovery import Entry
from dmf.data.grouping import group, propose, refusal


def entries(*stems: str) -> list[Entry]:
    return [Entry(stem, tuple(stem.split("/")[:-1]), PurePosixPath("images", f"{stem}.png")) for stem in stems]


def proposed(*stems: str) -> str | None:
    doubt = propose(entries(*stems), Path(), [])
    return None if doubt is None else doubt.options[0]


@pytest.mark.parametrize(
    ("shape", "option"),
    [
        ("P{p:02}_{k:03}", r"group=^(P\d+)_"),
        ("patient-{p}-slice-{k}", r"group=^(patient-\d+)-"),
        ("case{p:04}_{k:04}", r"group=^(case\d+)_"),
        ("sub-{p:02}_ses-{k:02}", r"group=^(sub-\d+)_"),
        ("bus_{p:04}-{k}", r"group=^(bus_\d+)-"),
        ("{k:03}_P{p:02}", r"group=[-_. ](P[-_ ]?\d+)"),
        ("P{p}/{k}", "group=folder:1"),
    ],
)
def test_names_that_repeat_a_patient_are_proposed_as_groups(shape: str, option: str) -> None:
    stems = [shape.format(p=p, k=k) for p in range(4) for k in range(3)]
    assert proposed(*stems) == option
    groups = group(entries(*stems), option.removeprefix("group="), Path(), [])
    assert sorted(map(list(groups.of.values()).count, set(groups.of.values()))) == [3, 3, 3, 3]


@pytest.mark.parametrize(
    "shape", ["{n}_training", "benign ({n})", "ISIC_{n:07}", "{n}", "frame_{n}_of_100", "{n:04}", "left/b{n}"]
)
def test_names_that_only_count_images_suggest_no_patients(shape: str) -> None:
    assert proposed(*(shape.format(n=n) for n in range(20))) is None


def test_a_label_with_a_number_is_no_patient() -> None:
    assert proposed(*(f"{label}/{label} ({n})" for label in ("benign", "malignant") for n in range(9))) is None


def test_a_column_called_after_patients_is_proposed_and_read(tmp_path: Path) -> None:
    rows = "".join(f"{n}.png;{n % 4};x\n" for n in range(12))
    (tmp_path / "bus.csv").write_text(f"ID;Patient;Note\n{rows}")
    files = [PurePosixPath("bus.csv")]
    images = entries(*map(str, range(12)))
    doubt = propose(images, tmp_path, files)
    assert doubt is not None
    assert doubt.options == ("group=bus.csv:Patient", "group=none")
    groups = group(images, "bus.csv:Patient", tmp_path, files)
    assert groups.of["5"] == "1"


def test_images_that_do_not_fit_are_counted_and_stand_alone() -> None:
    groups = group(entries("P1_1", "P1_2", "x"), r"^(P\d)_", Path(), [])
    assert groups.of == {"P1_1": "P1", "P1_2": "P1"}
    assert groups.remarks == [r"group=^(P\d)_: 1 images do not fit and are groups of their own (x)"]


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("^(Q)", "group=^(Q) groups nothing: all 1 images do not fit"),
        ("folder:2", "group=folder:2 groups nothing: all 1 images lie in fewer than 2 folders"),
        ("none.csv:a", "is not there, though the option group names it"),
    ],
)
def test_a_group_that_groups_nothing_is_a_problem(option: str, what: str) -> None:
    (problem,) = group(entries("a"), option, Path(), []).problems
    assert problem.what == what


def test_only_what_can_be_a_group_is_taken() -> None:
    assert [refusal(option) for option in ("", "none", "folder:1", "a.csv:b", "(a)")] == [None] * 5
    assert "this is none of them" in str(refusal("(a"))
    assert "has 0 groups in brackets" in str(refusal("abc"))
