from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset as Elements
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from dmf.config import DataConfig
from dmf.data import BrokenDataError, check, prepare, split_indices
from dmf.data.dicom import Dicom
from dmf.data.dicom_files import read_frame, read_header
from dmf.errors import ConfigError

NAME = "Secretname^Anna"
ULTRASOUND, SEG = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.66.4"
WritePng = Callable[[Path, np.ndarray], None]


def shipped(name: str) -> Path:
    """A real file that comes with pydicom."""
    file = get_testdata_file(name, download=False)
    if file is None:
        pytest.skip(f"pydicom does not come with {name}")
    return Path(file)


def save(file: Path, pixels: np.ndarray, sop: str = ULTRASOUND, **elements: Any) -> Elements:
    """Write pixels (H, W) or (frames, H, W) as grey, uncompressed DICOM."""
    found = Elements()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID = sop
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID = generate_uid()
    found.PatientName, found.PatientID, found.StudyInstanceUID = NAME, "P1", generate_uid()
    found.Rows, found.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        found.NumberOfFrames = len(pixels)
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    found.BitsAllocated, found.BitsStored, found.HighBit = bits, bits, bits - 1
    found.PixelRepresentation = int(pixels.dtype.kind == "i")
    found.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for name, value in elements.items():
        setattr(found, name, value)
    file.parent.mkdir(parents=True, exist_ok=True)
    found.save_as(file, enforce_file_format=True)
    return found


def items(**elements: Any) -> Items:
    """A sequence of one item."""
    one = Elements()
    for name, value in elements.items():
        setattr(one, name, value)
    return Items([one])


def segmentation(file: Path, marked: Sequence[tuple[str, np.ndarray, str, int | None]], kind: str = "BINARY") -> None:
    """Write a DICOM SEG: label, pixels, instance and frame (from 1) of each of its frames."""
    labels = list(dict.fromkeys(label for label, *_ in marked))
    groups = []
    for label, _, uid, frame in marked:
        source = items(ReferencedSOPInstanceUID=uid, ReferencedSOPClassUID=ULTRASOUND)
        if frame is not None:
            source[0].ReferencedFrameNumber = frame
        group = Elements()
        group.DerivationImageSequence = items(SourceImageSequence=source)
        group.SegmentIdentificationSequence = items(ReferencedSegmentNumber=labels.index(label) + 1)
        groups.append(group)
    segments = []
    for number, label in enumerate(labels, start=1):
        segment = Elements()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        segments.append(segment)
    pixels = np.stack([pixels for _, pixels, _, _ in marked])
    extra = {"SegmentationType": kind, "SegmentSequence": Items(segments)}
    extra["PerFrameFunctionalGroupsSequence"] = Items(groups)
    if kind == "BINARY":
        bits = np.packbits(pixels.astype(np.uint8).ravel(), bitorder="little").tobytes()
        extra |= {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelData": bits + b"\0" * (len(bits) % 2)}
    else:
        extra |= {"MaximumFractionalValue": 200}
    save(file, pixels.astype(np.uint8), SEG, **extra)


def region(**elements: Any) -> Elements:
    return items(RegionSpatialFormat=1, PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, **elements)[0]


GREY = np.arange(80, dtype=np.uint8).reshape(8, 10)
LEFT = np.zeros((8, 10), bool)
LEFT[:, :3] = True
RIGHT = np.zeros((8, 10), bool)
RIGHT[2:6, 2:8] = True


def test_frames_are_cases_of_one_group(tmp_path: Path) -> None:
    clip = np.stack([GREY, GREY + 1, GREY + 2])
    save(tmp_path / "a.dcm", clip)
    save(tmp_path / "b.dcm", GREY, PatientID="P2")
    dataset = Dicom(tmp_path, missing="empty")
    cases = dataset.cases()
    assert [case.id for case in cases] == ["a/0001", "a/0002", "a/0003", "b"]
    assert [len({case.group for case in cases[:3]}), cases[0].group != cases[3].group] == [1, True]
    assert all(np.array_equal(dataset.load(case).image, frame) for case, frame in zip(cases[:3], clip, strict=True))
    assert [case.id for case in Dicom(tmp_path, missing="empty", frames="every:2").cases()] == ["a/0001", "a/0003", "b"]


def test_what_a_patient_is_called_is_nowhere(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "a.dcm", GREY)
    save(tmp_path / "b.dcm", GREY, Rows=9)  # pixels are too few
    with pydicom.config.disable_value_validation():  # longer than allowed, which pydicom would quote in a warning
        save(tmp_path / "c.dcm", GREY, PatientName=f"{NAME}{'x' * 200}", PatientID=f"{NAME}-id")
    dataset = Dicom(tmp_path, missing="empty")
    report = check(dataset)
    assert [problem.where for problem in report.problems] == [str(tmp_path / "b.dcm")]
    (tmp_path / "b.dcm").unlink()
    dataset = Dicom(tmp_path, missing="empty")
    prepare(dataset, DataConfig(dataset="dicom", image_size=16))
    said = f"{report} {dataset.cases()} {dataset.fingerprint()} {capfd.readouterr()}"
    kept = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert "Secretname" not in said
    assert b"Secretname" not in kept
    with pytest.raises(BrokenDataError) as caught:
        read_header(_text(tmp_path / "d.dcm"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def _text(file: Path) -> Path:
    file.write_bytes(b"no DICOM at all, but of " + NAME.encode())
    return file


def test_the_group_can_be_the_study_the_series_or_the_file(tmp_path: Path) -> None:
    save(tmp_path / "a.dcm", GREY, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1")
    save(tmp_path / "b.dcm", GREY, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.2")
    save(tmp_path / "c.dcm", GREY, StudyInstanceUID="1.3", SeriesInstanceUID="1.3.1", PatientID="")
    counts = {
        group: len({case.group for case in Dicom(tmp_path, missing="empty", group=group).cases()})
        for group in ("patient", "study", "series", "file")
    }
    assert counts == {"patient": 2, "study": 2, "series": 3, "file": 3}


def test_the_largest_value_of_monochrome1_is_black(tmp_path: Path) -> None:
    save(tmp_path / "a.dcm", GREY, PhotometricInterpretation="MONOCHROME1")
    dataset = Dicom(tmp_path, missing="empty")
    assert np.array_equal(dataset.load(dataset.cases()[0]).image, 255 - GREY)


def test_levels_are_rescaled_and_scaled_alike_in_all_images(tmp_path: Path) -> None:
    for number in range(3):
        levels = GREY.astype(np.uint16) * 10 + number * 1000  # 0 to 2790
        save(tmp_path / f"{number}.dcm", levels, RescaleSlope=2, RescaleIntercept=-1000, BitsStored=12, HighBit=11)
    dataset = Dicom(tmp_path, missing="empty", low=0, high=100)  # -1000 to 4580
    first, _, last = (dataset.load(case).image for case in dataset.cases())
    assert (first.min(), first.max(), last.max()) == (0, round(790 * 2 / 5580 * 255), 255)
    assert "grey levels: -1000 black, 4580 white, the same in all images" in dataset.remarks()
    window = Dicom(tmp_path, missing="empty", intensity="window", window="-1000:0")
    assert window.load(window.cases()[0]).image.ravel()[[0, 25, 50, 79]].tolist() == [0, 128, 255, 255]
    depth = Dicom(tmp_path, missing="empty", intensity="depth")  # -1000 to 2 * 4095 - 1000
    assert depth.load(depth.cases()[2]).image.max() == round(2790 / 4095 * 255)


def test_padding_is_black_and_decides_no_scale(tmp_path: Path) -> None:
    levels = GREY.astype(np.int16) + 100
    levels[:, 0] = -2000
    save(tmp_path / "a.dcm", levels, PixelPaddingValue=-2000)
    dataset = Dicom(tmp_path, missing="empty", low=0, high=100)
    image = dataset.load(dataset.cases()[0]).image
    assert image[:, 0].max() == 0
    assert (image[0, 1], image[7, 9]) == (0, 255)


def test_millimetres_are_of_the_first_region_in_space(tmp_path: Path) -> None:
    time = region(PhysicalDeltaX=0.01, PhysicalDeltaY=0.5)
    time.PhysicalUnitsXDirection, time.RegionSpatialFormat = 4, 2  # seconds
    space = region(PhysicalDeltaX=0.02, PhysicalDeltaY=-0.03)
    other = region(PhysicalDeltaX=0.09, PhysicalDeltaY=0.09)
    save(tmp_path / "a.dcm", GREY, SequenceOfUltrasoundRegions=Items([time, space, other]), PixelSpacing=[7, 7])
    save(tmp_path / "b.dcm", GREY, SequenceOfUltrasoundRegions=Items([time]))
    save(tmp_path / "c.dcm", GREY, PixelSpacing=[0.4, 0.3])
    save(tmp_path / "d.dcm", GREY, ImagerPixelSpacing=[0.2, 0.1])
    save(tmp_path / "e.dcm", GREY)
    dataset = Dicom(tmp_path, missing="empty")
    found = [dataset.load(case).spacing for case in dataset.cases()]
    assert found == [pytest.approx((0.3, 0.2)), None, (0.4, 0.3), (0.2, 0.1), None]
    assert dataset.load(dataset.cases()[3]).notes == ("d.dcm: its mm are those at the detector",)


def test_segments_are_classes_matched_by_the_instance(tmp_path: Path) -> None:
    one, two, other = (save(tmp_path / f"{name}.dcm", GREY, PatientID=name) for name in "abc")
    segmentation(
        tmp_path / "seg" / "s.dcm",
        [
            ("cyst", LEFT, two.SOPInstanceUID, None),
            ("tumour", RIGHT, one.SOPInstanceUID, None),
            ("tumour", RIGHT, two.SOPInstanceUID, None),
        ],
    )
    dataset = Dicom(tmp_path, missing="leave")
    assert dataset.class_names == ("background", "cyst", "tumour")
    assert [case.id for case in dataset.cases()] == ["a", "b"]
    assert "1 pictures without a mask are left out" in dataset.remarks()
    first, second = (dataset.load(case) for case in dataset.cases())
    assert np.array_equal(first.mask, RIGHT * 2)
    assert np.array_equal(second.mask, np.where(RIGHT, 2, LEFT))
    assert second.notes == ("b: cyst and tumour overlap in 4 pixels, read as tumour",)
    chosen = Dicom(tmp_path, missing="leave", classes="tumour")
    assert np.array_equal(chosen.load(chosen.cases()[1]).mask, RIGHT)
    assert "segments called cyst are no class, not read" in chosen.remarks()
    assert other.SOPInstanceUID not in str(Dicom(tmp_path).problems())
    assert "holds no mask for 1 of 3 pictures (c)" in str(Dicom(tmp_path).problems()[0])


def test_fractional_segments_count_from_one_half(tmp_path: Path) -> None:
    source = save(tmp_path / "a.dcm", GREY)
    shares = np.linspace(0, 200, 80).reshape(8, 10)
    segmentation(tmp_path / "s.dcm", [("lesion", shares, source.SOPInstanceUID, None)], "FRACTIONAL")
    dataset = Dicom(tmp_path)
    assert np.array_equal(dataset.load(dataset.cases()[0]).mask, shares.astype(np.uint8) >= 100)


def test_segments_of_a_clip_belong_to_its_frames(tmp_path: Path) -> None:
    clip = save(tmp_path / "a.dcm", np.stack([GREY] * 4))
    segmentation(tmp_path / "s.dcm", [("x", LEFT, clip.SOPInstanceUID, 2), ("x", RIGHT, clip.SOPInstanceUID, 4)])
    dataset = Dicom(tmp_path)
    assert [int(dataset.load(case).mask.sum()) for case in dataset.cases()] == [0, LEFT.sum(), 0, RIGHT.sum()]
    assert [case.id for case in Dicom(tmp_path, frames="lesion").cases()] == ["a/0002", "a/0004"]


def test_a_segmentation_of_another_size_or_of_nothing_is_said(tmp_path: Path) -> None:
    source = save(tmp_path / "a.dcm", GREY)
    segmentation(tmp_path / "s.dcm", [("x", LEFT[:4], source.SOPInstanceUID, None)])
    assert "s.dcm: is 10 x 4 pixels, but its image is 10 x 8" in str(check(Dicom(tmp_path)).problems[0])
    lost = pydicom.dcmread(tmp_path / "s.dcm")
    del lost.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence
    lost.save_as(tmp_path / "s.dcm")
    assert "does not say to which image 1 of its 1 frames belong" in str(Dicom(tmp_path).problems()[0])


def test_masks_may_be_pictures_or_dicom_in_a_folder(tmp_path: Path, write_png: WritePng) -> None:
    save(tmp_path / "images" / "a.dcm", GREY)
    save(tmp_path / "images" / "b.dcm", GREY, PatientID="P2")
    save(tmp_path / "images" / "clip.dcm", np.stack([GREY] * 2), PatientID="P3")
    write_png(tmp_path / "masks" / "a_mask.png", LEFT * np.uint8(255))
    save(tmp_path / "masks" / "b.dcm", RIGHT * np.uint8(255))
    for frame, mask in (("1", LEFT), ("2", RIGHT)):
        write_png(tmp_path / "masks" / f"clip_{frame}.png", mask * np.uint8(255))
    dataset = Dicom(tmp_path)
    assert check(dataset).problems == ()
    assert [case.id for case in dataset.cases()] == ["a", "b", "clip/0001", "clip/0002"]
    for case, mask in zip(dataset.cases(), (LEFT, RIGHT, LEFT, RIGHT), strict=True):
        assert np.array_equal(dataset.load(case).mask, mask)
    write_png(tmp_path / "masks" / "a_mask.png", LEFT * np.uint8(7))
    assert "holds 7, but the classes are the values 0, 255. Set the option values" in str(check(dataset).problems[0])


def test_one_mask_is_not_taken_for_every_frame(tmp_path: Path, write_png: WritePng) -> None:
    save(tmp_path / "images" / "clip.dcm", np.stack([GREY] * 2))
    write_png(tmp_path / "masks" / "clip.png", LEFT * np.uint8(255))
    found = [str(problem) for problem in Dicom(tmp_path).problems()]
    assert "holds no mask for 2 of 2 pictures (clip/0001, clip/0002)" in found[0]
    assert "clip.png: is a mask of clip" in found[1]


def test_cases_of_one_patient_never_straddle_a_split(tmp_path: Path) -> None:
    for number in range(9):
        save(tmp_path / f"{number}.dcm", GREY, PatientID=f"P{number % 3}")
    cases = Dicom(tmp_path, missing="empty").cases()
    parts = split_indices(cases, (0.4, 0.3, 0.3), 0)
    assert [len({cases[n].group for n in part}) for part in (parts.train, parts.validation, parts.test)] == [1, 1, 1]


def test_real_ultrasound_with_a_palette(tmp_path: Path) -> None:
    file = shipped("examples_palette.dcm")
    (tmp_path / "a.dcm").write_bytes(file.read_bytes())
    dataset = Dicom(tmp_path, missing="empty", rgb=True)
    pair = dataset.load(dataset.cases()[0])
    elements = pydicom.dcmread(file)
    expected = pydicom.pixels.apply_color_lut(elements.pixel_array, elements) >> 8
    assert pair.image.shape == (350, 800, 3)
    assert np.array_equal(pair.image, expected)
    assert pair.spacing == pytest.approx((0.2622878766, 0.2622878766))
    assert "which was cut or resized since its mm were stated" in pair.notes[0]


def test_a_real_ultrasound_clip_in_ybr(tmp_path: Path) -> None:
    (tmp_path / "clip.dcm").write_bytes(shipped("examples_ybr_color.dcm").read_bytes())
    dataset = Dicom(tmp_path, missing="empty", rgb=True)
    cases = dataset.cases()
    assert (len(cases), len({case.group for case in cases})) == (30, 1)
    image = dataset.load(cases[7]).image
    assert image.shape == (240, 320, 3)
    assert np.abs(np.diff(image.astype(int), axis=2)).mean() < 10  # nearly grey: no chroma of 128 beside luminance


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("MR_small.dcm", None),
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
    ],
)
def test_every_compression_gives_the_same_levels(name: str, mean: str | None) -> None:
    if "jp" in name:
        pytest.importorskip("openjpeg", reason="needs the extra dmf[dicom]")
    levels = read_frame(read_header(shipped(name)), 0)
    assert levels.shape == (64, 64)
    assert mean is None or np.array_equal(levels, read_frame(read_header(shipped(mean)), 0))


def test_a_real_segmentation_marks_its_source_by_instance(tmp_path: Path) -> None:
    elements = pydicom.dcmread(shipped("liver_1frame.dcm"))
    elements.save_as(tmp_path / "s.dcm")
    source = elements.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    image = np.zeros((512, 512), np.int16)
    save(tmp_path / "a.dcm", image, SOPInstanceUID=source.ReferencedSOPInstanceUID)
    dataset = Dicom(tmp_path, intensity="window", window="0:1")
    assert dataset.class_names == ("background", "Liver")
    assert int(dataset.load(dataset.cases()[0]).mask.sum()) == 36233


def test_compression_that_nothing_can_undo_is_one_problem_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jls_lossy_line.dcm"):
        (tmp_path / name).write_bytes(shipped(name).read_bytes())
    monkeypatch.setattr("pydicom.pixels.decoders.base.DecodeRunner._test_for", lambda *_: False, raising=False)
    monkeypatch.setattr("pydicom.pixels.common.CoderBase.is_available", property(lambda _: False))
    (found,) = Dicom(tmp_path, missing="empty").problems()
    assert "and 1 more are compressed as JPEG-LS Lossless Image Compression, JPEG-LS Lossy" in str(found)
    assert str(found).endswith("Install what decodes them: pip install 'dmf[dicom]'.")


def test_files_that_are_no_pictures_are_counted_and_damaged_ones_named(tmp_path: Path) -> None:
    save(tmp_path / "a.dcm", GREY)
    (tmp_path / "dose.dcm").write_bytes(shipped("rtdose.dcm").read_bytes())
    (tmp_path / "notes.txt").write_text("by hand")
    dataset = Dicom(tmp_path, missing="empty")
    assert dataset.remarks()[:2] == [
        "1 DICOM files without a picture are not read",
        "1 files that are no DICOM are not read",
    ]
    (tmp_path / "c.dcm").write_bytes(b"\x93NUMPY and more")
    (found,) = Dicom(tmp_path, missing="empty").problems()
    assert "c.dcm: cannot be read as DICOM, it is damaged or of another format" in str(found)
    with pytest.raises(BrokenDataError, match=r"nowhere: is missing\. Put DICOM files"):
        Dicom(tmp_path / "nowhere").cases()


def test_files_without_a_suffix_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    save(tmp_path / "IM0001", GREY)
    save(tmp_path / "1.2.840.17", GREY)
    (tmp_path / "README").write_text("no DICOM")
    assert [case.id for case in Dicom(tmp_path, missing="empty").cases()] == ["1.2.840.17", "IM0001"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("frames", "every:0"),
        ("missing", "no"),
        ("group", "age"),
        ("intensity", "window"),
        ("classes", "a:a"),
        ("values", "0"),
        ("names", "one"),
        ("low", 99.9),
        ("window", "3:1"),
    ],
)
def test_an_option_that_means_nothing_is_refused(option: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"Option '.*' of dataset 'dicom' takes .*; got "):
        Dicom(**{option: value})
