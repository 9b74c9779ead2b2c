import cv2
import numpy as np
import pytest

from dmf.data import DATASETS


def test_every_dataset_is_listed_with_whether_it_is_here(dmf):
    rows = {row["name"]: row for row in dmf("data", "list", "--json").json()}
    assert list(rows) == list(DATASETS)
    assert (rows["phantom"]["here"], rows["phantom"]["root"]) == (True, None)
    assert rows["phantom"]["options"] == {"images": {"default": 256, "description": "How many images to simulate."}}
    assert rows["busi"]["here"] is False
    assert rows["busi"]["classes"] == ["background", "lesion"]


def test_people_get_a_table_of_datasets(dmf):
    result = dmf("data", "list")
    assert (result.status, result.out) == (0, "")
    assert "built in" in result.err
    assert "no: dmf data get" in result.err


def test_a_sound_dataset_is_reported(dmf):
    report = dmf("data", "check", "phantom", "--dataset-options", "images=6", "--json").json()
    assert report["problems"] == []
    result = dmf("data", "check", "phantom,images=6")
    assert (result.status, result.out) == (0, "")
    assert "6" in result.err


def test_a_report_tells_splits_duplicates_licence_and_citation(dmf):
    report = dmf("data", "check", "phantom", "--dataset-options", "images=20", "--json").json()
    assert [sum(labels.values()) for labels in report["splits"].values()] == [14, 3, 3]
    assert (report["twins"], report["is_here"], report["cases"]) == ([], True, 20)
    assert {"title", "licence", "citation", "how_to_get", "class_shares", "heights"} <= report.keys()
    text = dmf("data", "check", "phantom", "--dataset-options", "images=20").err
    assert "licence: " in text
    assert "train: 14 cases (" in text
    assert "pairs that look the same: 0" in text


@pytest.mark.parametrize("name", [name for name in DATASETS if DATASETS.build(name).needs_download])
def test_every_dataset_that_is_not_here_says_how_to_get_it(dmf, name, monkeypatch, tmp_path):
    monkeypatch.setenv("DMF_HOME", str(tmp_path))
    result = dmf("data", "check", name)
    assert (result.status, result.out) == (1, "")
    assert DATASETS[name].how_to_get in result.err
    report = dmf("data", "check", name, "--json")
    assert report.status == 1
    assert report.json()["problems"] == [f"{name} is not here. {DATASETS[name].how_to_get}"]


def test_a_broken_dataset_exits_with_1_and_names_the_file(dmf, tmp_path):
    folder = tmp_path / "Dataset_BUSI_with_GT" / "benign"
    folder.mkdir(parents=True)
    (folder / "benign (1).png").write_bytes(b"this is no image")
    result = dmf("data", "check", "busi", "--root", tmp_path)
    assert result.status in (1, 2)
    assert "benign (1)" in result.err
    assert "Traceback" not in result.err


def test_a_dataset_that_is_not_here_says_how_to_get_it(dmf):
    result = dmf("data", "check", "busi")
    assert result.status in (1, 2)
    assert "busi" in result.err
    assert "Traceback" not in result.err


def test_getting_a_dataset_offline_says_what_to_fetch_and_where_to_put_it(dmf, monkeypatch, home):
    def offline(slug):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("dmf.data.get._fetch", offline)
    result = dmf("data", "get", "busi")
    assert (result.status, result.out) == (2, "")
    assert "Could not download 'busi'" in result.err
    assert "Name or service not known" in result.err
    assert DATASETS["busi"].how_to_get.split()[0] in result.err
    assert "Traceback" not in result.err


def test_a_dataset_is_got_and_said_where_it_is(dmf, monkeypatch, tmp_path):
    source, root = tmp_path / "downloaded", tmp_path / "root"
    source.mkdir()
    (source / "image.png").write_bytes(b"pixels")
    monkeypatch.setattr("dmf.data.get._fetch", lambda slug: source)
    result = dmf("data", "get", "busi", "--root", root)
    assert result.status == 0
    assert f"busi is in {root}" in result.err
    assert (root / "image.png").read_bytes() == b"pixels"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "busy"], "Unknown dataset 'busy'"),
        (["get", "busy"], "Unknown dataset 'busy'"),
        (["get", "phantom"], "needs no download"),
        (["check", "phantom", "--dataset-options", "colour=red"], "has no option 'colour'"),
        (["check"], "Missing argument"),
        (["fetch"], "No such command 'fetch'"),
    ],
)
def test_a_wrong_word_exits_with_2_and_one_line(dmf, arguments, words):
    result = dmf("data", *arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err


def test_a_dataset_is_converted_and_told_how_to_read(dmf, tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        picture = np.zeros((8, 12), np.uint8)
        picture[2:4] = 1 if folder == "masks" else 90
        (tmp_path / "mine" / folder / "a.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    options = "values=0:1,names=background:nerve"
    arguments = ("data", "convert", tmp_path / "mine", "--to", "folder", "--dataset-options", options)
    result = dmf(*arguments, "-o", tmp_path / "out")
    assert (result.status, result.out) == (0, "")
    assert f"1 cases of folder, read with {options}: they are in {tmp_path / 'out'}." in result.err
    check = result.err.partition("Look at it with: dmf ")[2].split()
    assert dmf(*check).status == 0
    names = "values=0:1:2,names=none:x:nerve"  # no emoji is made of it
    told = dmf(*arguments[:-1], names, "-o", tmp_path / "third")
    assert "--dataset-options names=none:x:nerve" in told.err
    report = dmf(*arguments, "-o", tmp_path / "again", "--json").json()
    assert (report["cases"], report["options"]) == (1, {"names": "background:nerve"})
    refused = dmf(*arguments, "-o", tmp_path / "out")
    assert refused.status == 2
    assert "is there already and is never overwritten" in refused.err
