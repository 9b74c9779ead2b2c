"""Pictures to take away open elsewhere and show what they are said to."""

import io

import numpy as np
import pytest
from PIL import Image, ImageChops

from dmf.tasks.segmentation.inspection.sheet import (
    COLOURS,
    GAP,
    NOTHING,
    contact_sheet,
    growth_gif,
    overlay,
    save_sheet,
    spelled,
)

IMAGE = np.full((40, 60), 100, np.uint8)
MASK = np.zeros((40, 60), np.uint8)
MASK[10:30, 20:40] = 1
HEADERS = ("Image", "Truth", "MAD", "Variance")
ROWS = [("benign (1)", IMAGE, MASK, [MASK, MASK * 0]), ("benign (2)", IMAGE, MASK * 0, [MASK * 2, MASK])]


def near(picture, colour, tolerance=40):
    """Pixels of nearly this colour."""
    return (np.abs(np.asarray(picture, int) - colour) < tolerance).all(-1)


def test_each_class_is_outlined_in_its_colour_and_the_inside_is_left() -> None:
    picture = overlay(IMAGE, MASK, side=240)  # four times as large
    assert picture.shape == (160, 240, 3)
    assert near(picture, COLOURS[0])[40, 100]  # on the upper edge
    assert (picture[80, 120] == 100).all()
    assert near(overlay(IMAGE, MASK * 2), COLOURS[1]).any()
    assert not near(overlay(IMAGE, MASK * 2), COLOURS[0], 20).any()
    np.testing.assert_array_equal(overlay(IMAGE, MASK * 8), overlay(IMAGE, MASK))  # colours begin again


def test_truth_and_predictions_have_the_colours_that_are_asked_for() -> None:
    white, yellow = (255, 255, 255), (255, 221, 51)
    sheet = contact_sheet(ROWS[:1], HEADERS, cell=120, colours=((white,), (yellow,)))
    columns = [np.asarray(sheet)[40:140, GAP + place * (120 + GAP) :][:, :120] for place in range(4)]
    assert near(columns[1], white).any()
    assert not near(columns[1], yellow).any()
    assert near(columns[2], yellow).any()


def test_a_filled_class_lets_the_image_shine_through() -> None:
    picture = overlay(IMAGE, MASK, style="filled")
    np.testing.assert_array_equal(picture[20, 30], np.round(100 * 0.55 + np.array(COLOURS[0]) * 0.45))
    assert (picture[5, 5] == 100).all()


def test_without_a_mask_the_image_is_shown_alone_in_its_colours() -> None:
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 200
    np.testing.assert_array_equal(overlay(red, None), red)
    np.testing.assert_array_equal(overlay(red, MASK[:4, :6]), red)
    assert overlay(red, None, side=3).shape == (2, 3, 3)


def test_a_sheet_has_a_cell_for_every_case_and_column() -> None:
    sheet = contact_sheet(ROWS, HEADERS, cell=120)
    assert sheet.width == GAP + 4 * (120 + GAP)
    rows = np.asarray(sheet)
    # In the column of the image nothing is drawn, in that of MAD both rows have an outline, of another class below.
    columns = [rows[:, GAP + place * (120 + GAP) : (place + 1) * (120 + GAP)] for place in range(4)]
    assert not near(columns[0], COLOURS[0]).any()
    assert near(columns[2], COLOURS[0]).any()
    assert near(columns[2], COLOURS[1]).any()
    assert near(columns[3], COLOURS[0])[sheet.height // 2 :].any()
    assert not near(columns[3], COLOURS[0])[: sheet.height // 2].any()


def test_a_prediction_that_there_is_not_is_no_picture() -> None:
    sheet = np.asarray(contact_sheet([("a", IMAGE, MASK, [None, MASK * 0])], HEADERS, cell=120))
    absent, nothing_found = (sheet[:, GAP + column * (120 + GAP) + 60] for column in (2, 3))
    assert (absent == NOTHING).all(-1).sum() > 60
    assert not (nothing_found == NOTHING).all(-1).any()


def test_names_headers_and_scores_are_written_and_a_long_name_stays_in_its_cell() -> None:
    plain = contact_sheet(ROWS, ("", "", "", ""), cell=120)
    named = contact_sheet(ROWS, HEADERS, cell=120)
    box = ImageChops.difference(plain, named).getbbox()
    assert box is not None
    assert box[3] < plain.height / 4  # only the line of headers
    scored = contact_sheet(ROWS, HEADERS, cell=120, dice=[[0.5, None], [float("nan"), 1.0]])
    left, top, _, _ = ImageChops.difference(named, scored).getbbox()
    assert left > GAP + 2 * (120 + GAP)
    assert top > 120
    long = contact_sheet([("a" * 300, *ROWS[0][1:])], HEADERS, cell=120)
    short = contact_sheet([("", *ROWS[0][1:])], HEADERS, cell=120)
    assert ImageChops.difference(long, short).getbbox()[2] <= GAP + 120 + GAP


def test_letters_that_the_font_lacks_are_spelled() -> None:
    assert spelled("MAD γ₀=2, ρ 0.9") == "MAD gamma0=2, rho 0.9"
    assert spelled("Läsion 2 …") == "Läsion 2 ..."


def test_a_sheet_opens_as_png_and_as_pdf(tmp_path) -> None:
    sheet = contact_sheet(ROWS, HEADERS, cell=64)
    save_sheet(sheet, tmp_path / "sheet.png", "png")
    with Image.open(tmp_path / "sheet.png") as opened:
        np.testing.assert_array_equal(np.asarray(opened), np.asarray(sheet))
    content = io.BytesIO()
    save_sheet(sheet, content, "pdf")
    written = content.getvalue()
    assert written.startswith(b"%PDF-")
    assert written.rstrip().endswith(b"%%EOF")
    assert written.count(b"/Type /Page\n") + written.count(b"/Type /Page ") == 1
    with pytest.raises(ValueError, match="`kind` must be 'png' or 'pdf', got 'svg'"):
        save_sheet(sheet, content, "svg")


@pytest.mark.parametrize(
    ("rows", "headers", "options", "message"),
    [
        ([], HEADERS, {}, "`rows` must hold at least one case"),
        (ROWS, HEADERS[:3], {}, r"`headers` must name image, truth and each prediction; got 3 for 2 predictions"),
        (ROWS, HEADERS, {"cell": 8}, "`cell` must be at least 48 pixels, got 8"),
        (ROWS, HEADERS, {"dice": [[1, 1]]}, "`dice` must have one entry per row, got 1 for 2"),
        (
            ROWS,
            HEADERS,
            {"dice": [[1, 1], [1]]},
            r"`dice` must have one number per prediction of 'benign \(2\)', got 1",
        ),
        (ROWS, HEADERS, {"style": "dotted"}, "`style` must be 'contour' or 'filled', got 'dotted'"),
        (
            [("a", IMAGE, MASK[1:], [MASK, MASK])],
            HEADERS,
            {},
            r"`mask` must have the size of its image, got \(39, 60\)",
        ),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(rows, headers, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        contact_sheet(rows, headers, **options)


def test_a_gif_has_a_frame_for_every_epoch_and_begins_again() -> None:
    frames = [overlay(IMAGE, MASK * 0), IMAGE, overlay(IMAGE, MASK)]
    content = growth_gif(frames, ["epoch 0", "epoch 1", "epoch 2"], 250)
    with Image.open(io.BytesIO(content)) as gif:
        assert (gif.format, gif.n_frames, gif.info["duration"], gif.info["loop"]) == ("GIF", 3, 250, 0)
        assert gif.width == 60
        assert gif.height > 40  # the label stands below
        gif.seek(2)
        assert near(gif.convert("RGB"), COLOURS[0]).any()


@pytest.mark.parametrize(
    ("frames", "labels", "ms", "message"),
    [
        ([], [], 100, "at least one frame and a label for each, got 0 and 0"),
        ([IMAGE], ["a", "b"], 100, "got 1 and 2"),
        ([IMAGE, IMAGE[1:]], ["a", "b"], 100, "`frames` must all have one size"),
        ([IMAGE], ["a"], 5, "`ms` must be at least 20, got 5"),
    ],
)
def test_a_gif_that_cannot_be_is_refused(frames, labels, ms, message) -> None:
    with pytest.raises(ValueError, match=message):
        growth_gif(frames, labels, ms)
