"""Pictures of every kind come back as a careful viewer shows them."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from dmf.data import BrokenDataError
from dmf.data.decode import decode, read_picture
from dmf.data.files import as_grey, as_rgb, levels_of

GREY = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
CLASSES = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def paletted(colours: list[int], numbers: Any = CLASSES) -> Image.Image:
    image = Image.frombytes("P", numbers.shape[::-1], numbers.tobytes())
    image.putpalette(colours)
    return image


def levels(content: bytes) -> list[list[int]] | None:
    found = levels_of(decode(content, "a"))
    return None if found is None else found.tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_orientation_is_shown_as_pillow_shows_it(kind: str, orientation: int) -> None:
    blocks = Image.fromarray(GREY.repeat(8, 0).repeat(8, 1))
    exif = Image.Exif()
    exif[274] = orientation
    told: dict[str, Any] = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    content = saved(blocks, kind, **told)
    picture = decode(content, "a")
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    np.testing.assert_allclose(picture.pixels, wanted, atol=1)  # two decoders of JPEG may round apart
    assert picture.header.size == picture.pixels.shape
    assert picture.is_turned == (orientation != 1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_palette_of_colours_gives_classes_as_a_mask_and_colours_as_an_image(kind: str) -> None:
    content = saved(paletted(VOC), kind)
    assert levels(content) == CLASSES.tolist()
    assert as_rgb(decode(content, "a")).pixels[0].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]


def test_a_palette_of_greys_gives_greys() -> None:
    assert levels(saved(paletted([0, 0, 0, 255, 255, 255], CLASSES % 2), "PNG")) == [[0, 255, 0], [0, 255, 0]]
    # Black that only fills up the palette is no second black, but one that a pixel uses is.
    assert levels(saved(paletted([0] * 3 + [255] * 3 + [0] * 762, CLASSES % 2), "PNG")) == [[0, 255, 0], [0, 255, 0]]
    assert levels(saved(paletted([0] * 3 + [255] * 3 + [0] * 762), "PNG")) == CLASSES.tolist()


def test_a_gif_gives_the_greys_that_were_drawn_not_its_own_numbers() -> None:
    drawn = np.array([[0, 3, 7], [7, 3, 0]], np.uint8)
    assert levels(saved(Image.fromarray(drawn), "GIF")) == drawn.tolist()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_one_bit_gives_0_and_255(kind: str) -> None:
    assert levels(saved(Image.fromarray(GREY > 90), kind)) == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_over_black_once(kind: str, mode: str) -> None:
    alpha = np.array([[0, 102, 255], [255, 255, 255]], np.uint8)
    planes = [GREY] if mode == "LA" else [GREY] * 3
    picture = decode(saved(Image.fromarray(np.dstack([*planes, alpha]), mode), kind), "a")
    assert as_grey(picture).pixels.tolist() == [[0, 16, 80], [120, 160, 200]]  # 40 * 102 / 255 = 16


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_one_colour_of_varying_transparency_is_a_mask_in_its_transparency(mode: str, colour: int) -> None:
    planes = [np.full_like(GREY, colour)] * (len(mode) - 1)
    content = saved(Image.fromarray(np.dstack([*planes, (GREY > 90) * np.uint8(255)]), mode), "PNG")
    assert levels(content) == [[0, 0, 0], [255, 255, 255]]


def test_transparency_that_is_the_same_everywhere_says_nothing_about_a_mask() -> None:
    content = saved(Image.fromarray(np.dstack([CLASSES] * 3 + [np.zeros_like(CLASSES)]), "RGBA"), "PNG")
    assert levels(content) == CLASSES.tolist()


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_deep_tiff_keeps_its_type_and_its_values(kind: type[np.generic]) -> None:
    content = cv2.imencode(".tif", GREY.astype(kind))[1].tobytes()
    picture = decode(content, "a")
    assert picture.pixels.dtype == kind
    assert levels(content) == GREY.tolist()
    assert levels(cv2.imencode(".tif", GREY.astype(np.float32) + 0.5)[1].tobytes()) is None  # no numbers of classes


def test_every_page_can_be_read_and_thumbnails_are_no_pages() -> None:
    pages = [Image.fromarray(GREY + n) for n in range(3)]
    tiff = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    gif = saved(pages[0], "GIF", save_all=True, append_images=pages[1:])
    for content in (tiff, gif):
        assert decode(content, "a", 0).header.pages == (0, 1, 2)
        assert [int(decode(content, "a", page).pixels[0, 0]) for page in range(3)] == [0, 1, 2]
        with pytest.raises(BrokenDataError, match="a: holds 3 pages, but page 4 is wanted"):
            decode(content, "a", 3)
        with pytest.raises(BrokenDataError, match=r"a: holds 3 pages, not one picture\. Save one page alone\."):
            decode(content, "a")
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # a smaller version of another page
    thumb = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert decode(thumb, "a", 0).header.pages == (0, 2)
    assert int(decode(thumb, "a", 1).pixels[0, 0]) == 2


def test_white_may_be_zero_in_a_tiff_of_any_depth() -> None:
    for kind, most in (("L", 255), ("I;16", 65535)):
        stored = GREY if kind == "L" else GREY.astype(np.uint16)
        content = bytearray(saved(Image.fromarray(stored), "TIFF"))
        tag = content.index(b"\x06\x01\x03\x00\x01\x00\x00\x00")  # photometric interpretation, one short
        content[tag + 8] = 0
        grey = decode(bytes(content), "a")
        assert grey.pixels.tolist() == (most - stored.astype(int)).tolist()
        assert any("0 is white" in note for note in as_grey(grey).notes)


def test_a_picture_too_large_is_refused_by_its_header(tmp_path: Path) -> None:
    png = bytearray(cv2.imencode(".png", np.zeros((2, 2, 4), np.uint16))[1].tobytes())
    png[16:24] = (6000).to_bytes(4, "big") * 2  # 6000 x 6000 pixels of 4 x 16 bits = 288,000,000 bytes
    (tmp_path / "a.png").write_bytes(png)
    with pytest.raises(BrokenDataError, match=r"a\.png: says it is 6,000 x 6,000 pixels of 4 x 16 bits, 275 MiB once"):
        read_picture(tmp_path / "a.png")


def test_a_photograph_that_is_cut_off_is_not_filled_with_grey() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    content = saved(Image.fromarray(noise), "JPEG")
    assert decode(content + b"made by a camera", "a").pixels.shape == (64, 64)
    with pytest.raises(BrokenDataError, match="cannot be read as an image"):
        decode(content[:-300], "a")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP", "JPEG"])
def test_no_damage_escapes_as_another_error(kind: str) -> None:
    image = paletted(VOC) if kind != "JPEG" else Image.fromarray(GREY)
    whole = saved(image, kind)
    rng = np.random.default_rng(0)
    for n in range(60):
        content = bytearray(whole[: rng.integers(0, len(whole) + 1)] if n % 2 else whole)
        if content:
            content[rng.integers(0, len(content))] = rng.integers(0, 256)
        with suppress(BrokenDataError):
            decode(bytes(content), "a")


def test_a_mask_of_which_nothing_is_to_be_seen_is_empty():
    # White and black on nothing: a mask without a lesion among others that are drawn by transparency.
    for level in (0, 255):
        nothing = np.dstack([np.full((2, 3), level, np.uint8)] * 3 + [np.zeros((2, 3), np.uint8)])
        assert not levels_of(decode(saved(Image.fromarray(nothing, "RGBA"), "PNG"), "a")).any()
