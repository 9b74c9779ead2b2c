"""The Datasets page as a person meets it: cards, bringing one's own, preprocessing, splits, and on to Train."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.access import datasets

MAIN = Path(__file__).parents[2] / "app" / "main.py"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "BUSI"
TABS = ("What it holds", "Preprocessing", "Split and look-alikes")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DMF_STORE", f"sqlite:///{tmp_path / 'runs.sqlite'}")
    datasets._opened.clear()
    datasets._reports().clear()
    return tmp_path / "home"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Twelve images of 30 x 40 pixels with masks of 0 and 2; the last four look like the first four."""
    root = tmp_path / "scans"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    mask = np.zeros((30, 40), np.uint8)
    mask[:15] = 2
    for position in range(12):
        noise = np.random.default_rng(position % 8).integers(0, 256, (6, 8), dtype=np.uint8)
        for folder, pixels in (("images", cv2.resize(noise, (40, 30), interpolation=cv2.INTER_CUBIC)), ("masks", mask)):
            (root / folder / f"{position}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return root


def page(key: str | None = None, tab: str = TABS[0]) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.switch_page("pages/datasets.py")
    if key is not None:
        test.query_params["dataset"] = key
    test.session_state["dataset-tabs"] = tab
    test.run()
    assert not test.exception
    return test


def click(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception
    return test


def written(test: AppTest) -> str:
    """All that the page says."""
    kinds = ("markdown", "caption", "error", "warning", "info", "success", "html")
    return "\n".join(element.value for kind in kinds for element in test.get(kind))


def table(test: AppTest, column: str) -> list[dict[str, object]]:
    """Rows of the table that has this column."""
    (found,) = (each.value for each in test.dataframe if column in each.value.columns)
    return found.to_dict("records")


def test_the_first_dataset_is_there_with_pictures_before_anything_slow() -> None:
    test = page()
    said = written(test)
    assert "<b>Found</b>, made by this program" in said
    assert "yours to use" in said
    assert said.count("<figure>") == 8
    assert test.button(key="look") is not None
    assert len(test.dataframe) == 0


def test_a_dataset_that_is_not_here_says_how_to_get_it() -> None:
    test = page("busi")
    said = written(test)
    assert "<b>Not found</b>" in said
    assert "dmf data get busi" in said
    assert "CC BY 4" in said
    assert [button.key for button in test.button if button.key in ("look", "train-on-it")] == []
    for tab in TABS[1:]:
        assert "not here yet" in written(page("busi", tab))


def test_a_look_at_every_image_fills_the_card(scans: Path) -> None:
    test = click(page(f"folder@{scans}"), "look")
    assert "No problems found" in written(test)
    assert [metric.value for metric in test.metric] == ["12", "40 px", "30 px", "8-bit grey"]
    rows = {row["split"]: row["images"] for row in table(test, "split")}
    assert rows == {"train": 8, "validation": 2, "test": 2, "all": 12}  # 12 · 0.7 = 8.4, 12 · 0.85 = 10.2
    assert table(test, "share") == [
        {"class": name, "share": 50.0, "images": 100.0} for name in ("background", "foreground")
    ]
    assert [button.key for button in test.button if button.key == "look"] == []  # kept


def test_what_is_open_is_asked_before_anything_can_be_trained_and_the_answer_is_kept(scans: Path) -> None:
    (scans / "masks").rename(scans / "mask")
    shutil.copytree(scans / "mask", scans / "1st_manual")
    test = page(f"folder@{scans}")
    assert "One question about these files" in written(test)
    assert "Holds 1st_manual and mask, so it is not clear which to read." in written(test).replace("\\", "")
    assert test.button(key="train-on-it").disabled
    assert "<figure>" not in written(test)
    (question,) = test.radio
    assert (question.value, len(question.options)) == (None, 2)
    question.set_value("masks=1st_manual").run()
    assert not test.exception
    assert (len(test.radio), written(test).count("<figure>")) == (0, 8)
    assert not test.button(key="train-on-it").disabled
    again = page(f"folder@{scans}")  # another visit
    assert (len(again.radio), again.button(key="train-on-it").disabled) == (0, False)


def test_a_doubt_is_asked_beside_the_samples(scans: Path) -> None:
    for folder in ("images", "masks"):
        for file in (scans / folder).iterdir():
            file.rename(file.with_name(f"P{int(file.stem) % 4}_{file.stem}.png"))
    test = page(f"folder@{scans}")
    said = written(test)
    assert "suggest 4 patients with several images each" in said
    assert said.count("<figure>") == 8
    (question,) = test.radio
    question.set_value(r"group=^(P\d+)_").run()
    assert len(test.radio) == 0
    assert "4 groups stay together" in written(click(test, "look"))


@pytest.mark.parametrize("key", ["phantom@/tmp", f"folder@{'x' * 5000}", "nothing"])
def test_an_address_that_cannot_be_is_told_in_words(key: str) -> None:
    test = page(key)
    assert len(test.warning) == 1
    assert "<b>Found</b>, made by this program" in written(test)


def test_what_is_wrong_is_told_file_by_file(scans: Path) -> None:
    (scans / "masks" / "3.png").write_bytes((scans / "masks" / "3.png").read_bytes()[:50])
    (scans / "masks" / "4.png").unlink()
    test = click(page(f"folder@{scans}"), "look")
    assert {Path(str(row["where"])).name for row in table(test, "where")} == {"3.png", "scans"}
    assert "2 problems found" in written(test)
    assert "3.png" in str(table(page(f"folder@{scans}", TABS[2]), "where"))


def test_an_unknown_dataset_in_the_url_is_said_and_the_first_is_shown() -> None:
    test = page("busy")
    assert "Unknown dataset 'busy'" in written(test)
    assert test.selectbox(key="dataset-choice").value == "phantom"


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    assert "<b>Not found</b>" in written(page(f"folder@{tmp_path / 'gone'}"))


def test_a_dataset_whose_folder_holds_something_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no image")
    for tab in TABS[:2]:
        assert "holds no folder of images beside a folder of masks" in written(
            page(f"folder@{tmp_path / 'other'}", tab)
        )


def test_a_choice_goes_into_the_url() -> None:
    test = page()
    test.selectbox(key="dataset-choice").set_value("busc").run()
    assert test.query_params["dataset"] == "busc"
    assert "busc" in written(test)


def test_a_look_at_another_page_does_not_lose_the_dataset() -> None:
    test = page("busc")
    test.switch_page("pages/home.py").run()
    test.query_params.clear()
    test.switch_page("pages/datasets.py").run()
    assert not test.exception
    assert test.selectbox(key="dataset-choice").value == "busc"


def test_a_path_on_this_machine_is_read_in_place(scans: Path) -> None:
    test = page()
    test.text_input(key="folder-path").set_value(str(scans))
    test.button[[button.label for button in test.button].index("Open the folder")].click().run()
    assert not test.exception
    assert "is open, and read in place" in written(test)
    assert test.selectbox(key="dataset-choice").value == f"folder@{scans}"
    assert written(test).count("<figure>") == 8
    assert "read in place" not in written(click(test, "brought-close"))


@pytest.mark.parametrize(("path", "said"), [("/nowhere/at/all", "cannot be opened"), ("  ", "Type the path")])
def test_a_path_that_leads_nowhere_is_said(path: str, said: str) -> None:
    test = page()
    test.text_input(key="folder-path").set_value(path)
    test.button[[button.label for button in test.button].index("Open the folder")].click().run()
    assert not test.exception
    assert said in written(test)
    assert test.selectbox(key="dataset-choice").value == "phantom"


def test_the_limits_are_stated_and_the_server_takes_as_much() -> None:
    import tomllib

    from dmf.data import LIMITS

    assert "at most 2,048 MiB" in written(page())
    settings = tomllib.loads((MAIN.parents[1] / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["maxUploadSize"] * 2**20 == LIMITS.archive


def upload(test: AppTest, content: bytes, name: str = "my scans.zip") -> AppTest:
    test.file_uploader[0].set_value((name, content, "application/zip")).run()
    assert not test.exception
    return test


def zipped(root: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for path in sorted(root.rglob("*.png")):
            file.write(path, path.relative_to(root))
    return stream.getvalue()


def test_an_upload_is_shown_at_once_and_offered_from_then_on(scans: Path, home: Path) -> None:
    test = upload(page(), zipped(scans))
    assert "my scans\\.zip is ready: 12 images" in written(test)
    root = home / "raw" / "folder" / "my-scans"
    assert test.selectbox(key="dataset-choice").value == f"folder@{root}"
    assert len(test.file_uploader[0].value or ()) == 0
    again = page()
    assert any("my-scans" in option for option in again.selectbox(key="dataset-choice").options)
    click(test, "train-on-it")
    assert test.text_input(key="form-root").value == str(root)
    assert test.text_input(key="form-folder-values").value == "0:2"


def test_a_refused_upload_is_told_file_by_file_and_leaves_nothing(scans: Path, home: Path) -> None:
    for number in (3, 4):
        (scans / "masks" / f"{number}.png").write_bytes(b"no picture")
    test = upload(page(), zipped(scans))
    assert "was refused; nothing of it was kept" in written(test)
    assert {row["where"] for row in table(test, "where")} == {"masks/3.png", "masks/4.png"}
    assert not (home / "raw" / "folder").exists() or list((home / "raw" / "folder").iterdir()) == []
    assert test.selectbox(key="dataset-choice").value == "phantom"


def test_the_preview_follows_its_settings(scans: Path) -> None:
    test = page(f"folder@{scans}", TABS[1])
    assert "after the filter, 40 × 30 px" in written(test)
    assert "128 × 128 px" in written(test)
    before = written(test)
    test.slider(key="preview-diameter").set_value(3).run()
    assert written(test) != before
    test.toggle(key="preview-filter").set_value(False).run()
    assert "after the filter" not in written(test)
    test.selectbox(key="preview-case").set_value("5").run()
    assert "5 as it is" in written(test)
    assert not test.exception


def test_previewed_values_are_used_in_train(scans: Path) -> None:
    test = page(f"folder@{scans}", TABS[1])
    test.slider(key="preview-diameter").set_value(5).run()
    test.select_slider(key="preview-size").set_value(64).run()
    click(test, "use-preview")
    assert test.checkbox(key="form-filter").value is True
    assert test.number_input(key="form-filter_diameter").value == 5
    assert test.number_input(key="form-image_size").value == 64
    assert test.text_input(key="form-root").value == str(scans)
    assert test.text_input(key="form-folder-values").value == "0:2"


def test_train_on_it_opens_the_form_with_the_dataset(scans: Path) -> None:
    test = click(page(f"folder@{scans}"), "train-on-it")
    assert test.selectbox(key="form-dataset").value == "folder"
    assert test.text_input(key="form-root").value == str(scans)
    assert any("8 train · 2 validation · 2 test" in caption.value for caption in test.caption) or any(
        "batch of 8" in element.value for element in test.get("html")
    )


def test_the_split_is_shown_case_by_case_and_searched(scans: Path) -> None:
    test = click(page(f"folder@{scans}", TABS[2]), "look")
    rows = table(test, "width")
    assert [row["case"] for row in rows] == [str(number) for number in range(12)]
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    test.text_input(key="case-search").set_value("11").run()
    assert [row["case"] for row in table(test, "width")] == ["11"]
    assert "1 of 12 cases" in written(test)


def test_look_alikes_are_shown_and_kept_together_in_train(scans: Path) -> None:
    test = click(page(f"folder@{scans}", TABS[2]), "look")
    assert "pairs fall into different splits" in written(test)
    test.toggle(key="only-apart").set_value(False).run()
    assert written(test).count('<div class="pair">') == 4
    assert "the same fingerprint" in written(test)
    test.toggle(key="keep-together").set_value(True).run()
    assert "4 pairs, none across splits: they are kept together" in written(test)
    test.number_input(key="split-seed").set_value(3).run()
    click(test, "use-split")
    assert test.selectbox(key="form-duplicates").value == "group"
    assert test.text_input(key="form-seeds").value == "3"


def test_without_look_alikes_the_page_says_so(scans: Path) -> None:
    for number in range(8, 12):
        for folder in ("images", "masks"):
            (scans / folder / f"{number}.png").unlink()
    assert "no two pictures look the same" in written(click(page(f"folder@{scans}", TABS[2]), "look"))


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the real images in {SHARED}")
def test_busi_as_it_is_has_look_alikes_of_two_labels() -> None:
    test = click(page(f"busi@{SHARED}", TABS[2]), "look")
    assert "94 of 189 pairs fall into different splits" in written(test)
    assert "8 of the pairs carry two labels" in written(test)
    assert written(test).count('<div class="pair">') == 6
    test.number_input(key="pairs-page-16").set_value(16).run()
    assert written(test).count('<div class="pair">') == 4  # 15 · 6 + 4 = 94
    test.toggle(key="keep-together").set_value(True).run()
    assert "189 pairs, none across splits" in written(test)


def test_the_page_opens_without_torch() -> None:
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"test = AppTest.from_file({str(MAIN)!r}, default_timeout=300)\ntest.switch_page('pages/datasets.py')\n"
        "test.run()\nassert not test.exception and test.selectbox(key='dataset-choice')\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
