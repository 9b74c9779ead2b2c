"""What is in files of predictions is found out from all of a model, and every file finds its image."""

import gzip

import cv2
import nibabel
import numpy as np
import pytest
from PIL import Image

from dmf.errors import DataError
from dmf.runs.prediction_files import (
    MASKS,
    NEAREST,
    NUMBERS,
    PROBABILITIES,
    match,
    pictures_hold,
    read_prediction,
    split_name,
)

DISC = np.hypot(*np.mgrid[-10:10, -15:15]) < 7  # of 20 x 30 pixels


def png(path, pixels):
    path.write_bytes(cv2.imencode(".png", np.asarray(pixels))[1].tobytes())
    return path


def test_a_picture_of_the_values_of_masks_is_a_mask(tmp_path):
    file = png(tmp_path / "a.png", np.array([[0, 7, 9]], np.uint8))
    assert read_prediction(file, (0, 9, 7), MASKS).tolist() == [[[0, 0, 255]], [[0, 255, 0]]]
    assert read_prediction(png(file, np.array([[0, 255]], np.uint8)), (0, 255), MASKS).tolist() == [[[0, 255]]]
    three = np.array([[[7, 7, 7], [0, 0, 0]]], np.uint8)  # grey in three channels
    assert read_prediction(png(file, three), (0, 7), MASKS).tolist() == [[[255, 0]]]


def test_a_picture_of_other_levels_holds_probabilities(tmp_path):
    file = png(tmp_path / "a.png", np.array([[0, 127, 128, 200]], np.uint8))
    assert read_prediction(file, (0, 255), PROBABILITIES).tolist() == [[[0, 127, 128, 200]]]


def test_whether_pictures_are_masks_is_decided_by_all_of_a_model(tmp_path):
    sure_of_nothing = png(tmp_path / "a.png", np.array([[0, 1]], np.uint8))
    unsure = png(tmp_path / "b.png", np.array([[0, 130]], np.uint8))
    assert pictures_hold([sure_of_nothing], (0, 1)) == MASKS
    assert pictures_hold([sure_of_nothing, unsure], (0, 1)) == PROBABILITIES
    assert pictures_hold([unsure], (0, 1, 2)) == MASKS  # pictures hold probabilities of two classes only
    assert read_prediction(sure_of_nothing, (0, 1), PROBABILITIES).tolist() == [[[0, 1]]]


def test_16_bits_keep_one_half_where_it_is(tmp_path):
    # 32767 / 65535 is less than one half, 32768 / 65535 more.
    file = png(tmp_path / "a.png", np.array([[0, 32767, 32768, 65535]], np.uint16))
    assert read_prediction(file, (0, 255), PROBABILITIES).tolist() == [[[0, 127, 128, 255]]]


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 4), (2, 1, 4)])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_an_array_holds_probabilities_in_any_of_its_forms(tmp_path, shape, kind):
    lesion = np.array([[0, np.nextafter(kind(0.5), kind(0)), 0.5, 1]], kind)
    maps = np.stack([1 - lesion, lesion])
    np.save(tmp_path / "a.npy", maps[-int(np.prod(shape)) // 4 :].reshape(shape))
    found = read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)
    assert found.tolist() == [[[0, 127, 128, 255]]]
    assert found.dtype == np.uint8


@pytest.mark.parametrize("classes", [2, 3])
def test_an_array_of_several_classes_may_leave_out_the_background(tmp_path, classes):
    np.save(tmp_path / "a.npy", np.stack([np.full((2, 2), value) for value in (0.2, 0.4, 0.4)[-classes:]]))
    assert (read_prediction(tmp_path / "a.npy", (0, 1, 2), PROBABILITIES) == 102).all()
    assert len(read_prediction(tmp_path / "a.npy", (0, 1, 2), PROBABILITIES)) == 2


@pytest.mark.parametrize(
    ("pixels", "values", "message"),
    [
        (np.zeros((4, 2, 3)), (0, 255), r"has shape \(4, 2, 3\)"),
        (np.zeros((3, 2, 2)), (0, 255), r"expected \(H, W\), \(1, H, W\) or \(2, H, W\)"),
        (np.zeros((2, 2)), (0, 1, 2), r"expected \(2, H, W\) or \(3, H, W\)"),
        (np.zeros((0, 2)), (0, 255), r"has shape \(0, 2\)"),
        (np.zeros((2, 2), int), (0, 255), "holds int64, expected probabilities 0..1 in floating point"),
        (np.full((2, 2), -0.1), (0, 255), "holds values from -0.1 to -0.1, expected probabilities 0..1"),
        (np.full((2, 2), np.nan), (0, 255), "holds values that are not numbers"),
        (np.array([{"a": 1}]), (0, 255), "cannot be read as a NumPy array"),
    ],
)
def test_an_array_of_anything_else_is_refused(tmp_path, pixels, values, message):
    np.save(tmp_path / "a.npy", pixels, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        read_prediction(tmp_path / "a.npy", values, PROBABILITIES)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00v\x00"])
def test_a_damaged_array_is_refused(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as a NumPy array"):
        read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)


def test_an_archive_of_arrays_under_the_name_of_one_is_refused(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, a=np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"is an archive of arrays \(.npz\) under another name. Save one array with"):
        read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)


def test_an_array_whose_header_claims_more_than_there_is_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(4, 4), }  ", b"(400, 400)}"))
    with pytest.raises(DataError, match="cannot be read as a NumPy array"):
        read_prediction(tmp_path / "a.npy", (0, 255), PROBABILITIES)


@pytest.mark.parametrize(
    ("pixels", "values", "message"),
    [
        (np.eye(3, dtype=np.uint8)[None], (0, 255), "is coloured, expected a grey picture"),
        (np.array([[0, 5, 9]], np.uint8), (0, 1, 2), "holds 5, 9, but the classes are the values 0, 1, 2"),
    ],
)
def test_a_picture_of_anything_else_is_refused(tmp_path, pixels, values, message):
    with pytest.raises(DataError, match=message):
        read_prediction(png(tmp_path / "a.png", pixels), values, PROBABILITIES)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_picture_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"is empty|cannot be read as an image; it is damaged or of another format"):
        read_prediction(tmp_path / "a.png", (0, 255), PROBABILITIES)


def test_a_picture_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(DataError, match="cannot be opened"):
        read_prediction(tmp_path / "a.png", (0, 255), PROBABILITIES)


def hard(tmp_path, name, pixels, **options):
    file = tmp_path / name
    Image.fromarray(pixels).save(file, **options)
    return file


@pytest.mark.parametrize("quality", [60, 75, 95, 100])
def test_a_mask_saved_as_jpeg_is_a_mask_again(tmp_path, quality):
    files = [hard(tmp_path, f"{n}.jpg", np.roll(DISC, n, 1) * np.uint8(255), quality=quality) for n in range(4)]
    assert pictures_hold(files, (0, 255)) == NEAREST
    for n, file in enumerate(files):
        np.testing.assert_array_equal(read_prediction(file, (0, 255), NEAREST), [np.roll(DISC, n, 1) * 255])


def test_a_jpeg_of_three_classes_is_brought_to_the_nearest(tmp_path):
    classes = np.zeros((16, 48), np.uint8)
    classes[:, 13:29], classes[:, 29:] = 127, 255
    file = hard(tmp_path, "a.jpg", classes, quality=90)
    assert pictures_hold([file], (0, 127, 255)) == NEAREST
    np.testing.assert_array_equal(
        read_prediction(file, (0, 127, 255), NEAREST), [(classes == v) * 255 for v in (127, 255)]
    )
    with pytest.raises(DataError, match="a JPEG, which cannot keep the values 0, 1, 2 apart"):
        read_prediction(file, (0, 1, 2), NEAREST)


def test_a_jpeg_of_probabilities_keeps_them(tmp_path):
    soft = (255 / (1 + np.exp(np.hypot(*np.mgrid[-10:10, -15:15]) - 7))).astype(np.uint8)
    file = hard(tmp_path, "a.jpg", soft, quality=95)
    assert pictures_hold([file], (0, 255)) == PROBABILITIES
    assert np.abs(read_prediction(file, (0, 255), PROBABILITIES)[0] - soft.astype(int)).max() < 20


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.tiff", "a.gif"])
def test_every_kind_of_picture_without_loss_is_a_mask(tmp_path, name):
    file = hard(tmp_path, name, DISC * np.uint8(255))
    assert pictures_hold([file], (0, 255)) == MASKS
    np.testing.assert_array_equal(read_prediction(file, (0, 255), MASKS), [DISC * 255])


def test_the_numbers_of_a_palette_are_the_classes(tmp_path):
    image = Image.fromarray(DISC * np.uint8(2), "L").convert("P")
    image.putdata((DISC * 2).ravel().tolist())
    image.putpalette([0, 0, 0, 0, 128, 0, 128, 0, 0])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_prediction(tmp_path / "a.png", (0, 1, 2), MASKS), [DISC * 0, DISC * 255])
    held = pictures_hold([tmp_path / "a.png"], (0, 127, 255))
    assert held == NUMBERS
    np.testing.assert_array_equal(read_prediction(tmp_path / "a.png", (0, 127, 255), held), [DISC * 0, DISC * 255])
    assert pictures_hold([png(tmp_path / "b.png", DISC * np.uint8(1))], (0, 255)) == PROBABILITIES  # no palette


def test_probabilities_in_a_floating_point_tiff_are_read(tmp_path):
    file = hard(tmp_path, "a.tif", np.where(DISC, 0.8, 0.1).astype(np.float32))
    assert pictures_hold([file], (0, 255)) == PROBABILITIES
    np.testing.assert_array_equal(read_prediction(file, (0, 255), PROBABILITIES), [np.where(DISC, 204, 26)])


def nifti(file, array, **header):
    image = nibabel.Nifti1Image(array, np.eye(4))
    image.header.set_data_dtype(array.dtype)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, file)
    return file


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_holds_labels_or_values_or_probabilities_x_before_y(tmp_path, name):
    labels = nifti(tmp_path / name, DISC.T[..., None].astype(np.uint8))
    assert pictures_hold([labels], (0, 255)) == NUMBERS
    np.testing.assert_array_equal(read_prediction(labels, (0, 255), NUMBERS), [DISC * 255])
    assert pictures_hold([labels], (0, 1)) == MASKS
    values = nifti(tmp_path / name, DISC.T * np.int16(255))
    assert pictures_hold([values], (0, 255)) == MASKS
    np.testing.assert_array_equal(read_prediction(values, (0, 255), MASKS), [DISC * 255])
    odds = nifti(tmp_path / name, np.where(DISC, 0.8, 0.1).T.astype(np.float32))
    assert pictures_hold([odds, labels], (0, 1)) == PROBABILITIES
    np.testing.assert_array_equal(read_prediction(odds, (0, 1), PROBABILITIES), [np.where(DISC, 204, 26)])


def test_labels_of_a_scaled_nifti_are_whole_again(tmp_path):
    image = nibabel.Nifti1Image(DISC.T.astype(np.float32), np.eye(4))
    image.header.set_data_dtype(np.int16)  # what is read back is 0.99999997
    nibabel.save(image, tmp_path / "a.nii.gz")
    assert pictures_hold([tmp_path / "a.nii.gz"], (0, 255)) == NUMBERS
    np.testing.assert_array_equal(read_prediction(tmp_path / "a.nii.gz", (0, 255), NUMBERS), [DISC * 255])


def test_a_nifti_that_is_no_picture_or_damaged_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has shape \(3, 4, 5\), expected one picture"):
        read_prediction(nifti(tmp_path / "a.nii", np.zeros((3, 4, 5), np.uint8)), (0, 1), MASKS)
    with pytest.raises(DataError, match="holds numbers that are not whole, but the classes are the values 0, 1, 2"):
        read_prediction(nifti(tmp_path / "a.nii", np.full((3, 4), 0.5, np.float32)), (0, 1, 2), MASKS)
    for content in (b"", b"text", gzip.compress(b"text")):
        for name in ("b.nii", "b.nii.gz"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DataError, match="cannot be read as NIfTI"):
                read_prediction(tmp_path / name, (0, 1), MASKS)


def test_names_part_from_their_suffixes():
    assert split_name("left/a.b.NII.GZ") == ("left/a.b", ".nii.gz")
    assert split_name("left/a.b.png") == ("left/a.b", ".png")


def test_every_file_finds_its_image(tmp_path):
    names = {
        "case (1)": "case (1)_pred.png",
        "left/b": "left/b.npy",
        "right/b": "right/mask_b.nii.gz",
        "c_0000": "c.nii",
        "deep/folder/d": "d_segmentation.tif",
        "e_mask": "e_mask.gif",
        "pred_f": "pred_f.jpg",
    }
    for name in (*names.values(), ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = match(tmp_path, {*names})
    assert {case: file.relative_to(tmp_path).as_posix() for case, file in found.files.items()} == names
    assert found.strange == found.twice == found.unread == []


def test_files_that_fit_no_case_or_a_case_twice_or_are_not_read_are_told(tmp_path):
    for name in ("a.png", "a_pred.png", "b.png", "c.mat", "a.mat", "notes.txt"):
        (tmp_path / name).touch()
    found = match(tmp_path, {"a", "c"})
    assert ([*found.files], found.twice, found.strange, found.unread) == (["a"], ["a_pred.png"], ["b.png"], ["c.mat"])
