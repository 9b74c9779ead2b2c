"""What masks mean is told from all of them; what may be meant otherwise is a doubt, with the option that settles it."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dmf.data import BrokenDataError, Folder, check
from dmf.data.clusters import find_clusters
from dmf.data.meaning import meaning

Mask = NDArray[Any]


def blob(n: int = 0, value: int = 255, size: int = 64) -> NDArray[np.uint8]:
    y, x = np.mgrid[:size, :size]
    return (((y - 20 - n) ** 2 + (x - 24 - 2 * n) ** 2 < 150) * value).astype(np.uint8)


def put(root: Path, masks: list[Mask | bytes], suffix: str = ".png", quality: int = 95) -> list[Path]:
    """A mask and an image of noise for each; returns the masks."""
    files = []
    for n, mask in enumerate(masks):
        for folder in ("images", "masks"):
            (root / folder).mkdir(exist_ok=True)
        file = root / "masks" / f"{n}{suffix}"
        encoded = (
            mask if isinstance(mask, bytes) else cv2.imencode(suffix, mask, quality_of(suffix, quality))[1].tobytes()
        )
        file.write_bytes(encoded)
        height, width = (64, 64) if isinstance(mask, bytes) else mask.shape[:2]
        noise = np.random.default_rng(n).integers(0, 256, (height, width), np.uint8)
        (root / "images" / f"{n}.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
        files.append(file)
    return files


def quality_of(suffix: str, quality: int) -> list[int]:
    return [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def options_and_doubts(masks: list[Path]) -> tuple[dict[str, Any], str]:
    found = meaning(masks)
    return found.options, "\n".join(map(str, found.doubts))


@pytest.mark.parametrize("quality", [30, 75, 92, 98, 100])
def test_black_and_white_masks_saved_as_jpeg_are_two_classes(tmp_path: Path, quality: int) -> None:
    drawn = [blob(n) for n in range(4)]
    options, said = options_and_doubts(put(tmp_path, drawn, ".jpg", quality))
    assert options == {"nearest": True}
    assert "4 of 4 masks are saved as JPEG" in said
    assert "gather around 0 (" in said
    assert "are far from each" in said
    dataset = Folder(tmp_path, 0, **options)
    for case, truth in zip(dataset.cases(), drawn, strict=True):
        np.testing.assert_array_equal(dataset.load(case).mask, truth > 0)


def test_jpeg_saved_anew_without_loss_is_still_two_classes(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", blob(), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    options, said = options_and_doubts(put(tmp_path, [cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)] * 3))
    assert options == {"nearest": True}
    assert "soft edges" in said


def test_a_third_cluster_stays_a_class_even_where_it_is_small(tmp_path: Path) -> None:
    mask = blob()
    mask[50:56, 50:56] = 127  # 36 of 4,096 pixels
    options, said = options_and_doubts(put(tmp_path, [mask, blob(1)], ".jpg"))
    assert options["nearest"] is True
    values = [int(value) for value in options["values"].split(":")]
    assert len(values) == 3
    np.testing.assert_allclose(values, [0, 127, 255], atol=2)
    assert "values=0:255,nearest=true" in said  # the other way to read it


def test_classes_that_lie_closer_than_jpeg_keeps_apart_are_refused(tmp_path: Path) -> None:
    files = put(tmp_path, [blob(value=1) + blob(3, value=2)] * 2, ".jpg")
    with pytest.raises(BrokenDataError, match=r"lie closer than JPEG or soft edges keep apart\. Save the masks as PNG"):
        meaning(files)


def test_noise_is_no_mask(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    with pytest.raises(BrokenDataError, match="looks like a picture or like noise, not like a mask"):
        meaning(put(tmp_path, [noise]))
    for scan in (cv2.GaussianBlur(noise, (9, 9), 3), np.full((64, 64), 90, np.uint8) + noise // 4):
        with pytest.raises(BrokenDataError, match="not like a mask"):
            meaning(put(tmp_path, [scan]))
    dataset = Folder(tmp_path, nearest=True)
    put(tmp_path, [noise])
    with pytest.raises(BrokenDataError, match=r"% of its pixels are far from every class"):
        dataset.load(dataset.cases()[0])


def test_soft_edges_are_of_the_nearest_class_and_told(tmp_path: Path) -> None:
    options, said = options_and_doubts(put(tmp_path, [cv2.GaussianBlur(blob(n), (0, 0), 2) for n in range(3)]))
    assert options == {"nearest": True}
    assert "masks have soft edges" in said


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_many_numbers_in_areas_are_single_objects(tmp_path: Path, kind: type[np.generic]) -> None:
    masks = [np.kron(np.arange(16).reshape(4, 4) + 15 * n, np.ones((16, 16))).astype(kind) for n in range(4)]
    options, said = options_and_doubts(put(tmp_path, list(masks), ".tif" if kind == np.uint16 else ".png"))
    assert options == {"labels": "any"}
    assert "every value above 0 is foreground. Settle it with labels=any" in said
    report = check(Folder(tmp_path, labels="any"))
    assert report.is_sound
    assert report.class_shares["foreground"] == pytest.approx(63 / 64)  # one of 64 areas is 0


def test_255_beside_small_numbers_belongs_to_no_class(tmp_path: Path) -> None:
    mask = blob(value=1)
    mask[40:44] = 2
    mask[:, 60:] = 255
    options, said = options_and_doubts(put(tmp_path, [mask] * 3))
    assert options == {"values": "0:1:2", "ignore": "255"}
    assert "255 is in 3 of 3 masks, 768 pixels (6.2500%)" in said
    assert "Settle it with ignore=255 or values=0:1:2:255." in said
    dataset = Folder(tmp_path, 0, **options)
    assert (dataset.ignore, dataset.class_names) == (255, ("background", "class 1", "class 2"))
    loaded = dataset.load(dataset.cases()[0]).mask
    np.testing.assert_array_equal(loaded, mask)
    assert sum(check(dataset).class_shares.values()) == pytest.approx(1)


def test_a_stray_pixel_makes_no_class(tmp_path: Path) -> None:
    masks = [blob(n % 5) for n in range(21)]
    masks[7][0, 0] = 24
    options, said = options_and_doubts(put(tmp_path, masks))
    assert options == {"nearest": True}
    assert "24 is in 1 of 21 masks, 1 pixel (0.0012%); no class of its own: it is taken as 0, the nearest" in said
    assert "nearest=true or ignore=24 or values=0:24:255" in said


def test_a_class_that_few_masks_hold_is_a_doubt(tmp_path: Path) -> None:
    masks = [blob(n % 5, value=1) for n in range(20)]
    masks[3][40:60, 40:60] = 2
    options, said = options_and_doubts(put(tmp_path, masks))
    assert options == {"values": "0:1:2"}
    assert "2 is in 1 of 20 masks" in said
    assert "values=0:1:2 or ignore=2" in said


def test_numbers_that_leave_one_out_are_told(tmp_path: Path) -> None:
    mask = np.repeat(np.array([0, 2, 3, 4, 5], np.uint8), 10)[None].repeat(50, 0)
    options, said = options_and_doubts(put(tmp_path, [mask]))
    assert options == {"values": "0:2:3:4:5"}
    assert "masks hold 0, 2, 3, 4, 5, but no 1; these 5 are the classes, in this order" in said


def test_values_that_are_no_class_are_said_once_with_the_options_for_all(tmp_path: Path) -> None:
    put(tmp_path, [blob(value=1), blob(value=2), blob(1, value=2)])
    (problem,) = check(Folder(tmp_path)).problems
    assert problem.what.startswith("3 of 3 masks hold values that are no class: holds 1")
    assert "Set the options values=0:1:2" in problem.remedy


def test_masks_of_another_size_are_said_once_and_can_be_resized(tmp_path: Path) -> None:
    files = put(tmp_path, [blob(n) for n in range(4)])
    for n, file in enumerate(files):
        larger = cv2.resize(blob(n), (128, 128), interpolation=cv2.INTER_NEAREST)
        larger[5, 5] = 24  # what an interpolation may leave behind
        file.write_bytes(cv2.imencode(".png", larger)[1].tobytes())
    said = [str(problem) for problem in check(Folder(tmp_path)).problems]
    wanted = "is 128 x 128 pixels, but its image is 64 x 64; 3 more files likewise. Set the option resize=true"
    assert any(wanted in each for each in said)
    dataset = Folder(tmp_path, resize=True, nearest=True)
    for n, case in enumerate(dataset.cases()):
        np.testing.assert_array_equal(dataset.load(case).mask, blob(n) > 0)


def test_a_mask_of_another_shape_is_never_resized(tmp_path: Path) -> None:
    (file,) = put(tmp_path, [blob()])
    file.write_bytes(cv2.imencode(".png", np.zeros((64, 90), np.uint8))[1].tobytes())
    with pytest.raises(BrokenDataError, match=r"is 90 x 64 pixels.*see that the two belong together"):
        Folder(tmp_path, resize=True).load(Folder(tmp_path).cases()[0])


def coloured(n: int) -> NDArray[np.uint8]:
    """Blue, green, red, as OpenCV writes it: black, red and green."""
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[blob(n) > 0] = 0, 0, 255
    mask[50:, 50:] = 0, 255, 0
    return mask


def test_coloured_masks_are_refused_with_the_colours_that_were_met(tmp_path: Path) -> None:
    files = put(tmp_path, [coloured(n) for n in range(3)])
    with pytest.raises(BrokenDataError) as caught:
        meaning(files)
    (problem,) = caught.value.problems
    assert "3 of 3 masks are coloured, with the colours 0,0,0 (83.47%), 255,0,0 (11.74%)" in problem.what
    assert "colours=0,0,0=background;255,0,0=class 1;0,255,0=class 2" in problem.remedy
    (problem,) = check(Folder(tmp_path)).problems
    assert "colours=0,0,0=background;255,0,0=class 1;0,255,0=class 2" in problem.remedy


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("class_dict.csv", "name,r,g,b\nbackground,0,0,0\nbenign,255,0,0\nvoid,0,255,0\n"),
        ("colours.csv", "label;color\nbackground;#000000\nbenign;#ff0000\nvoid;#00ff00\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbenign:255,0,0::\nvoid:0,255,0::\n"),
    ],
)
def test_a_table_of_colours_beside_the_masks_is_read(tmp_path: Path, name: str, table: str) -> None:
    files = put(tmp_path, [coloured(n) for n in range(3)])
    (tmp_path / name).write_text(table)
    options, said = options_and_doubts(files)
    assert options == {"colours": "0,0,0=background;255,0,0=benign;0,255,0=void"}
    (problem,) = check(Folder(tmp_path)).problems
    assert problem.what == "3 of 3 masks are coloured, with a table of their colours beside them"
    assert problem.options == (f"colours={options['colours']}",)
    assert f"as {name} beside them says" in said
    dataset = Folder(tmp_path, 0, **options)
    assert (dataset.class_names, dataset.ignore) == (("background", "benign"), 255)
    wanted = (blob(1) > 0).astype(np.uint8)
    wanted[50:, 50:] = 255
    np.testing.assert_array_equal(dataset.load(dataset.cases()[1]).mask, wanted)


def test_a_colour_that_is_no_class_is_named(tmp_path: Path) -> None:
    put(tmp_path, [coloured(0)])
    dataset = Folder(tmp_path, colours="0,0,0=background;255,0,0=benign")
    with pytest.raises(BrokenDataError, match=r"has the colours 0,255,0 \(4\.79%\), which are no class"):
        dataset.load(dataset.cases()[0])


def test_palettes_give_numbers_unless_their_greys_are_the_classes(tmp_path: Path) -> None:
    numbers = blob(value=1)
    for colours, options in (
        ([0, 0, 0, 0, 255, 0], {"values": "0:1"}),
        ([0, 0, 0, 255, 255, 255], {}),
        ([0, 0, 0, 255, 255, 255], {"values": "0:1"}),  # as asked for, though the palette has greys
    ):
        image = Image.fromarray(numbers).convert("L")
        image = Image.frombytes("P", image.size, numbers.tobytes())
        image.putpalette(colours)
        files = put(tmp_path, [png(image)])
        if colours[3] == 0:
            assert meaning(files).options == options
        dataset = Folder(tmp_path, 0, **options)
        np.testing.assert_array_equal(dataset.load(dataset.cases()[0]).mask, numbers)


def test_clusters_name_their_span_and_what_is_far() -> None:
    found = find_clusters({0: 700, 1: 50, 8: 10, 120: 1, 247: 15, 254: 20, 255: 200})
    assert found.values == (0, 255)
    assert [(each.low, each.high) for each in found.members] == [(0, 8), (247, 255)]
    assert (found.far, found.total) == (1, 996)


def test_many_small_numbers_in_one_mask_are_objects_or_classes_but_no_soft_edge(tmp_path: Path) -> None:
    numbers = np.zeros((20, 20), np.uint16)
    for value in range(1, 20):
        numbers[value, 3 * value % 20 :] = 2 * value
    found = meaning(put(tmp_path, [numbers])).options
    assert "nearest" not in found
    assert found["values"] == ":".join(map(str, np.unique(numbers)))
