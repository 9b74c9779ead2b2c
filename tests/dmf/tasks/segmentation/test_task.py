import cv2
import numpy as np
import pytest
import torch

from dmf.config import FusionConfig
from dmf.config_text import build
from dmf.data.batches import Batch
from dmf.errors import ConfigError
from dmf.tasks import SampleCase, Segmentation
from dmf.tasks.pictures import encode_png


@pytest.fixture
def task():
    return Segmentation(("background", "lesion"))


def batch(*truths, first=0):
    """Truths (H, W) of 0 and 1; the image is the truth at half brightness."""
    target = torch.tensor(truths, dtype=torch.int64)
    return Batch(target[:, None].float() / 2, target, torch.arange(first, first + len(truths)))


def decode(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def bright(images):
    """A network that finds whatever is bright."""
    return torch.cat((0.25 - images, images - 0.25), dim=1)


def everything(images):
    """A network that takes every pixel for a lesion."""
    return torch.cat((images * 0, images * 0 + 1), dim=1)


TRUTH = [[0, 1, 1, 0], [0, 0, 0, 0]]  # 2 of 8 pixels
EMPTY = [[0, 0, 0, 0], [0, 0, 0, 0]]


def test_a_perfect_network_scores_one(task):
    metrics = task.evaluate(bright, [batch(TRUTH, EMPTY)]).metrics
    for name in ("dice", "iou", "lesion_dice", "cb_dice"):
        assert metrics[name] == pytest.approx(1, abs=1e-6), name


def test_counts_are_kept_per_case_and_class(task):
    evaluation = task.evaluate(everything, [batch(TRUTH, EMPTY), batch(TRUTH, first=2)])
    # Of 8 pixels 2 are a lesion: background has 6 missed, lesion 2 found and 6 too many.
    of_truth, of_empty = [[0, 0, 6], [2, 6, 0]], [[0, 0, 8], [0, 8, 0]]
    np.testing.assert_array_equal(evaluation.counts, [of_truth, of_empty, of_truth])
    np.testing.assert_array_equal(evaluation.index, [0, 1, 2])
    # Pooled: 4 found, 20 too many, none missed: 2*4 / (2*4 + 20) = 8/28.
    assert evaluation.metrics["lesion_dice"] == pytest.approx(8 / 28)
    assert evaluation.metrics["dice/background"] == 0


def test_scores_over_batches_are_the_mean_of_each_batchs_own():
    task = Segmentation(("background", "lesion"), "zero", over="batch")
    metrics = task.evaluate(everything, [batch(TRUTH, EMPTY), batch(TRUTH, first=2)]).metrics
    # Of the first batch 2 found, 14 too many: 2*2 / (2*2 + 14) = 4/18; of the second 2 found, 6 too many: 4/10.
    assert metrics["lesion_dice"] == pytest.approx((4 / 18 + 4 / 10) / 2)
    # Precision 2/16 and 2/8, recall 1; the background has neither, so the means over both classes are half of that.
    f1 = [2 * (p / 2) * 0.5 / (p / 2 + 0.5) for p in (2 / 16, 2 / 8)]
    assert metrics["f1"] == pytest.approx(sum(f1) / 2)
    assert metrics["images"] == 3
    whole = Segmentation(("background", "lesion"), "zero").evaluate(everything, [batch(TRUTH, EMPTY, TRUTH)]).metrics
    assert metrics["lesion_dice_per_image"] == whole["lesion_dice_per_image"]
    assert "averaged over the batches" in Segmentation.score_note({"metrics_over": "batch"})
    assert "batches" not in Segmentation.score_note({})


def test_a_batch_in_which_a_score_does_not_exist_is_left_out_of_its_mean():
    task = Segmentation(("background", "lesion"), "ignore", over="batch")
    metrics = task.evaluate(bright, [batch(EMPTY), batch(TRUTH, first=1)]).metrics
    assert metrics["lesion_dice"] == pytest.approx(1, abs=1e-6)
    assert np.isnan(task.evaluate(bright, [batch(EMPTY)]).metrics["lesion_dice"])


def test_the_policy_for_absent_classes_is_the_tasks():
    scores = {}
    for absent in ("one", "zero"):
        task = Segmentation(("background", "lesion"), absent)
        scores[absent] = task.evaluate(bright, [batch(EMPTY)]).metrics["lesion_dice"]
    assert scores == {"one": 1.0, "zero": 0.0}


def test_void_pixels_count_in_no_score():
    task = Segmentation(("background", "lesion"), ignore=255)
    truth = [[0, 1, 1, 0], [255, 255, 255, 255]]
    half = batch(truth)
    half = Batch(torch.tensor(TRUTH)[None, None].float() / 2, half.target, half.index)
    half.input[0, 0, 1] = 0.5  # a lesion is found wherever it is void
    evaluation = task.evaluate(bright, [half])
    assert evaluation.counts.tolist() == [[[2, 0, 0], [2, 0, 0]]]
    assert evaluation.metrics["lesion_dice"] == evaluation.metrics["accuracy"] == pytest.approx(1)
    sample = SampleCase("c-1", half)
    assert task.predict_png(bright, sample)[1] == pytest.approx(1)
    np.testing.assert_array_equal(decode(task.target_png(sample)), truth)


def test_a_picture_of_nothing_where_nothing_is_has_no_dice(task):
    assert task.predict_png(bright, SampleCase("c-1", batch(EMPTY)))[1] is None
    assert Segmentation(("background", "lesion"), "one").predict_png(bright, SampleCase("c-1", batch(EMPTY)))[1] == 1


def test_the_headline_is_a_metric(task):
    assert task.headline in task.evaluate(bright, [batch(TRUTH)]).metrics


def test_pictures_show_image_truth_and_prediction(task):
    sample = SampleCase("c-1", batch(TRUTH))
    np.testing.assert_array_equal(decode(task.target_png(sample)), TRUTH)
    np.testing.assert_array_equal(decode(task.input_png(sample)), np.array(TRUTH) * 128)  # 127.5 rounds to even
    png, dice = task.predict_png(everything, sample)
    np.testing.assert_array_equal(decode(png), np.ones((2, 4)))
    assert dice == pytest.approx(2 * 2 / (2 * 2 + 6))


def test_a_colour_image_keeps_its_channels(task):
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0] = 1  # red
    sample = SampleCase("c-1", Batch(image, torch.zeros(1, 2, 2, dtype=torch.int64), torch.tensor([0])))
    picture = decode(task.input_png(sample))  # BGR, as OpenCV reads
    np.testing.assert_array_equal(picture[0, 0], [0, 0, 255])


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_a_png_gives_back_every_pixel(shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(decode(encode_png(image)), image)
    np.testing.assert_array_equal(decode(encode_png(image[::-1])), image[::-1])


def lesion_bits(logits, task):
    """What is stored of the probabilities for logits (1, C, H, W), as a network gives them."""
    images = torch.zeros(1, 1, *logits.shape[2:])
    (pixels,) = task.kept(lambda _: logits, [Batch(images, images[:, 0].long(), torch.tensor([0]))])
    return pixels


def test_probabilities_are_those_of_softmax_in_255ths(task):
    # Logits 0 and ln 3: 3/4, so 191.25; 0 and -ln 3: 1/4, so 63.75; far apart: all or nothing.
    odds = torch.tensor([3.0, 1 / 3, 1e9, 1e-9]).log()
    pixels = lesion_bits(torch.stack((odds * 0, odds))[None, :, None], task)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, [[[191, 64, 255, 0]]])


def test_a_pixel_is_stored_above_one_half_exactly_where_the_network_decides_for_the_lesion(task):
    # 1e-9 apart softmax gives one half either way; at a tie argmax takes the background.
    lesion = torch.tensor([1e-9, -1e-9, 0.0, 0.01, -0.01])
    logits = torch.stack((lesion * 0, lesion))[None, :, None]
    np.testing.assert_array_equal(lesion_bits(logits, task), [[[128, 127, 127, 128, 127]]])


def test_all_classes_but_the_background_are_stored_for_every_image():
    task = Segmentation(("background", "cyst", "benign"))
    logits = torch.tensor([2.0, 1.0, 1.0]).log()[None, :, None, None].expand(2, 3, 1, 1)  # 1/2, 1/4, 1/4
    images = torch.zeros(2, 1, 1, 1)
    batch = Batch(images, images[:, 0].long(), torch.arange(2))
    np.testing.assert_array_equal(list(task.kept(lambda _: logits, [batch, batch])), [[[[64]], [[64]]]] * 4)


def test_logits_that_are_no_numbers_are_stored_as_nothing_found(task):
    assert (lesion_bits(torch.full((1, 2, 2, 2), torch.nan), task) == 0).all()


@pytest.mark.parametrize("fusion", [{"terms": ["ce", "unified-focal,rare=3"]}, {"auxiliary": "combo,rare=0:1"}])
def test_a_rare_class_that_does_not_exist_is_refused_before_the_first_step(fusion):
    with pytest.raises(ConfigError, match="Name some of them, not all") as caught:
        Segmentation(["background", "lesion"]).bank(build(FusionConfig, fusion))
    assert caught.value.field == "rare"
    Segmentation(["background", "a", "b", "c"]).bank(build(FusionConfig, fusion))
