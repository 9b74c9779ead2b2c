"""The contract of every loss, and the factories."""

import math

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F

import dmf.tasks.segmentation.losses
from dmf.config import NOTEBOOK, FusionConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.tasks.segmentation.losses import (
    LOSSES,
    CBDice,
    CrossEntropy,
    Focal,
    MeanDice,
    MeanIoU,
    Prediction,
    Tversky,
    build_bank,
    build_loss,
)

OVERLAP = ("iou", "dice", "tversky", "cb-dice", "focal-tversky")


def random_step(batch=2, classes=3, size=8, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, classes, size, size, generator=generator, dtype=dtype).requires_grad_()
    return logits, torch.randint(classes, (batch, size, size), generator=generator)


def assert_finite_with_gradient(loss, logits, target):
    value = loss(Prediction(logits, target))
    assert value.shape == ()
    assert value.isfinite()
    assert value > -1e-6
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("batch", [1, 3])
def test_is_a_finite_scalar_whose_gradient_reaches_the_logits(name, classes, batch):
    assert_finite_with_gradient(LOSSES.build(name), *random_step(batch, classes))


@pytest.mark.parametrize("name", LOSSES)
def test_survives_an_empty_mask_and_an_absent_class(name):
    logits, target = random_step()
    assert_finite_with_gradient(LOSSES.build(name), logits, torch.zeros_like(target))
    assert_finite_with_gradient(LOSSES.build(name), logits, target.clamp(max=1))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("classes", [2, 3])
def test_gradient_agrees_with_finite_differences(name, classes):
    logits, target = random_step(2, classes, 3, torch.float64)
    loss = LOSSES.build(name)
    assert torch.autograd.gradcheck(lambda x: loss(Prediction(x, target)), logits)


@pytest.mark.parametrize("name", LOSSES)
def test_a_better_prediction_costs_less(name):
    logits, target = random_step()
    better = logits + F.one_hot(target, 3).movedim(-1, 1)
    loss = LOSSES.build(name)
    assert loss(Prediction(better, target)) < loss(Prediction(logits, target))


@pytest.mark.parametrize("name", LOSSES)
def test_hard_counts_take_the_gradient_of_overlap_losses_only(name):
    value = LOSSES.build(name)(Prediction(*random_step(), counts="hard"))
    assert value.requires_grad == (name not in OVERLAP)
    assert LOSSES[name].uses_counts == (name in OVERLAP)


@pytest.mark.parametrize("name", LOSSES)
def test_is_float32_under_autocast(name):
    weight = torch.ones(3, 3, 1, 1, requires_grad=True)
    logits, target = random_step()
    with torch.autocast("cpu", torch.bfloat16):
        output = F.conv2d(logits, weight)
        value = LOSSES.build(name)(Prediction(output, target))
    assert output.dtype == torch.bfloat16
    assert value.dtype == torch.float32
    value.backward()
    assert weight.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_does_not_change_with_the_order_of_images(name):
    logits, target = random_step(3)
    loss = LOSSES.build(name)
    torch.testing.assert_close(loss(Prediction(logits, target)), loss(Prediction(logits.flip(0), target.flip(0))))


class TestVoidPixels:
    @pytest.mark.parametrize("counts", ["soft", "hard"])
    @pytest.mark.parametrize("name", LOSSES)
    def test_losses_are_those_of_the_other_pixels_whatever_is_predicted_there(self, name, counts):
        logits, target = random_step(size=8, dtype=torch.float64)
        target[:, 4:] = 255
        with torch.no_grad():
            logits[:, :, 4:] = torch.nan
        loss = LOSSES.build(name)
        value = loss(Prediction(logits, target, counts=counts))
        rest = loss(Prediction(logits[:, :, :4], target[:, :4], counts=counts))
        torch.testing.assert_close(value, rest, rtol=1e-12, atol=0)

    @pytest.mark.parametrize("name", LOSSES)
    def test_no_gradient_reaches_them(self, name):
        logits, target = random_step()
        target[:, :, 5:] = 255
        (gradient,) = torch.autograd.grad(LOSSES.build(name)(Prediction(logits, target)), logits)
        assert not gradient[..., 5:].any()
        assert gradient[..., :5].any()

    @pytest.mark.parametrize("name", ["iou", "dice", "tversky", "cb-dice"])
    @pytest.mark.parametrize("share", [0.25, 0.5])
    def test_a_perfect_network_costs_nothing_whatever_part_is_void(self, name, share):
        target = torch.randint(2, (2, 8, 8), generator=torch.Generator().manual_seed(0))
        logits = F.one_hot(target, 2).movedim(-1, 1) * 40.0
        target[:, : int(share * 8)] = 255
        assert LOSSES.build(name)(Prediction(logits, target)).item() == pytest.approx(0, abs=1e-6)

    def test_an_undecided_network_costs_ln_2(self):
        target = torch.tensor([[[0, 1], [255, 255]]])
        assert LOSSES.build("ce")(Prediction(torch.zeros(1, 2, 2, 2), target)).item() == pytest.approx(math.log(2))

    def test_cross_entropy_is_the_mean_of_torch_over_the_others(self):
        logits, target = random_step()
        target[torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.25] = 255
        ours = LOSSES.build("ce")(Prediction(logits, target))
        torch.testing.assert_close(ours, F.cross_entropy(logits, target, ignore_index=255))

    @pytest.mark.parametrize("name", LOSSES)
    def test_where_everything_is_void_nothing_is_learned(self, name):
        logits, target = random_step()
        value = LOSSES.build(name)(Prediction(logits, torch.full_like(target, 255)))
        assert value == 0
        (gradient,) = torch.autograd.grad(value, logits)
        assert not gradient.any()

    @pytest.mark.parametrize("name", LOSSES)
    def test_without_any_the_value_and_gradient_are_the_same_to_the_bit(self, name):
        logits, target = random_step()
        looked, plain = (LOSSES.build(name)(Prediction(logits, target, ignore=ignore)) for ignore in (255, None))
        assert looked == plain
        assert torch.equal(*(torch.autograd.grad(value, logits)[0] for value in (looked, plain)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_volume_costs_what_its_slices_cost_together(name):
    logits, target = random_step(2, 3, 4, torch.float64)
    volume = Prediction(logits.reshape(1, 2, 3, 4, 4).transpose(1, 2), target[None])
    flat = Prediction(torch.cat(logits.unbind(), 1)[None], torch.cat(target.unbind(), 0)[None])  # one tall image
    loss = LOSSES.build(name)
    torch.testing.assert_close(loss(volume), loss(flat))


class TestAgreesWithSegmentationModelsPytorch:
    """Every class must be present: smp leaves absent classes out of its overlap losses, the paper does not."""

    @pytest.fixture(params=[2, 3])
    def step(self, request):
        return random_step(classes=request.param, size=16)

    def test_cross_entropy(self, step):
        ours = LOSSES.build("ce")(Prediction(*step))
        torch.testing.assert_close(ours, smp.losses.SoftCrossEntropyLoss(smooth_factor=0.0)(*step))

    def test_dice(self, step):
        # smp writes (TP + s) / (TP + FP/2 + FN/2 + s), so its smoothing is half of ours.
        ours = MeanDice(smooth=1)(Prediction(*step))
        torch.testing.assert_close(ours, smp.losses.DiceLoss("multiclass", smooth=0.5)(*step))

    def test_iou(self, step):
        ours = MeanIoU(smooth=1)(Prediction(*step))
        torch.testing.assert_close(ours, smp.losses.JaccardLoss("multiclass", smooth=1)(*step))

    def test_tversky(self, step):
        # smp calls the penalty of false positives alpha and that of false negatives beta.
        ours = Tversky(fp_weight=0.3, fn_weight=0.7, smooth=1)(Prediction(*step))
        theirs = smp.losses.TverskyLoss("multiclass", alpha=0.3, beta=0.7, smooth=1)
        torch.testing.assert_close(ours, theirs(*step))

    def test_focal(self):
        # smp's multiclass focal loss is one sigmoid against the rest per class. Its binary one, on the difference
        # of the two logits and without alpha, is the two-class softmax focal loss.
        logits, target = random_step(classes=2, size=16)
        ours = Focal(gamma=2, alpha=1)(Prediction(logits, target))
        theirs = smp.losses.FocalLoss("binary", alpha=None, gamma=2)
        torch.testing.assert_close(ours, theirs(logits[:, 1] - logits[:, 0], target))

    def test_focal_of_any_number_of_classes(self, step):
        from segmentation_models_pytorch.losses._functional import softmax_focal_loss_with_logits

        ours = Focal(gamma=2, alpha=1)(Prediction(*step))
        torch.testing.assert_close(ours, softmax_focal_loss_with_logits(*step, gamma=2))


class TestOptionsThatOtherLibrariesHave:
    """Each against the library that has it, with void pixels among the others."""

    WEIGHTS = (1.0, 2.0, 0.5)

    @pytest.fixture
    def step(self):
        logits, target = random_step(dtype=torch.float64)
        return logits, target.clone().index_fill_(1, torch.tensor([0, 1]), 255)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_weights_and_smoothing_of_cross_entropy(self, step, weights, smoothing):
        ours = CrossEntropy(weights, smoothing)(Prediction(*step))
        theirs = torch.tensor(weights, dtype=torch.float64) if weights else None
        expected = F.cross_entropy(*step, theirs, ignore_index=255, label_smoothing=smoothing)
        torch.testing.assert_close(ours, expected)

    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_soft_labels(self, step, weights):
        logits = step[0]
        labels = torch.rand(logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).softmax(1)
        prediction = Prediction(logits, labels)
        torch.testing.assert_close(CrossEntropy()(prediction), F.cross_entropy(logits, labels))
        # Of one-hot labels every loss is that of their class numbers.
        target = step[1].clamp(max=2)
        onehot = F.one_hot(target, 3).movedim(-1, 1).double()
        for name in LOSSES:
            loss = LOSSES.build(name)
            torch.testing.assert_close(loss(Prediction(logits, onehot)), loss(Prediction(logits, target)))
        weighted = CrossEntropy(weights)
        torch.testing.assert_close(weighted(Prediction(logits, onehot)), weighted(Prediction(logits, target)))

    def test_each_channel_a_class_of_its_own(self):
        logits, _ = random_step(dtype=torch.float64)
        labels = torch.rand(logits.shape, generator=torch.Generator().manual_seed(2)) < 0.4
        prediction = Prediction(logits, labels, activation="sigmoid")
        expected = F.binary_cross_entropy_with_logits(logits, labels.double())
        torch.testing.assert_close(CrossEntropy()(prediction), expected)
        for ours, theirs in (
            (MeanDice(smooth=0), smp.losses.DiceLoss("multilabel")),
            (MeanIoU(smooth=0), smp.losses.JaccardLoss("multilabel")),
            (Focal(gamma=2, alpha=1), smp.losses.FocalLoss("multilabel", gamma=2.0)),
        ):
            torch.testing.assert_close(ours(prediction), theirs(logits, labels.double()))

    @pytest.mark.parametrize("name", LOSSES)
    def test_void_pixels_of_one_channel_count_nowhere(self, name):
        logits, target = random_step(classes=1)
        target[:, 3:] = 255
        loss = LOSSES.build(name)
        value = loss(Prediction(logits, target, activation="sigmoid"))
        rest = loss(Prediction(logits[:, :, :3], target[:, :3], activation="sigmoid"))
        torch.testing.assert_close(value, rest)
        (gradient,) = torch.autograd.grad(value + 0 * logits.sum(), logits)
        assert not gradient[:, :, 3:].any()

    def test_hard_counts_of_a_channel_are_those_above_one_half(self):
        logits = torch.tensor([[[[-1.0, 0.5, 2.0]]]])
        prediction = Prediction(logits, torch.tensor([[[0, 1, 0]]]), counts="hard", activation="sigmoid")
        assert (prediction.tp.item(), prediction.fp.item(), prediction.fn.item()) == (1, 1, 0)

    @pytest.mark.parametrize("loss", [MeanDice, MeanIoU, Tversky])
    def test_classes_are_weighed_and_the_background_left_out(self, loss, step):
        prediction = Prediction(*step)
        ratios = [1 - loss(class_weights=row)(prediction) for row in torch.eye(3).tolist()]
        weighed = sum(weight * ratio for weight, ratio in zip(self.WEIGHTS, ratios, strict=True)) / sum(self.WEIGHTS)
        torch.testing.assert_close(loss(class_weights=self.WEIGHTS)(prediction), 1 - weighed)
        torch.testing.assert_close(loss(background=False)(prediction), 1 - (ratios[1] + ratios[2]) / 2)

    @pytest.mark.parametrize("loss", [MeanDice, MeanIoU, Tversky])
    def test_ratios_of_each_image_are_averaged(self, loss, step):
        logits, target = step
        images = [loss()(Prediction(logits[i : i + 1], target[i : i + 1])) for i in range(2)]
        torch.testing.assert_close(loss(per_image=True)(Prediction(logits, target)), sum(images) / 2)

    @pytest.mark.parametrize(
        ("build", "words"),
        [
            (lambda: CrossEntropy(label_smoothing=1.5), "`label_smoothing` must be from 0 to 1"),
            (lambda: CrossEntropy([-1.0, 2.0]), "`class_weights` must be one number of at least 0 per class"),
            (lambda: MeanDice(class_weights=[0.0, 0.0]), "not all 0"),
            (lambda: MeanDice(class_weights=[1.0])(Prediction(*random_step())), "has 1 weights but there are 3"),
            (lambda: CrossEntropy([1.0])(Prediction(*random_step())), "has 1 weights but there are 3"),
            (lambda: Prediction(*random_step(), activation="relu"), "'softmax' or 'sigmoid', got 'relu'"),
            (lambda: Prediction(*random_step(), activation="sigmoid"), "a channel per class"),
            (
                lambda: MeanIoU(background=False)(Prediction(*random_step(classes=1), activation="sigmoid")),
                "no class is left",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, build, words):
        with pytest.raises(ConfigError, match=words):
            build()


class TestFactories:
    def test_every_option_is_taken_from_the_configuration(self):
        config = FusionConfig(
            smooth=1,
            fp_weight=0.7,
            fn_weight=0.2,
            focal_gamma=3,
            focal_alpha=0.5,
            cb_weights="inverse",
            cb_ratios="batch",
        )
        assert build_loss("iou", config).smooth == build_loss("dice", config).smooth == 1
        tversky = build_loss("tversky", config)
        assert (tversky.fp_weight, tversky.fn_weight, tversky.smooth) == (0.7, 0.2, 1)
        focal = build_loss("focal", config)
        assert (focal.gamma, focal.alpha) == (3, 0.5)
        balanced = build_loss("cb-dice", config)
        assert (balanced.cb_weights, balanced.cb_ratios, balanced.smooth) == ("inverse", "batch", 1)

    @pytest.mark.parametrize("name", LOSSES)
    def test_defaults_of_configuration_and_loss_are_the_same(self, name):
        built, plain = build_loss(name, FusionConfig()), LOSSES.build(name)
        assert type(built) is type(plain)
        step = random_step()
        assert built(Prediction(*step)) == plain(Prediction(*step))

    def test_a_bank_has_the_terms_and_auxiliary_of_the_configuration(self):
        bank = build_bank(FusionConfig(terms=("dice", "ce"), auxiliary="tversky"))
        assert bank.names == ("dice", "ce")
        assert isinstance(bank.terms[0], MeanDice)
        assert isinstance(bank.auxiliary, Tversky)
        assert build_bank(FusionConfig(auxiliary="none")).auxiliary is None

    def test_shares_of_the_dataset_reach_the_loss(self):
        bank = build_bank(FusionConfig(cb_ratios="dataset"), class_ratios=(0.9, 0.1))
        assert isinstance(bank.auxiliary, CBDice)
        assert bank.auxiliary.class_ratios.tolist() == [0.9, 0.1]

    def test_shares_of_the_dataset_must_be_given(self):
        with pytest.raises(ConfigError, match="needs `class_ratios`"):
            build_bank(FusionConfig(cb_ratios="dataset"))

    @pytest.mark.parametrize(
        ("config", "field", "words"),
        [
            (FusionConfig(terms=("ce", "dise")), "terms", "Unknown loss 'dise'. .* Did you mean 'dice'?"),
            (
                FusionConfig(auxiliary="cbdice"),
                "auxiliary",
                "Unknown loss 'cbdice'. Choose one of: none, ce, .*'cb-dice'",
            ),
        ],
    )
    def test_an_unknown_name_is_refused(self, config, field, words):
        with pytest.raises(UnknownNameError, match=words) as caught:
            build_bank(config)
        assert caught.value.field == field

    def test_hard_counts_that_leave_nothing_to_learn_from_are_refused(self):
        with pytest.raises(ConfigError, match="leaves iou, dice, cb-dice without gradient") as caught:
            build_bank(FusionConfig(terms=("iou", "dice"), loss_counts="hard"))
        assert caught.value.field == "loss_counts"

    @pytest.mark.parametrize("options", [{"auxiliary": "focal"}, {"terms": ("ce", "iou")}])
    def test_hard_counts_beside_a_loss_with_gradient_are_allowed(self, options):
        config = FusionConfig(**{"terms": ("iou", "dice"), "loss_counts": "hard"} | options)
        assert build_bank(config).counts == "hard"

    def test_the_focal_loss_of_precisions_has_no_gradient_of_hard_counts_either(self):
        with pytest.raises(ConfigError, match="leaves iou, focal without gradient"):
            build_bank(FusionConfig(terms=("iou", "focal"), auxiliary="none", loss_counts="hard", focal_of="precision"))

    def test_the_notebook_preset_builds_and_trains_through_cross_entropy(self):
        logits, target = random_step()
        parts = build_bank(FusionConfig(**NOTEBOOK))(logits, target)
        assert parts.terms.requires_grad
        assert not parts.auxiliary.requires_grad


def test_all_names_what_can_be_imported():
    assert all(hasattr(dmf.tasks.segmentation.losses, name) for name in dmf.tasks.segmentation.losses.__all__)


def test_gradients_add_up_as_they_always_did():
    # What losses share gets its gradient in the order in which they were computed; another order is another last bit.
    logits = torch.randn(4, 16, 24, 24, generator=torch.Generator().manual_seed(0))
    target = torch.randint(16, (4, 24, 24), generator=torch.Generator().manual_seed(1))
    found = []
    for written_out in (False, True):
        leaf = logits.clone().requires_grad_()
        shared = Prediction(leaf, target)
        if written_out:
            tp, predicted, actual = shared.batch_tp, shared.batch_predicted, shared.batch_actual
            union = predicted + actual - tp
            iou = 1 - ((tp + 1e-6) / (union + 1e-6)).mean()
            dice = 1 - ((2 * tp + 1e-6) / (predicted + actual + 1e-6)).mean()
        else:
            iou, dice = MeanIoU()(shared), MeanDice()(shared)
        (iou / 3 + dice / 3).backward()
        found.append(leaf.grad)
    assert torch.equal(*found)
