"""Files that others wrote are read, or refused in one sentence."""

import pytest
from pydantic import BaseModel

from dmf.data import BrokenDataError
from dmf.data.documents import Number, checked, read_json, read_xml


class Entry(BaseModel):
    points: list[Number]


class Document(BaseModel):
    shapes: list[Entry]


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + '{"é": [1]}'.encode())
    assert read_json(tmp_path / "a.json") == {"é": [1]}


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"[" * 10_000, b'"\xff"'])
def test_what_is_no_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(BrokenDataError, match=r"a\.json: is no JSON \(.*\)\. Export it again") as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, r"a mistake at shapes: Field required\."),
        ({"shapes": [{"points": [1, "x"]}, {}]}, r"shapes\.0\.points\.1: Input should be a valid number.*, and 1 more"),
        ({"shapes": [{"points": [float("nan")]}]}, r"shapes\.0\.points\.0: Input should be a finite number"),
        ([], "a mistake at"),
    ],
)  # fmt: skip
def test_the_place_of_a_mistake_is_named(tmp_path, document, said):
    with pytest.raises(BrokenDataError, match=said) as caught:
        checked(tmp_path / "a.json", Document, document)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"is no whole XML \(no element found"),
        (b"<a><b></a>", r"is no whole XML \(mismatched tag"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', r"is no whole XML \(unknown encoding"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type or entities"),
    ],
)
def test_what_is_no_plain_xml_is_refused(tmp_path, content, said):
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(BrokenDataError, match=said) as caught:
        read_xml(tmp_path / "a.xml")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    for read in (read_json, read_xml):
        with pytest.raises(BrokenDataError, match="cannot be opened"):
            read(tmp_path / "a")
