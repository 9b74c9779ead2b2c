import pytest

from dmf.data.names import Role, aliases, cores, listed_part, part, role


@pytest.mark.parametrize(
    ("folder", "kind", "split", "word"),
    [
        ("images", "image", None, ""),
        ("Original", "image", None, ""),
        ("img", "image", None, ""),
        ("imagesTr", "image", "train", "Tr"),
        ("labelsTs", "mask", "test", "Ts"),
        ("train_images", "image", "train", "train"),
        ("test-labels", "mask", "test", "test"),
        ("GT", "mask", None, ""),
        ("Ground Truth", "mask", None, ""),
        ("1st_manual", "mask", None, ""),
        ("ann", "mask", None, ""),
        ("SegmentationClass", "mask", None, ""),
    ],
)
def test_a_folder_says_what_it_is_for(folder: str, kind: str, split: str | None, word: str) -> None:
    assert role(folder) == Role(kind, split, word)  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", ["benign", "my-segmentation-dataset", "P01", "train", "overlays", "data"])
def test_other_folders_say_nothing_of_it(folder: str) -> None:
    assert role(folder) is None


def test_parts_of_a_split_are_named_in_words_people_use() -> None:
    assert [part(text) for text in ("train", "Valid", "TestDataset", "dev", "benign", "ts", "")] == [
        "train", "validation", "test", "validation", None, None, None,
    ]  # fmt: skip
    assert [listed_part(stem) for stem in ("train", "val_list", "testing", "readme", "trainval")] == [
        "train", "validation", "test", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "image", "number"),
    [
        ("a_mask", "a", 0),
        ("benign (4)_mask_1", "benign (4)", 1),
        ("ISIC_01_segmentation", "ISIC_01", 0),
        ("x-seg", "x", 0),
        ("x_gt", "x", 0),
        ("x_tumor", "x", 0),
        ("21_manual1", "21", 0),
        ("mask_007", "007", 0),
    ],
)
def test_a_mask_says_whose_it_is(mask: str, image: str, number: int) -> None:
    assert (image, number) in list(cores(mask))
    assert next(cores(mask)) == (mask, 0)  # its own name goes first


def test_an_image_may_be_called_otherwise_by_its_mask() -> None:
    assert list(aliases("case7_0000")) == ["case7"]
    assert list(aliases("image_12")) == ["12"]
    assert list(aliases("21_training")) == ["21"]
