import numpy as np
import pytest
import torch
from sklearn.metrics import multilabel_confusion_matrix

from dmf.tasks.segmentation.metrics import ConfusionCounts, class_counts, multilabel_counts

TARGET = torch.tensor([[[0, 0, 1], [1, 2, 2]], [[0, 0, 0], [0, 0, 0]]])
PREDICTION = torch.tensor([[[0, 1, 1], [1, 2, 0]], [[0, 0, 0], [0, 0, 1]]])


def test_counts_by_hand():
    # Image 1: class 0 right once, once missed, once invented; class 1 right twice, invented once; class 2 right once
    # and missed once.
    # Image 2: class 0 right five times, missed once; class 1 invented once; class 2 nowhere.
    expected = [[[1, 1, 1], [2, 1, 0], [1, 0, 1]], [[5, 0, 1], [0, 1, 0], [0, 0, 0]]]
    counts = class_counts(PREDICTION, TARGET, 3)
    assert counts.dtype == torch.int64
    assert counts.tolist() == expected


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_any_integer_type_counts_the_same(dtype):
    assert torch.equal(class_counts(PREDICTION.to(dtype), TARGET, 3), class_counts(PREDICTION, TARGET, 3))


def test_agrees_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.randint(4, (3, 16, 16), generator=generator) for _ in range(2))
    confusion = ConfusionCounts(4)
    confusion.update(prediction, target)
    theirs = multilabel_confusion_matrix(target.flatten().numpy(), prediction.flatten().numpy())  # [[TN, FP], [FN, TP]]
    np.testing.assert_array_equal(confusion.pooled.numpy(), theirs.reshape(4, 4)[:, [3, 1, 2]])
    np.testing.assert_array_equal(confusion.true_negatives.sum(0).numpy(), theirs[:, 0, 0])


def test_batches_keep_each_case_and_pool_to_the_same_as_one():
    parts = ConfusionCounts(3)
    for index in range(2):
        parts.update(PREDICTION[index : index + 1], TARGET[index : index + 1])
    whole = ConfusionCounts(3)
    assert torch.equal(whole.update(PREDICTION, TARGET), parts.per_case)
    assert torch.equal(whole.pooled, parts.pooled)
    assert parts.pixels == 6
    # Image 1 has 6 pixels: class 0 leaves 6 - 3, class 1 leaves 6 - 3, class 2 leaves 6 - 2.
    assert parts.true_negatives.tolist() == [[3, 3, 4], [0, 5, 6]]


@pytest.mark.parametrize("ignore", [255, 7])
def test_void_pixels_count_nowhere(ignore):
    # Of image 1 the last column is void: class 0 right once, missed once; class 1 right once, invented once; class 2
    # right once.
    target = TARGET.clone()
    target[0, :, 2] = ignore
    confusion = ConfusionCounts(3, ignore)
    counts = confusion.update(PREDICTION, target)
    assert counts[0].tolist() == [[1, 0, 1], [1, 1, 0], [1, 0, 0]]
    assert confusion.true_negatives[0].tolist() == [2, 2, 3]  # of four pixels


def test_a_volume_counts_as_its_slices_do_together():
    counts = class_counts(PREDICTION[None], TARGET[None], 3)
    assert torch.equal(counts[0], class_counts(PREDICTION, TARGET, 3).sum(0))


def test_void_is_refused_where_its_number_is_a_class():
    with pytest.raises(ValueError, match="`ignore` is 255, one of the 256 classes"):
        class_counts(PREDICTION, TARGET, 256)


@pytest.mark.parametrize(
    ("prediction", "target", "words"),
    [
        (PREDICTION[0], TARGET[0], r"shape \(B, H, W\), or .* got \(2, 3\)"),
        (PREDICTION[:1], TARGET, r"got \(1, 2, 3\) and \(2, 2, 3\). Take the argmax"),
        (PREDICTION.float(), TARGET, "`prediction` must hold class numbers .* got torch.float32"),
        (PREDICTION, TARGET.float(), "`target` must hold class numbers"),
    ],
)
def test_wrong_input_is_refused(prediction, target, words):
    with pytest.raises(ValueError, match=words):
        class_counts(prediction, target, 3)


def test_images_of_another_size_are_refused():
    confusion = ConfusionCounts(3)
    confusion.update(PREDICTION, TARGET)
    with pytest.raises(ValueError, match="Images of 4 pixels cannot be pooled with images of 6"):
        confusion.update(PREDICTION[:, :, :2], TARGET[:, :, :2])


def test_counts_of_two_processes_join_and_can_be_forgotten():
    whole, first, second = ConfusionCounts(3), ConfusionCounts(3), ConfusionCounts(3)
    whole.update(PREDICTION, TARGET)
    first.update(PREDICTION[:1], TARGET[:1])
    second.update(PREDICTION[1:], TARGET[1:])
    first.merge(second)
    first.merge(ConfusionCounts(3))
    assert torch.equal(first.per_case, whole.per_case)
    with pytest.raises(ValueError, match=r"Counts of 2 classes .* cannot join those of 3"):
        first.merge(ConfusionCounts(2))
    smaller = ConfusionCounts(3)
    smaller.update(PREDICTION[:, :1], TARGET[:, :1])
    with pytest.raises(ValueError, match="Images of 3 pixels cannot be pooled with images of 6"):
        first.merge(smaller)
    first.reset()
    first.merge(smaller)
    assert torch.equal(first.per_case, smaller.per_case)


def test_pixels_of_several_classes_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.randint(2, (2, 3, 8, 8), generator=generator) for _ in range(2))
    counts = multilabel_counts(prediction, target)
    rows = [labels.movedim(1, -1).reshape(-1, 3).numpy() for labels in (target, prediction)]
    theirs = multilabel_confusion_matrix(*rows)  # [[TN, FP], [FN, TP]]
    np.testing.assert_array_equal(counts.sum(0).numpy(), theirs.reshape(3, 4)[:, [3, 1, 2]])
    target[:, :, :4] = 255
    assert torch.equal(multilabel_counts(prediction, target), multilabel_counts(prediction[:, :, 4:], target[:, :, 4:]))
    for wrong, words in ((prediction[0], "Give each class a channel"), (prediction.float(), "Take a threshold")):
        with pytest.raises(ValueError, match=words):
            multilabel_counts(wrong, target)


def test_nothing_counted_is_refused():
    with pytest.raises(ValueError, match="No images were counted"):
        _ = ConfusionCounts(2).pooled
