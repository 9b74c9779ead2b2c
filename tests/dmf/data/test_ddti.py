"""DDTI: pictures by case and number, grades, and files as odd as the real ones."""

import numpy as np
import pytest

from dmf.data import Ddti


def test_outlines_are_drawn_and_pictures_of_a_case_are_one_group(fake_ddti):
    dataset = Ddti(fake_ddti)
    assert dataset.class_names == ("background", "nodule")
    cases = dataset.cases()
    assert [(case.id, case.group, case.label) for case in cases] == [
        ("1_1", "1", "TI-RADS 4a"),
        ("1_2", "1", "TI-RADS 4a"),
        ("2_1", "2", "TI-RADS 4a"),
    ]
    masks = [dataset.load(case).mask for case in cases]
    assert [int(mask.sum()) for mask in masks] == [16, 0, 32]
    assert masks[0][3:7, 2:6].all()
    assert dataset.problems() == []
    (doubt,) = dataset.doubts()
    assert "1 pictures have no annotation (1_2.jpg)" in doubt.what
    assert [case.id for case in Ddti(fake_ddti, unmarked="leave").cases()] == ["1_1", "2_1"]


def test_a_picture_without_a_file_of_its_case_has_a_group_all_the_same(fake_ddti, write_png):
    write_png(fake_ddti / "3_1.jpg", np.zeros((5, 5), np.uint8))
    assert [(case.group, case.label) for case in Ddti(fake_ddti).cases()][-1] == ("3", "unlabelled")


def test_a_mark_without_outline_is_none(fake_ddti):
    (fake_ddti / "2.xml").write_text("<case><mark><image>1</image><svg/></mark></case>")
    dataset = Ddti(fake_ddti)
    assert dataset.problems() == []
    assert not dataset.load(dataset.cases()[2]).mask.any()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<case><number>2</number><mark>", r"2.xml: is no whole XML (no element found"),
        ("<case><mark><image>1</image><svg>[{</svg></mark></case>", "a mark that cannot be read (Invalid JSON"),
        ("<case><mark><image>1</image><svg>[{}]</svg></mark></case>", "cannot be read (0.points: Field required)"),
        ("<case><mark><svg>[]</svg></mark></case>", "a mark that cannot be read (its image has no number)"),
        (
            '<case><mark><image>5</image><svg>[{"points": []}]</svg></mark></case>',
            "2.xml: speaks of pictures that are not beside it: 2_5. Put them there",
        ),
        ('<!DOCTYPE case [<!ENTITY a "b">]><case>&a;</case>', "declares a document type or entities"),
    ],
)  # fmt: skip
def test_odd_files_are_refused_in_one_sentence(fake_ddti, content, said):
    (fake_ddti / "2.xml").write_text(content)
    (problem,) = Ddti(fake_ddti).problems()
    assert said in str(problem)
    assert "\n" not in str(problem)


def test_other_xml_files_are_told(fake_ddti):
    (fake_ddti / "readme.xml").write_text("<readme/>")
    assert "1 XML files that are not of DDTI, not read: readme.xml" in Ddti(fake_ddti).remarks()
