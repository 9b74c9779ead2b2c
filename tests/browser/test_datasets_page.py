"""The Datasets page in a real browser: cards, uploads good and hostile, preprocessing, look-alikes, on to Train."""

import io
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = 90_000  # ms, for machines that are busy with other things
SHARED = Path(__file__).parents[3] / "shared" / "data" / "BUSI"
Files = dict[str, bytes]


def png(pixels: NDArray[np.generic]) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def own(size: tuple[int, int] = (30, 40)) -> Files:
    """Twelve images with masks of 0 and 2; the last four look like the first four."""
    mask = np.zeros(size, np.uint8)
    mask[: size[0] // 2] = 2
    files = {}
    for position in range(12):
        noise = np.random.default_rng(position % 8).integers(0, 256, (6, 8), dtype=np.uint8)
        files[f"images/{position}.png"] = png(cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC))
        files[f"masks/{position}.png"] = png(mask)
    return files


def zipped(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


def with_link() -> bytes:
    """A link to a file of the system among the images."""
    stream = io.BytesIO(zipped(own()))
    with zipfile.ZipFile(stream, "a") as file:
        entry = zipfile.ZipInfo("images/passwords.png")
        entry.create_system = 3  # Unix
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def bomb() -> bytes:
    """A picture of 20,000 x 20,000 pixels, says its header, and 100 MB of zeros that take 100 kB."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + b"\0" * 4
    return zipped(own() | {"images/12.png": start + b"\0" * 100_000_000})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "path traversal": (lambda: zipped(own() | {"../../images/evil.png": png(np.zeros((9, 9)))}), "evil.png"),
    "zip bomb": (bomb, "12.png"),
    "link": (with_link, "passwords.png"),
    "wrong names": (lambda: zipped({f"a/{n}": c for n, c in own().items() if "images" in n}), "wrong names.zip"),
    "truncated PNG": (lambda: zipped(own() | {"images/3.png": own()["images/3.png"][:80]}), "3.png"),
    "mask of another size": (lambda: zipped(own() | {"masks/4.png": png(np.zeros((9, 9), np.uint8))}), "4.png"),
    "no zip at all": (lambda: b"not a zip", "no zip at all.zip"),
}


@pytest.fixture
def raw(dashboard: Any) -> Callable[[], set[str]]:
    """Every file and folder under the home of the server, but for what is kept of pictures and runs."""

    def listed() -> set[str]:
        found = {path.relative_to(dashboard.home).as_posix() for path in dashboard.home.rglob("*")}
        return {name for name in found if not re.match(r"cache|artifacts|runs\.sqlite", name)}

    return listed


@pytest.fixture
def watch(watched):
    return watched()


@pytest.fixture
def page(watch) -> Iterator[object]:
    yield watch.page
    assert watch.page.get_by_test_id("stException").count() == 0


def upload(page, name: str, content: bytes) -> None:
    if not page.get_by_text("at most 2,048 MiB").is_visible():
        page.get_by_text("Bring your own data").click()
        page.get_by_text("at most 2,048 MiB").wait_for()
    file = {"name": name, "mimeType": "application/zip", "buffer": content}
    page.locator('.st-key-bring input[type="file"]').first.set_input_files(file)
    page.locator(".st-key-brought-told").wait_for()


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_a_card_a_look_and_on_to_the_form(app_server: str, watch, page) -> None:
    page.goto(f"{app_server}/datasets")
    page.get_by_text("Found, made by this program").wait_for()
    page.locator(".pictures img").nth(7).wait_for()
    assert page.locator(".pictures img").first.get_attribute("alt").startswith("phantom-00000, ")
    width = "image => image.naturalWidth"
    watch.until(lambda: page.locator(".pictures img").first.evaluate(width) == 128, "the first picture")
    page.get_by_role("button", name="Look at every image").click()
    page.get_by_role("progressbar").first.wait_for()
    page.get_by_text("No problems found").wait_for()
    page.get_by_test_id("stMetricValue").get_by_text("256").first.wait_for()
    page.get_by_role("button", name="Train on it").click()
    page.wait_for_url(re.compile("/train"))
    page.get_by_test_id("stSidebar").get_by_text("179 train").wait_for()


def test_an_upload_becomes_a_dataset_that_can_be_trained(app_server: str, page, raw) -> None:
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    upload(page, "My scans.zip", zipped(own()))
    page.get_by_text("is ready: 12 images").wait_for()
    page.wait_for_url(re.compile(r"dataset=folder%40.*my-scans"))
    assert {name for name in raw() if name.count("/") <= 2} == {"raw", "raw/folder", "raw/folder/my-scans"}
    assert len([name for name in raw() if name.endswith(".png")]) == 24
    link = page.url
    page.get_by_role("button", name="Train on it").click()
    page.wait_for_url(re.compile("/train"))
    page.get_by_test_id("stSidebar").get_by_text("8 train · 2 validation · 2 test").wait_for()
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Folder of the dataset", exact=True)).to_have_value(re.compile("raw/folder/my-scans$"))
    expect(page.get_by_label("Values", exact=True)).to_have_value("0:2")
    page.goto(link)  # opens the same view for another visitor
    page.locator(".facts-of-data").wait_for()
    page.get_by_text("0.png").or_(page.get_by_text("0 · unlabelled")).first.wait_for()


def test_hostile_archives_are_refused_and_leave_nothing_behind(app_server: str, page, raw, dashboard: Any) -> None:
    around = dashboard.home.parent
    before = set(around.rglob("evil*"))
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    for kind, (make, blamed) in HOSTILE.items():
        upload(page, f"{kind}.zip", make())
        told = page.locator(".st-key-brought-told")
        told.get_by_text("was refused; nothing of it was kept").wait_for()
        told.get_by_text("found.").wait_for()
        cells = told.locator("table").first  # the grid's own text for readers of screens
        cells.wait_for(state="attached")
        expect(cells, kind).to_contain_text(blamed)
        assert raw() <= {"raw", "raw/folder"}, kind
        assert "folder" not in page.url
    assert set(around.rglob("evil*")) == before


def test_the_preview_changes_and_goes_into_the_form(app_server: str, watch, page) -> None:
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    open_tab(page, "Preprocessing")
    pictures = page.locator(".st-key-preview-pictures img")
    pictures.nth(2).wait_for()
    page.locator(".st-key-intensities .js-plotly-plot").wait_for()
    first = pictures.nth(1).get_attribute("src")
    slider = page.get_by_role("slider", name="Filter diameter (px)")
    for _ in range(4):
        slider.press("ArrowLeft")
    watch.until(lambda: pictures.nth(1).get_attribute("src") != first, "another picture")
    page.get_by_text("pad", exact=True).click()
    page.get_by_role("button", name="Use in Train").click()
    page.wait_for_url(re.compile("/train"))
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_label("Filter diameter", exact=True)).to_have_value("5")
    expect(page.get_by_label("Bilateral filter", exact=True)).to_be_checked()


def test_look_alikes_side_by_side_are_kept_together(app_server: str, watch, page, tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for name, content in own().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    page.get_by_text("Bring your own data").click()
    path = page.get_by_label("Folder on the machine this page runs on", exact=True)
    path.fill(str(root))
    page.get_by_role("button", name="Open the folder").click()
    page.get_by_text("is open, and read in place").wait_for()
    open_tab(page, "Split and look-alikes")
    page.get_by_role("button", name="Look at every image").click()
    page.get_by_text("fall into different splits").wait_for()
    page.locator(".pair").first.locator("img").nth(1).wait_for()
    page.get_by_text("12 of 12 cases").wait_for()
    search = page.get_by_placeholder("part of a name or label")
    search.fill("11")
    search.press("Enter")
    page.get_by_text("1 of 12 cases").wait_for()
    page.get_by_text("Keep look-alikes together", exact=True).click()
    page.get_by_text("none across splits: they are kept together").wait_for()
    page.get_by_role("button", name="Train with this split").click()
    page.wait_for_url(re.compile("/train"))
    page.get_by_text("More", exact=True).click()
    chosen = page.get_by_test_id("stSidebar").get_by_role("combobox", name=re.compile("Duplicates"))
    chosen.wait_for()
    watch.until(lambda: "group" in (chosen.input_value() or chosen.get_attribute("aria-label")), "what was chosen")
    assert sorted(path.name for path in tmp_path.glob("scans/*")) == ["images", "masks"]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the real images in {SHARED}")
def test_busi_uploaded_as_it_is(app_server: str, page, raw) -> None:
    files = {
        path.relative_to(SHARED).as_posix(): path.read_bytes()
        for path in sorted(SHARED.rglob("*.png"))
        if "normal" not in path.name
    }
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    upload(page, "archive.zip", zipped(files))
    page.get_by_text("is ready: 582 images").wait_for()
    assert "raw/busi/benign" in raw() or "raw/busi/Dataset_BUSI_with_GT/benign" in raw()


def test_a_phone_shows_the_page_without_scrolling_sideways(app_server: str, watched) -> None:
    watch = watched(viewport={"width": 390, "height": 844})
    page = watch.page
    page.goto(f"{app_server}/datasets")
    for tab, holds in (
        ("What it holds", page.locator(".pictures img").first),
        ("Preprocessing", page.locator(".st-key-intensities .js-plotly-plot")),
        (
            "Split and look-alikes",  # as a test before left it: not looked at yet, or looked at
            page.get_by_role("button", name="Look at every image").or_(page.get_by_text("Split by shares and seed.")),
        ),
    ):
        open_tab(page, tab)
        holds.wait_for()
        watch.fits(390)
    assert page.get_by_test_id("stException").count() == 0


def test_what_a_folder_leaves_open_is_asked_and_the_answer_is_kept(app_server: str, page, tmp_path: Path) -> None:
    for name, content in own().items():
        for other in (name, name.replace("masks/", "1st_manual/")):
            file = tmp_path / "scans" / other
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    page.goto(f"{app_server}/datasets")
    page.locator(".pictures img").first.wait_for()
    page.get_by_text("Bring your own data").click()
    page.get_by_label("Folder on the machine this page runs on", exact=True).fill(str(tmp_path / "scans"))
    page.get_by_role("button", name="Open the folder").click()
    page.get_by_text("One question about these files").wait_for()
    expect(page.get_by_role("button", name="Train on it")).to_be_disabled(timeout=LONG)
    page.get_by_text("masks=1st_manual", exact=True).click()
    page.locator(".pictures img").nth(7).wait_for()
    expect(page.get_by_role("button", name="Train on it")).to_be_enabled(timeout=LONG)
    expect(page.get_by_text("One question about these files")).to_have_count(0, timeout=LONG)
    page.goto(page.url)  # another visit
    page.locator(".pictures img").nth(7).wait_for()
    expect(page.get_by_text("One question about these files")).to_have_count(0, timeout=LONG)
