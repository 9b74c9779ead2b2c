from pathlib import Path, PurePosixPath

import pytest

from dmf.data.base import SplitName
from dmf.data.discovery import Entry
from dmf.data.given import Given, give, refusal, straddling

STEMS = ("a (1)", "b", "c", "d")


def given(root: Path, option: str = "", parts: tuple[SplitName | None, ...] = (None,) * 4, **texts: str) -> Given:
    for name, text in texts.items():
        (root / name.replace("__", ".")).write_text(text)
    files = [PurePosixPath(name.replace("__", ".")) for name in texts]
    entries = [
        Entry(stem, (), PurePosixPath(f"images/{stem}.png"), part=part) for stem, part in zip(STEMS, parts, strict=True)
    ]
    return give(entries, option, root, files)


def test_a_table_gives_the_split(tmp_path: Path) -> None:
    found = given(tmp_path, split__csv="name,split\na (1).png,train\nb,Train\nc,val\nimages/d.png,test\n")
    assert found.of == {"a (1)": "train", "b": "train", "c": "validation", "d": "test"}
    assert str(found) == "used as given by split.csv, column split: 2 train, 1 validation, 1 test"


def test_lists_give_the_split_with_or_without_suffix(tmp_path: Path) -> None:
    found = given(tmp_path, train__txt="a (1)\n./images/b.png 1\n", test__txt="c.png\nd\n")
    assert found.of == {"a (1)": "train", "b": "train", "c": "test", "d": "test"}
    assert str(found) == "used as given by lists: 2 train, 2 test; validation cut from train"


def test_folders_give_the_split_and_training_alone_is_none(tmp_path: Path) -> None:
    assert set(given(tmp_path, parts=("train", "train", "test", "test")).of.values()) == {"train", "test"}
    assert given(tmp_path, parts=("train",) * 4).of == {}
    assert given(tmp_path, "ignore", parts=("train", "train", "test", "test")).of == {}


def test_two_splits_that_differ_are_refused_with_a_choice(tmp_path: Path) -> None:
    parts: tuple[SplitName, ...] = ("train", "train", "train", "test")
    texts = {"s__csv": "image,set\na (1),test\nb,train\nc,train\nd,train\n"}
    (problem,) = given(tmp_path, parts=parts, **texts).problems
    assert problem.options == ("split=folders", "split=s.csv:set", "split=ignore")
    assert given(tmp_path, "folders", parts=parts, **texts).of["d"] == "test"
    assert given(tmp_path, "s.csv:set", parts=parts, **texts).of["d"] == "train"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("n,split\na (1),train\nb,test\n", "puts 2 of 4 images into no part by split.csv:split (c, d)"),
        ("n,split\na (1),test\nb,test\nc,val\nd,val\n", "gives no image to train on by split.csv:split"),
        (
            "n,split\na (1),train\nb,test\nc,val\nd,val\nd,test\n",
            "puts 1 images into two parts by split.csv:split (d)",
        ),
    ],
)
def test_a_split_that_cannot_be_used_as_it_stands_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (problem,) = given(tmp_path, split__csv=text).problems
    assert (problem.what, problem.options) == (what, ("split=ignore",))


def test_a_table_that_half_tells_a_split_is_refused(tmp_path: Path) -> None:
    text = "n,split\na (1),train\nb,fold3\nc,val\nd,\n"
    (problem,) = given(tmp_path, split__csv=text).problems
    assert problem.what == "holds fold3 in the column 'split', which are no parts of a split"
    assert problem.options == ("split=ignore",)
    assert given(tmp_path, "ignore", split__csv=text).problems == []


def test_a_table_of_something_else_gives_no_split(tmp_path: Path) -> None:
    assert given(tmp_path, notes__csv="name,set\na (1),red\nb,blue\n", readme__txt="a (1)\n").of == {}


def test_a_wrong_option_is_told_before_files_are_read() -> None:
    assert [refusal(option) for option in ("", "given", "ignore", "lists:x", "a.csv:b")] == [None] * 5
    assert "ignore (deal all images anew)" in str(refusal("random"))


def test_groups_across_a_given_split_are_found() -> None:
    assert straddling({"a": "P1", "b": "P1", "c": "P2"}, {"a": "train", "b": "test", "c": "test"}) == ["P1"]
