"""What all datasets of shapes have in common: the same two pictures, drawn in three programs, give the same masks."""

import numpy as np
import pytest

from dmf.config import DataConfig
from dmf.data import DATASETS, BrokenDataError, build_dataset, check, prepare
from dmf.data.drawn import listed, split_of
from dmf.errors import ConfigError, DataError

TRUTH = np.zeros((20, 30), np.uint8)
TRUTH[3:7, 2:6] = 1
TRUTH[5:9, 4:8] = 2  # drawn later


@pytest.fixture(params=["coco", "labelme", "cvat"])
def drawn(request):
    """Builds the dataset over its two pictures."""
    root = request.getfixturevalue(f"fake_{request.param}")

    def build(**options):
        return DATASETS.build(request.param, root, 0, **options)

    return build


def masks(dataset):
    return [dataset.load(case).mask for case in dataset.cases()]


def test_pixels_belong_to_the_shape_drawn_last(drawn):
    dataset = drawn(classes="lesion:cyst")
    assert dataset.class_names == ("background", "lesion", "cyst")
    first, second = masks(dataset)
    np.testing.assert_array_equal(first, TRUTH)
    assert not second.any()
    assert [case.id for case in dataset.cases()] == ["a", "b"]
    assert dataset.ignore is None


def test_what_is_unusual_is_told_in_the_report(drawn):
    report = check(drawn())
    assert report.is_sound
    assert report.cases == 2
    assert any("1 pictures without a shape, taken as background: b.png" in note for note in report.notes)
    assert any("a.png: 4 pixels lie in shapes of several classes" in note for note in report.notes)
    shares = report.class_shares
    assert (shares["lesion"], shares["cyst"]) == (pytest.approx(12 / 1200), pytest.approx(16 / 1200))


def test_only_the_chosen_classes_are_drawn_in_their_order(drawn):
    cysts = drawn(classes="cyst")
    np.testing.assert_array_equal(masks(cysts)[0], TRUTH == 2)
    assert "shapes called 'lesion' are no class, not drawn: 1" in cysts.remarks()
    dataset = drawn(classes="background:cyst:lesion:other")
    assert dataset.class_names == ("background", "cyst", "lesion", "other")
    assert masks(dataset)[0].max() == 2
    assert "no shape is called 'other'" in dataset.remarks()


def test_classes_of_which_there_is_none_are_a_problem(drawn):
    (problem,) = drawn(classes="tumour").problems()
    assert "has no label called 'tumour'; it has " in str(problem)


@pytest.mark.parametrize("text", ["a:a", "a:", "background", ":".join(map(str, range(255)))])
def test_classes_that_cannot_be_are_refused(text):
    with pytest.raises(ConfigError, match=r"Option 'classes' of dataset 'coco' takes different labels"):
        DATASETS.build("coco", None, 0, classes=text)


def test_a_label_can_say_that_its_pixels_belong_to_no_class(drawn):
    dataset = drawn(ignore="cyst")
    assert (dataset.class_names, dataset.ignore) == (("background", "lesion"), 255)
    np.testing.assert_array_equal(masks(dataset)[0], np.where(TRUTH == 2, 255, TRUTH))


def test_pictures_can_be_read_in_colour(drawn):
    dataset = drawn(rgb=True)
    assert dataset.load(dataset.cases()[0]).image.shape == (20, 30, 3)


def test_a_picture_of_another_size_is_refused_unless_shapes_are_to_be_scaled(drawn, write_png):
    image = drawn().cases()[0].image
    write_png(image, np.full((40, 60), 90, np.uint8))
    with pytest.raises(BrokenDataError, match=r"was drawn on 30 x 20 pixels, but a\.png has 60 x 40\..*scale=true"):
        masks(drawn())
    write_png(drawn().cases()[1].image, np.full((40, 60), 90, np.uint8))
    problems = check(drawn()).problems  # once for both
    assert [problem.options for problem in problems] == [("scale=true",)]
    dataset = drawn(scale=True, classes="lesion:cyst")
    pair = dataset.load(dataset.cases()[0])
    np.testing.assert_array_equal(pair.mask, TRUTH.repeat(2, 0).repeat(2, 1))
    assert "a.png: shapes brought from 30 x 20 to 60 x 40" in pair.notes


def test_a_picture_that_is_not_there_is_named(drawn):
    drawn().cases()[1].image.unlink()
    (problem,) = drawn().problems()
    assert "speaks of 1 pictures that are not in" in str(problem)
    assert "b.png" in str(problem)


def test_a_picture_elsewhere_below_the_root_is_found_unless_there_are_two(drawn):
    image = drawn().cases()[0].image
    folder = image.parents[0] / "else" / "where"
    folder.mkdir(parents=True)
    image.rename(folder / image.name)
    assert folder / image.name in [case.image for case in drawn().cases()]
    (folder.parent / image.name).write_bytes((folder / image.name).read_bytes())
    assert "that are there more than once: a.png" in str(drawn().problems()[0])


def test_it_trains_as_any_dataset(drawn):
    data = prepare(drawn(), DataConfig(dataset=drawn().name, image_size=16))
    assert (data.images.shape, data.targets.max()) == ((2, 1, 16, 16), 2)


@pytest.mark.parametrize("name", ["coco", "labelme", "cvat", "ddti"])
def test_a_root_without_annotations_or_that_is_not_there_is_told(name, tmp_path):
    for root, said in ((tmp_path, "holds no annotations"), (tmp_path / "nowhere", "is missing")):
        dataset = build_dataset(DataConfig(dataset=name, root=str(root)))
        assert len(dataset.class_names) == 2
        with pytest.raises(BrokenDataError, match=said):
            dataset.cases()


def test_a_case_that_is_not_of_the_dataset_is_told(drawn, counting):
    with pytest.raises(DataError, match="has no case 'c0'; take cases from its cases"):
        drawn().load(counting().cases()[0])


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("annotations/instances_train2017.json", "train"),
        ("valid/_annotations.coco.json", "validation"),
        ("test/images/a.json", "test"),
        ("trainer/attest.json", None),
    ],
)
def test_names_say_which_part_of_a_split_it_is(tmp_path, place, part):
    assert split_of((tmp_path / place).relative_to(tmp_path)) == part


def test_long_lists_are_cut():
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
