import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmf.data.filtering import square
from dmf.tasks.segmentation.metrics.boundary import (
    BoundaryDistances,
    boundary_distances,
    restore,
    summarise_boundaries,
    surface_dice,
)


def disk(row, column, radius):
    y, x = np.ogrid[:60, :80]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def outline(mask):
    """Pixels of a mask with a side towards a pixel outside of it, by looking at each."""
    height, width = mask.shape
    found = []
    for y, x in np.argwhere(mask):
        sides = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        if any(not (0 <= v < height and 0 <= u < width and mask[v, u]) for v, u in sides):
            found.append((y, x))
    return found


def brute_force(prediction, truth, spacing):
    def distances(own, other):
        return [
            min(math.hypot((y - v) * spacing[0], (x - u) * spacing[1]) for v, u in outline(other))
            for y, x in outline(own)
        ]

    there, back = distances(prediction, truth), distances(truth, prediction)
    hausdorff = max(np.quantile(there, 0.95), np.quantile(back, 0.95))
    return hausdorff, (sum(there) + sum(back)) / (len(there) + len(back))


@st.composite
def two_masks(draw):
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    bits = st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).filter(any)
    return [np.array(draw(bits)).reshape(shape) for _ in range(2)]


@given(two_masks(), st.sampled_from([None, (0.5, 0.25), (2.0, 3.0)]))
@settings(max_examples=80, deadline=None)
def test_distances_are_those_of_looking_at_every_pair_of_pixels(masks, spacing):
    prediction, truth = masks
    found = boundary_distances(prediction, truth, spacing)
    assert (found.hausdorff95, found.average) == pytest.approx(brute_force(prediction, truth, spacing or (1, 1)))
    assert (found.unit, found.empty) == ("px" if spacing is None else "mm", None)


# (seed, shape, spacing, 95 % Hausdorff, average symmetric surface distance) of `default_rng(seed).random(shape) < 0.3`,
# the truth drawn first, as MONAI 1.6.1 gives them in float32.
MONAI = [
    (0, (12, 17), None, 2.0, 0.8129749894142151),
    (1, (20, 20), (0.5, 0.25), 0.55901700258255, 0.30175331234931946),
    (2, (9, 31), (0.1, 0.1), 0.19707101583480835, 0.07751019299030304),
    (3, (30, 24), None, 1.4142135381698608, 0.792899489402771),
    (4, (16, 16), (1.0, 2.0), 3.566694498062134, 1.184330940246582),
]


@pytest.mark.parametrize(("seed", "shape", "spacing", "hausdorff", "average"), MONAI)
def test_distances_are_those_of_monai_on_random_masks(seed, shape, spacing, hausdorff, average):
    generator = np.random.default_rng(seed)
    truth, prediction = (generator.random(shape) < 0.3 for _ in range(2))
    found = boundary_distances(prediction, truth, spacing)
    assert (found.hausdorff95, found.average) == pytest.approx((hausdorff, average), rel=1e-6)


@pytest.mark.parametrize(
    ("spacing", "hausdorff", "average"),
    [(None, 8.5440034866333, 4.307613849639893), ((0.2, 0.3), 2.41867733001709, 1.068129301071167)],
)
def test_distances_are_those_of_monai_on_two_disks(spacing, hausdorff, average):
    found = boundary_distances(disk(33, 46, 12), disk(30, 40, 14), spacing)
    assert (found.hausdorff95, found.average) == pytest.approx((hausdorff, average), rel=1e-6)


def test_a_shifted_line_lies_its_shift_away():
    truth, prediction = np.zeros((2, 10, 30), bool)
    truth[2, 5:25] = prediction[5, 5:25] = True
    # every pixel is 3 rows of 0.5 mm away
    assert boundary_distances(prediction, truth) == BoundaryDistances(3, 3, "px", None, 3, math.hypot(*truth.shape))
    assert boundary_distances(prediction, truth, (0.5, 7)) == BoundaryDistances(
        1.5, 1.5, "mm", None, 1.5, math.hypot(0.5 * truth.shape[0], 7 * truth.shape[1])
    )


def test_equal_masks_are_no_distance_apart_also_at_the_edge_of_the_image():
    everything = np.ones((5, 5), bool)
    assert boundary_distances(everything, everything) == BoundaryDistances(0, 0, "px", None, 0, math.hypot(5, 5))


@pytest.mark.parametrize(
    ("prediction", "truth", "empty"),
    [(True, False, "truth"), (False, True, "prediction"), (False, False, "both")],
)
def test_without_an_outline_there_is_no_distance_and_the_reason_is_named(prediction, truth, empty):
    found = boundary_distances(np.full((3, 4), prediction), np.full((3, 4), truth))
    assert math.isnan(found.hausdorff95)
    assert math.isnan(found.average)
    assert found.empty == empty


def test_a_missed_object_counts_with_the_diagonal_of_its_image_and_is_told():
    def found(kind, *distances):
        return BoundaryDistances(*(distances or (math.nan, math.nan)), "px", kind, diagonal=100)

    drawn = [found(None, 4, 1), found(None, 8, 2)]
    empty = [found(kind) for kind in ("truth", "prediction", "prediction", "both")]
    summary = summarise_boundaries([*drawn, *empty])
    # (4 + 8 + 3 * 100) / 5 and (1 + 2 + 3 * 100) / 5; where nothing is and nothing was found there is nothing to say.
    assert (summary.hausdorff95, summary.average, summary.unit, summary.images) == (62.4, 60.6, "px", 5)
    assert (summary.found_hausdorff95, summary.found_average) == (6, 1.5)
    assert (summary.missed, summary.made_up) == (2, 1)
    assert summary.empty == {"truth": 1, "prediction": 2, "both": 1}


def test_a_network_that_finds_nothing_is_not_perfect():
    nothing = [boundary_distances(np.zeros((60, 80), bool), disk(30, 40, 9)) for _ in range(2)]
    assert summarise_boundaries(nothing).hausdorff95 == 100
    # Where nobody knows how large the images are there is no mean either, rather than one of the others.
    unknown = [BoundaryDistances(4, 1, "px", None), BoundaryDistances(math.nan, math.nan, "px", "prediction")]
    assert math.isnan(summarise_boundaries(unknown).hausdorff95)


def test_a_volume_is_measured_in_all_three_directions():
    truth, prediction = np.zeros((9, 9, 9), bool), np.zeros((9, 9, 9), bool)
    truth[4, 4, 4] = prediction[6, 4, 4] = True
    found = boundary_distances(prediction, truth, (5, 1, 1))  # two slices of 5 mm apart
    assert (found.hausdorff, found.average, found.unit) == (10, 10, "mm")
    with pytest.raises(ValueError, match="`spacing` must be"):
        boundary_distances(prediction, truth, (1, 1))


@pytest.mark.parametrize(("tolerance", "share"), [(0, 1 / 3), (0.9, 1 / 3), (1, 1)])
def test_surface_dice_is_the_share_of_outlines_within_the_tolerance(tolerance, share):
    # Two of three pixels of each outline are the other's neighbours.
    truth, prediction = np.zeros((4, 8), bool), np.zeros((4, 8), bool)
    truth[0, 0] = prediction[0, 0] = truth[3, 3:5] = prediction[2, 3:5] = True
    assert surface_dice(prediction, truth, tolerance) == pytest.approx(share)
    assert surface_dice(prediction, truth, tolerance * 5, (5, 5)) == pytest.approx(share)


def test_surface_dice_of_a_missed_object_is_0_and_of_nothing_none():
    nothing, there = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert surface_dice(nothing, there, 1) == surface_dice(there, nothing, 1) == 0
    assert math.isnan(surface_dice(nothing, nothing, 1))
    assert surface_dice(there, there, 0, void=there ^ np.eye(4, dtype=bool)) == 1
    with pytest.raises(ValueError, match="`tolerance` must be at least 0, got -1"):
        surface_dice(there, there, -1)


def test_nothing_but_empty_masks_have_no_mean():
    summary = summarise_boundaries([BoundaryDistances(math.nan, math.nan, "mm", "both")])
    assert math.isnan(summary.hausdorff95)
    assert math.isnan(summary.average)
    assert (summary.unit, summary.images, summary.empty["both"]) == ("mm", 0, 1)


def test_pixels_and_millimetres_have_no_common_mean():
    with pytest.raises(ValueError, match=r"all in one unit, got \['mm', 'px'\]"):
        summarise_boundaries([BoundaryDistances(1, 1, "px", None), BoundaryDistances(1, 1, "mm", None)])
    with pytest.raises(ValueError, match="at least one image, all in one unit, got none"):
        summarise_boundaries([])


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (32, 32), (33, 71), (16, 96)])
@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_a_mask_made_square_and_restored_lies_where_it_lay(size, fit):
    y, x = np.mgrid[: size[0], : size[1]]
    truth = (y > size[0] / 4) & (y < size[0] / 2) & (x > size[1] / 3) & (x < 2 * size[1] / 3)
    again = restore(square(truth.astype(np.uint8), 64, fit, is_mask=True), size, fit).astype(bool)
    assert again.shape == size
    # A pixel of the network covers up to 96 / 64 original pixels, so an outline moves by less than two.
    assert boundary_distances(again, truth).hausdorff95 < 2


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_what_was_enlarged_by_a_whole_number_comes_back_exactly(fit):
    labels = np.random.default_rng(0).integers(0, 3, (16, 8) if fit == "pad" else (16, 16), np.uint8)
    np.testing.assert_array_equal(restore(square(labels, 48, fit, is_mask=True), labels.shape, fit), labels)


def test_each_original_pixel_takes_the_value_at_its_centre():
    # Centres of 3 pixels at 1/6, 3/6 and 5/6 of the height fall into pixels 0, 1 and 1 of 2.
    assert restore(np.array([[1, 2], [3, 4]]), (3, 1)).tolist() == [[2], [4], [4]]
    assert restore(np.array([[0.25]]), (2, 2)).tolist() == [[0.25, 0.25], [0.25, 0.25]]


GOOD = np.ones((4, 4), bool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GOOD.astype(int), GOOD), "`prediction` must be boolean, got int64. Compare the labels with a class"),
        ((GOOD, GOOD * 0.5), "`truth` must be boolean, got float64"),
        ((GOOD, GOOD[:2]), r"got \(4, 4\) and \(2, 4\). Bring the prediction to the size of the truth with `restore`"),
        ((GOOD[0], GOOD[0]), r"must both have shape \(H, W\), or .* got \(4,\)"),
        ((GOOD, GOOD, (0.0, 1.0)), r"`spacing` must be the height and width of a pixel in mm, both above 0, got \(0.0"),
        ((GOOD, GOOD, (math.nan, 1.0)), "both above 0, got"),
        ((GOOD, GOOD, (1.0,)), "`spacing` must be the height and width"),
    ],
)
def test_masks_that_cannot_be_measured_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        boundary_distances(*arguments)


@pytest.mark.parametrize(
    ("pixels", "size", "fit", "message"),
    [
        (GOOD[:2], (4, 4), "stretch", r"`pixels` must have shape \(S, S\), got \(2, 4\)"),
        (GOOD, (0, 4), "stretch", r"`size` must be at least one pixel high and wide, got \(0, 4\)"),
        (GOOD, (4, 4), "crop", "`fit` must be 'stretch' or 'pad', got 'crop'"),
    ],
)
def test_what_cannot_be_restored_is_refused(pixels, size, fit, message):
    with pytest.raises(ValueError, match=message):
        restore(pixels, size, fit)


def test_void_pixels_belong_to_neither_mask():
    truth, prediction, void = (np.zeros((8, 8), bool) for _ in range(3))
    truth[2:6, 2:4] = prediction[2:6, 2:7] = True  # 3 columns too many, all but the first of them void
    void[:, 5:] = True
    assert boundary_distances(prediction, truth).hausdorff95 == 3
    assert boundary_distances(prediction, truth, void=void).hausdorff95 == 1
    assert boundary_distances(prediction, truth, void=truth).empty == "truth"
    with pytest.raises(ValueError, match="`void` too, got"):
        boundary_distances(prediction, truth, void=void[:4])
