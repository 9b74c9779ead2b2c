import gc
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from dmf.data import BrokenDataError, volumes
from dmf.data.volumes import AXES, open_slices, read_geometry, read_slice

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype(np.int16)
AFFINE = np.array([[0.5, 0, 0, -10], [0, 0.7, 0, 5], [0, 0, 2, 3], [0, 0, 0, 1.0]])


def stored_as(codes: str) -> nib.Nifti1Image:
    """The same volume, with its axes in another order and direction in the file."""
    return nib.Nifti1Image(VOXELS, AFFINE).as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes)))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SLA"])
def test_slices_are_those_of_the_canonical_volume_however_it_is_stored(
    tmp_path: Path, codes: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volumes, "BLOCK", 1000)  # several blocks
    file = tmp_path / f"a{suffix}"
    nib.save(stored_as(codes), file)
    geometry = read_geometry(file)
    assert geometry.shape == (5, 6, 7)
    assert np.allclose(geometry.affine, AFFINE)
    for axis, place in AXES.items():
        slices = open_slices(file, axis)
        assert len(slices) == VOXELS.shape[place]
        for index in range(len(slices)):  # superior or anterior on top, the patient's right on the left
            assert np.array_equal(slices[index], VOXELS.take(index, axis=place).T[::-1, ::-1])
        assert slices[0].dtype == np.int16


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_metaimage_and_nrrd_give_the_same_slices(tmp_path: Path, suffix: str, compressed: bool) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="needs the extra dmf[itk]")
    image = sitk.GetImageFromArray(VOXELS.T[:, ::-1, ::-1])  # ITK counts towards left and posterior
    image.SetSpacing((0.5, 0.7, 2))
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"), compressed)
    assert read_geometry(tmp_path / f"a{suffix}").spacing("coronal") == pytest.approx((2, 0.5))
    for axis, place in AXES.items():
        found = read_slice(tmp_path / f"a{suffix}", axis, 2)
        assert np.array_equal(found, VOXELS.take(2, axis=place).T[::-1, ::-1])


def test_without_simpleitk_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    (tmp_path / "a.mha").write_bytes(b"ObjectType = Image")
    with pytest.raises(
        BrokenDataError, match=r"a\.mha: is a MetaImage or NRRD file, which needs SimpleITK\. .*dmf\[itk\]"
    ):
        read_geometry(tmp_path / "a.mha")


@pytest.mark.parametrize(("axis", "spacing"), [("axial", (0.7, 0.5)), ("coronal", (2, 0.5)), ("sagittal", (2, 0.7))])
def test_the_spacing_is_that_of_the_plane_of_the_slice(
    tmp_path: Path, axis: volumes.Axis, spacing: tuple[float, float]
) -> None:
    nib.save(stored_as("PIR"), tmp_path / "a.nii")
    assert read_geometry(tmp_path / "a.nii").spacing(axis) == pytest.approx(spacing)


def test_spacing_in_micrometres_becomes_millimetres(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOXELS, np.diag([500, 700, 2000, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "a.nii")
    assert read_geometry(tmp_path / "a.nii").spacing("axial") == pytest.approx((0.7, 0.5))


def test_scaled_integers_come_as_what_they_stand_for(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.linspace(-1, 1, 210).reshape(5, 6, 7).astype(np.float32), AFFINE)
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "a.nii.gz")
    found = read_slice(tmp_path / "a.nii.gz", "axial", 0)
    assert found.dtype == np.float32
    assert found.max() == pytest.approx(image.get_fdata()[:, :, 0].max(), abs=1e-4)


def test_one_of_several_values_per_voxel_can_be_chosen(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.stack([VOXELS, VOXELS + 1, VOXELS + 2], axis=-1), AFFINE), tmp_path / "a.nii.gz")
    assert read_geometry(tmp_path / "a.nii.gz").channels == 3
    for channel in range(3):
        found = read_slice(tmp_path / "a.nii.gz", "axial", 4, channel)
        assert np.array_equal(found, VOXELS[:, :, 4].T[::-1, ::-1] + channel)


def test_a_flat_volume_is_one_slice(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(VOXELS[:, :, 0], AFFINE), tmp_path / "a.nii.gz")
    assert len(open_slices(tmp_path / "a.nii.gz", "axial")) == 1
    assert np.array_equal(read_slice(tmp_path / "a.nii.gz", "axial", 0), VOXELS[:, :, 0].T[::-1, ::-1])


def test_corners_tell_how_far_two_volumes_lie_apart(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(VOXELS, AFFINE), tmp_path / "a.nii")
    moved = AFFINE.copy()
    moved[0, 3] += 1  # two of the smallest voxel sides
    nib.save(nib.Nifti1Image(VOXELS, moved), tmp_path / "b.nii")
    here, there = read_geometry(tmp_path / "a.nii"), read_geometry(tmp_path / "b.nii")
    assert (here.apart(here), here.apart(there)) == (0, pytest.approx(2))


def cut(file: Path) -> bytes:
    content = file.read_bytes()
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zeros.nii.gz", gzip.compress(b"\0" * 400, mtime=0)),  # without the time, which would be in the test's name
        ("zeros.nii", b"\0" * 400),
        ("empty.nii", b""),
        ("text.nii.gz", b"no gzip at all"),
    ],
)
def test_bytes_that_are_no_nifti_are_named_as_such(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BrokenDataError, match=f"{name}: cannot be read as NIfTI, it is damaged or of another format"):
        read_geometry(tmp_path / name)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_is_cut_off_is_refused_when_it_is_read(tmp_path: Path, suffix: str) -> None:
    nib.save(nib.Nifti1Image(VOXELS, AFFINE), tmp_path / f"whole{suffix}")
    (tmp_path / f"a{suffix}").write_bytes(cut(tmp_path / f"whole{suffix}"))
    with pytest.raises(BrokenDataError, match=r"a\.nii(\.gz)?: cannot be read as NIfTI"):
        read_slice(tmp_path / f"a{suffix}", "axial", 6)


def test_colours_and_an_affine_without_depth_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((2, 2, 2), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nib.save(nib.Nifti1Image(colour, AFFINE), tmp_path / "colour.nii")
    with pytest.raises(BrokenDataError, match="not one number each"):
        read_geometry(tmp_path / "colour.nii")
    header = nib.Nifti1Header()
    header.set_sform(np.diag([1, 1, 0, 1]), 1)
    nib.save(nib.Nifti1Image(VOXELS, None, header), tmp_path / "flat.nii")
    with pytest.raises(BrokenDataError, match="an affine that no voxels can lie by"):
        read_geometry(tmp_path / "flat.nii")


def test_a_header_that_promises_too_much_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    header.set_data_dtype(np.int16)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + b"\0" * 4))
    with pytest.raises(BrokenDataError, match="30000 x 30000 x 30000 voxels, more than 4 GiB"):
        read_geometry(tmp_path / "a.nii.gz")


def test_only_the_last_files_stay_open_and_none_leaves_slices_behind(tmp_path: Path, home: Path) -> None:
    for number in range(volumes.MOST_OPEN + 2):
        nib.save(nib.Nifti1Image(VOXELS, AFFINE), tmp_path / f"{number}.nii.gz")
        read_slice(tmp_path / f"{number}.nii.gz", "axial", 0)
    assert len(volumes._open) == volumes.MOST_OPEN
    volumes._open.clear()
    gc.collect()  # a file that is not closed would be a warning here
    assert list((home / "cache").iterdir()) == []
