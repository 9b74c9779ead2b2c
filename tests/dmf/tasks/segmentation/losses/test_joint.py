"""Losses computed together are those computed one by one, and so are their slopes, and the slopes of these."""

import gc
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from dmf.tasks.segmentation.losses import (
    CBDice,
    CrossEntropy,
    Focal,
    LossBank,
    MeanDice,
    MeanIoU,
    Prediction,
    Tversky,
    UnifiedFocal,
)

FIVE = {
    "ce": CrossEntropy(),
    "iou": MeanIoU(),
    "dice": MeanDice(smooth=1.0),
    "tversky": Tversky(0.4, 0.9),
    "focal": Focal(),
}


def step(
    classes: int = 2, *, size: Sequence[int] = (6, 5), dtype: torch.dtype = torch.float64, scale: float = 2.0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    logits = scale * torch.randn(3, classes, *size, generator=generator, dtype=dtype)
    return logits.requires_grad_(), torch.randint(classes, (3, *size), generator=generator)


def one_by_one(bank: LossBank, logits: Tensor, target: Tensor) -> Tensor:
    """The terms and the auxiliary loss (K + 1,), each of a prediction of its own."""
    losses = [*bank.terms, *([] if bank.auxiliary is None else [bank.auxiliary])]
    return torch.stack([loss(Prediction(logits, target, ignore=bank.ignore)) for loss in losses])


def together(bank: LossBank, logits: Tensor, target: Tensor) -> Tensor:
    parts = bank(logits, target)
    return torch.cat((parts.terms, parts.auxiliary[None])) if parts.auxiliary is not None else parts.terms


def are_joint(value: Tensor) -> bool:
    """Whether the function that computes losses together is in the graph of ``value``."""
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [parent for parent, _ in node.next_functions]
    return any(type(node).__name__ == "_JointBackward" for node in seen)


def compare(bank: LossBank, logits: Tensor, target: Tensor) -> None:
    """Values, and the gradient of a weighted sum, agree to rounding."""
    ours, expected = together(bank, logits, target), one_by_one(bank, logits, target)
    assert are_joint(ours)
    torch.testing.assert_close(ours, expected)
    weights = torch.linspace(0.3, 1.1, len(ours), dtype=ours.dtype)
    slopes = [torch.autograd.grad((value * weights).sum(), logits)[0] for value in (ours, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("auxiliary", [None, CBDice(), CBDice(cb_ratios="batch"), MeanDice(per_image=True)])
@pytest.mark.parametrize("classes", [2, 4])
def test_values_and_gradients_are_those_of_each_loss_alone(classes, auxiliary, dtype):
    compare(LossBank(FIVE, auxiliary), *step(classes, dtype=dtype))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("classes", [2, 3])
def test_any_power_discounts(classes, power):
    compare(LossBank({"ce": CrossEntropy(), "focal": Focal(power, 0.7), "other": Focal(1.5)}), *step(classes))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", FIVE)
def test_each_may_stand_alone(name, classes):
    compare(LossBank({name: FIVE[name]}), *step(classes))


@pytest.mark.parametrize("classes", [2, 3])
def test_volumes_and_channels_last_are_read_as_they_lie(classes):
    compare(LossBank(FIVE, CBDice()), *step(classes, size=(3, 4, 2)))
    logits, target = step(classes)
    last = logits.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    compare(LossBank(FIVE, CBDice()), last, target)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("present", [0, 1])
def test_one_class_may_fill_all_images_and_be_predicted_well(classes, present):
    logits, target = step(classes, dtype=torch.float32, scale=0.1)
    target.fill_(present)
    with torch.no_grad():
        logits[:, present] += 17  # absent classes have a probability of 4e-8 in each pixel
    compare(LossBank(FIVE, CBDice()), logits, target)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_that_is_hardly_predicted_keeps_its_precision(classes):
    logits, target = step(classes, dtype=torch.float32, scale=0.1)
    with torch.no_grad():
        logits[:, 1] -= 14
    bank = LossBank({"tversky": Tversky(1.0, 0.0, smooth=0.0), "focal": Focal(of="precision")})
    compare(bank, logits, target)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("size", [60.0, 1e4])
def test_extreme_logits_stay_finite_with_their_gradient(classes, size):
    logits, target = step(classes, dtype=torch.float32)
    with torch.no_grad():
        logits.copy_(logits.sign() * size)
    parts = LossBank({**FIVE, "root": Focal(0.5)}, CBDice())(logits, target)
    assert parts.terms.isfinite().all()
    (slope,) = torch.autograd.grad(parts.terms.sum() + parts.auxiliary, logits)
    assert slope.isfinite().all()
    compare(LossBank(FIVE), logits, target)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_masked_class_is_as_torch_has_it_and_a_nan_is_not_hidden(classes):
    logits, target = step(classes)
    masked = logits.detach().clone()
    masked[:, 1] = -torch.inf
    bank = LossBank({"ce": CrossEntropy()})
    torch.testing.assert_close(together(bank, masked, target * 0), one_by_one(bank, masked, target * 0))
    assert together(bank, masked, target * 0 + 1).item() == torch.inf
    masked[0, 0, 0] = torch.nan
    assert together(bank, masked, target).isnan()


@pytest.mark.parametrize("classes", [2, 3])
def test_slopes_and_their_slopes_agree_with_finite_differences(classes):
    logits, target = step(classes, size=(2, 2), scale=1.0)
    bank = LossBank({**FIVE, "root": Focal(0.5)}, CBDice())
    assert torch.autograd.gradcheck(lambda x: together(bank, x, target), logits)
    assert torch.autograd.gradgradcheck(lambda x: together(bank, x, target), logits)


def test_the_slope_of_one_loss_is_that_of_no_other():
    logits, target = step()
    terms = LossBank(FIVE)(logits, target).terms
    for value, loss in zip(terms, FIVE.values(), strict=True):
        (slope,) = torch.autograd.grad(value, logits, retain_graph=True)
        (expected,) = torch.autograd.grad(loss(Prediction(logits, target)), logits)
        torch.testing.assert_close(slope, expected)


class MyDice(MeanDice):
    """A class of someone's own, which changes what it inherits."""

    def ratio(self, tp: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return tp / predicted


@pytest.mark.parametrize(
    "loss",
    [
        *(MyDice(), MeanDice(class_weights=[1.0, 3.0]), MeanIoU(background=False), Tversky(per_image=True)),
        *(CrossEntropy([1.0, 2.0]), CrossEntropy(label_smoothing=0.1), Focal(of="precision"), UnifiedFocal()),
    ],
)
def test_what_is_more_than_a_summary_is_called(loss):
    bank, (logits, target) = LossBank({"dice": MeanDice(), "loss": loss}), step()
    torch.testing.assert_close(together(bank, logits, target), one_by_one(bank, logits, target))


def test_a_hook_is_called():
    calls: list[nn.Module] = []
    loss = MeanDice()
    loss.register_forward_hook(lambda module, *_: calls.append(module))
    LossBank({"dice": loss, "iou": MeanIoU()})(*step())
    assert calls == [loss]


@pytest.mark.parametrize("value", [255, -1, 2])
def test_pixels_without_a_class_take_the_general_way(value):
    logits, target = step()
    target[0, 0, 0] = value
    ours = together(LossBank(FIVE), logits, target)
    assert not are_joint(ours)
    torch.testing.assert_close(ours, one_by_one(LossBank(FIVE), logits, target))


def test_hard_counts_take_the_general_way():
    logits, target = step()
    ours = LossBank({"ce": CrossEntropy(), "dice": MeanDice()}, counts="hard")(logits, target).terms
    hard = Prediction(logits, target, counts="hard")
    torch.testing.assert_close(ours, torch.stack([CrossEntropy()(hard), MeanDice()(hard)]))


def test_transforms_of_torch_take_the_general_way():
    logits, target = step()
    bank = LossBank(FIVE, CBDice(), ignore=None)
    expected = torch.stack([together(bank, *pair) for pair in zip(logits[:, None], target[:, None], strict=True)])
    found = torch.func.vmap(lambda *pair: together(bank, *pair))(logits[:, None], target[:, None])
    torch.testing.assert_close(found, expected)
    slope = torch.func.grad(lambda x: together(bank, x, target).sum())(logits)
    torch.testing.assert_close(slope, torch.autograd.grad(together(bank, logits, target).sum(), logits)[0])


@pytest.mark.parametrize("classes", [2, 3])
def test_autocast_changes_nothing(classes):
    logits, target = step(classes, dtype=torch.float32)
    bank = LossBank(FIVE, CBDice())
    plain = together(bank, logits, target)
    (expected,) = torch.autograd.grad(plain.sum(), logits)
    with torch.autocast("cpu", torch.bfloat16):
        ours = together(bank, logits, target)
        (slope,) = torch.autograd.grad(ours.sum(), logits)
    assert torch.equal(ours, plain)
    assert torch.equal(slope, expected)


def test_a_step_keeps_nothing_alive():
    logits, target = step()
    gc.disable()
    try:
        prediction = LossBank(FIVE, CBDice()).prediction(logits, target)
        prediction.tp.sum().backward()
        kept = weakref.ref(prediction)
        del prediction
        assert kept() is None
    finally:
        gc.enable()


class Passes(TorchDispatchMode):
    """Counts operations that write as many numbers as there are pixels, or more, in units of the pixels."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels, self.operations, self.count = pixels, 0, 0.0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        if isinstance(result, Tensor) and not func.is_view and result.numel() >= self.pixels:
            self.count += result.numel() / self.pixels
        return result


# What they take now and a third, so that twice the work fails; one by one they take 117 and 207 passes.
@pytest.mark.parametrize(("classes", "most_passes", "most_operations"), [(2, 40, 140), (4, 57, 133)])
def test_five_losses_read_the_pixels_no_more_often_than_they_did(classes, most_passes, most_operations):
    logits, target = step(classes, size=(32, 32), dtype=torch.float32)
    bank = LossBank(FIVE)
    bank(logits, target).terms.sum().backward()
    with Passes(target.numel()) as passes:
        bank(logits, target).terms.sum().backward()
    assert passes.count <= most_passes
    assert passes.operations <= most_operations
