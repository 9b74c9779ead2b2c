import pytest
import torch
import torch.nn.functional as F

from dmf.errors import ConfigError
from dmf.tasks.segmentation.losses import Prediction

LOGITS = torch.zeros(2, 3, 4, 5)
TARGET = torch.zeros(2, 4, 5, dtype=torch.int64)


def test_counts_by_hand(two_pixels):
    prediction = two_pixels()
    # Pixel 1 is class 1 with p = (0.25, 0.75); pixel 2 is class 0 with p = (0.8, 0.2).
    torch.testing.assert_close(prediction.tp, torch.tensor([[0.8, 0.75]], dtype=torch.float64))
    torch.testing.assert_close(prediction.predicted, torch.tensor([[1.05, 0.95]], dtype=torch.float64))
    torch.testing.assert_close(prediction.actual, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(prediction.fp, torch.tensor([[0.25, 0.2]], dtype=torch.float64))
    torch.testing.assert_close(prediction.fn, torch.tensor([[0.2, 0.25]], dtype=torch.float64))
    torch.testing.assert_close(prediction.log_prob_true.exp(), torch.tensor([[[0.75, 0.8]]], dtype=torch.float64))
    assert (prediction.classes, prediction.pixels) == (2, 2)


def test_hard_counts_are_those_of_the_most_likely_class_and_have_no_gradient(two_pixels):
    prediction = two_pixels("hard")
    assert prediction.tp.tolist() == [[1, 1]]
    assert prediction.predicted.tolist() == [[1, 1]]
    assert not prediction.tp.requires_grad
    assert prediction.log_prob_true.requires_grad


def test_counts_are_kept_per_image_and_summed_over_the_batch():
    target = TARGET.clone()
    target[1] = 2
    prediction = Prediction(LOGITS, target)
    assert prediction.actual.tolist() == [[20, 0, 0], [0, 0, 20]]
    assert prediction.batch_actual.tolist() == [20, 0, 20]
    torch.testing.assert_close(prediction.batch_predicted, torch.full((3,), 40 / 3))
    torch.testing.assert_close(prediction.batch_tp, torch.tensor([20 / 3, 0, 20 / 3]))


def test_each_statistic_is_computed_once():
    prediction = Prediction(LOGITS, TARGET)
    assert prediction.probs is prediction.probs
    assert prediction.tp is prediction.tp


@pytest.mark.parametrize("counts", ["soft", "hard"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_counts_of_half_precision_logits_do_not_overflow(counts, dtype):
    # 512 x 512 = 262,144 pixels, four times the largest float16; every logit says class 1 with p = 0.5 or more.
    logits = torch.zeros(1, 2, 512, 512, dtype=dtype)
    logits[:, 1] = 20
    prediction = Prediction(logits, torch.ones(1, 512, 512, dtype=torch.int64), counts=counts)
    assert prediction.tp.dtype == torch.float32
    torch.testing.assert_close(prediction.tp, torch.tensor([[0.0, 262144.0]]))


def test_extreme_logits_stay_finite():
    logits = torch.tensor([1e4, -1e4]).reshape(1, 2, 1, 1).requires_grad_()
    prediction = Prediction(logits, torch.ones(1, 1, 1, dtype=torch.int64))
    assert prediction.log_prob_true.item() == pytest.approx(-2e4)
    (prediction.log_prob_true.sum() + prediction.tp.sum()).backward()
    assert logits.grad.isfinite().all()


def test_gradient_of_every_statistic_agrees_with_finite_differences():
    target = torch.randint(3, (2, 3, 2), generator=torch.Generator().manual_seed(0))

    def statistics(logits):
        prediction = Prediction(logits, target)
        return prediction.log_prob_true, prediction.tp, prediction.predicted

    logits = torch.randn(2, 3, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(statistics, logits)


def test_memory_format_does_not_change_the_counts():
    logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    last = Prediction(logits.contiguous(memory_format=torch.channels_last), TARGET)
    torch.testing.assert_close(last.tp, Prediction(logits, TARGET).tp)


@pytest.mark.parametrize(
    ("logits", "target", "words"),
    [
        (LOGITS[0], TARGET, r"\(B, C, H, W\), or .* for volumes, and C >= 2, got torch.float32 \(3, 4, 5\)"),
        (LOGITS[:, :1], TARGET, "one output channel needs a second one"),
        (LOGITS.long(), TARGET, "must be floating"),
        (LOGITS, TARGET[:, None], r"\(B, H, W\) = \(2, 4, 5\) to match `logits`, got \(2, 1, 4, 5\)"),
        (LOGITS, TARGET.float(), r"int64, got torch.float32. Convert it with .long\(\)"),
        (LOGITS, TARGET.to("meta"), "`target` is on meta, `logits` on cpu"),
        (LOGITS[:0], TARGET[:0], "has no pixels"),
    ],
)
def test_wrong_input_is_refused(logits, target, words):
    with pytest.raises(ConfigError, match=words):
        Prediction(logits, target)


def test_void_is_none_where_there_is_no_void_pixel_or_none_is_looked_for():
    assert Prediction(LOGITS, TARGET).void is None
    target = TARGET.clone()
    target[0, 0, 0] = 255
    assert Prediction(LOGITS, target, ignore=None).void is None
    assert Prediction(LOGITS, target).void.sum() == 1


def test_any_number_can_be_void_that_of_a_class_too():
    target = TARGET.clone()
    target[:, :2] = 1
    prediction = Prediction(LOGITS, target, ignore=0)
    assert prediction.actual.tolist() == [[0, 10, 0]] * 2
    torch.testing.assert_close(prediction.predicted, torch.full((2, 3), 10 / 3))


def test_void_is_refused_where_its_number_is_a_class():
    with pytest.raises(ConfigError, match=r"`ignore` is 255, which is one of the 256 classes\. Pass ignore=None"):
        Prediction(torch.zeros(1, 256, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int64))


def test_a_masked_class_leaves_the_log_probability_of_the_others_as_torch_has_it():
    logits = torch.tensor([[0.3, 1.0, -torch.inf], [-torch.inf, 0.0, 2.0]]).T.reshape(1, 3, 1, 2).requires_grad_()
    target = torch.tensor([[[0, 1]]])
    ours, theirs = -Prediction(logits, target).log_prob_true, F.cross_entropy(logits, target, reduction="none")
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(value.mean(), logits)[0] for value in (ours, theirs)]
    torch.testing.assert_close(*gradients)


def test_a_true_class_that_is_masked_has_no_probability_and_a_nan_is_not_hidden():
    logits = torch.tensor([[-torch.inf, torch.nan], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    first, second = Prediction(logits, torch.tensor([[[0, 1]]])).log_prob_true.flatten()
    assert first == -torch.inf
    assert second.isnan()


def test_unknown_counts_are_refused():
    with pytest.raises(ConfigError, match="'soft' or 'hard', got 'firm'") as caught:
        Prediction(LOGITS, TARGET, counts="firm")
    assert caught.value.field == "loss_counts"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_losses_and_counts_do_not_sync_with_the_device():
    from dmf.config import FusionConfig
    from dmf.tasks.segmentation.losses import build_bank
    from dmf.tasks.segmentation.metrics.confusion import class_counts

    config = FusionConfig(terms=("ce", "iou", "dice", "focal", "tversky"), cb_ratios="dataset")
    bank = build_bank(config, class_ratios=(0.9, 0.1)).cuda()
    logits = torch.randn(2, 2, 32, 32, device="cuda", requires_grad=True)
    target = torch.randint(2, (2, 32, 32), device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        parts = bank(logits, target)
        (parts.terms.sum() + parts.auxiliary).backward()
        class_counts(logits.argmax(1), target, 2)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert logits.grad.isfinite().all()
