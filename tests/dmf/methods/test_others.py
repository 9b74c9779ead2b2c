"""Losses, models and datasets that break one promise each."""

import numpy as np
import pytest
import torch

from dmf.data import DATASETS, BrokenDataError, Case, Dataset, Phantom, Problem, RawPair
from dmf.methods import others
from dmf.methods.checks import BrokenPromiseError, NotForThisMethodError
from dmf.models import MODELS
from dmf.tasks.segmentation.losses import LOSSES, Loss


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    for registry in (LOSSES, MODELS, DATASETS):
        monkeypatch.setattr(registry, "_members", dict(registry._members))


def loss(value):
    class Given(Loss):
        def forward(self, prediction):
            return value(prediction)

    return Given


@pytest.mark.parametrize(
    ("value", "check", "message"),
    [
        (lambda p: p.logits.mean((1, 2, 3)), others.loss_is_one_finite_number, "a loss must be a scalar tensor, got"),
        (lambda p: 0.5, others.loss_is_one_finite_number, r"a loss must be a scalar tensor, got 0\.5"),
        (lambda p: p.logits.mean() / 0, others.loss_is_one_finite_number, "the loss is not finite: -?inf"),
        (
            lambda p: p.probs.mean() / p.target.max(),
            others.loss_is_one_finite_number,
            "the loss of images that show nothing is not finite",
        ),
        (lambda p: p.logits.argmax(1).float().mean(), others.loss_has_a_gradient, "no gradient reaches the logits"),
        (lambda p: (p.logits * 0).sqrt().sum(), others.loss_has_a_gradient, "the gradient at the logits is not finite"),
        (lambda p: (p.logits * 0).sum(), others.loss_has_a_gradient, "the gradient at the logits is zero everywhere"),
        (
            lambda p: -torch.nn.functional.cross_entropy(p.logits, p.target),
            others.right_is_better_than_wrong,
            r"being right costs .* and being wrong -16; a loss is lower when right",
        ),
    ],
)
def test_a_loss_that_breaks_a_promise_is_told(value, check, message):
    LOSSES.add("given", loss(value))
    with pytest.raises(BrokenPromiseError, match=message):
        check("given")


class Pair(torch.nn.Module):
    def forward(self, images):
        return images, images


class Doubled(torch.nn.Conv2d):
    def forward(self, images):
        return super().forward(images)[..., ::2]


@pytest.mark.parametrize(
    ("factory", "check", "message"),
    [
        (lambda c, i, k, s: Doubled(i, k, 1), others.model_gives_logits, r"logits must be \(2, 2, 64, 64\) for images"),
        (lambda c, i, k, s: Pair(), others.model_gives_logits, "must be a tensor, got tuple"),
        (
            lambda c, i, k, s: torch.nn.Sequential(torch.nn.Conv2d(i, k, 1), torch.nn.Threshold(1e9, float("nan"))),
            others.model_gives_logits,
            "logits are not finite",
        ),
        (lambda c, i, k, s: torch.nn.Identity(), others.model_learns, "no parameter that could be trained"),
    ],
)
def test_a_model_that_breaks_a_promise_is_told(factory, check, message):
    MODELS.add("given", factory)
    with pytest.raises(BrokenPromiseError, match=message):
        check("given")


class Detached(torch.nn.Conv2d):
    def forward(self, images):
        return super().forward(images.requires_grad_()).detach() + images


def test_a_model_without_gradient_or_with_dice_of_its_own_is_told():
    MODELS.add("detached", lambda c, i, k, s: Detached(i, k, 1))
    with pytest.raises(BrokenPromiseError, match="no gradient reaches a parameter"):
        others.model_learns("detached")
    drawn = iter(range(9))

    def draw(c, i, k, s):
        model = torch.nn.Conv2d(i, k, 1)
        model.weight.data.fill_(next(drawn))
        return model

    MODELS.add("drawn", draw)
    with pytest.raises(BrokenPromiseError, match="with the same seed weight begin differently; draw with torch alone"):
        others.model_starts_by_its_seed("drawn")


class Given(Phantom):
    name = "given"


def dataset(**methods) -> type[Dataset]:
    return type("Made", (Given,), methods)


EIGHT = np.zeros((8, 8), np.uint8)


@pytest.mark.parametrize(
    ("methods", "check", "message"),
    [
        ({"cases": lambda self: []}, others.dataset_lists_cases, r"cases\(\) lists nothing"),
        ({"cases": lambda self: [Case("x", "x")] * 4}, others.dataset_lists_cases, "two cases have the same id"),
        (
            {"cases": lambda self: [Case(str(np.random.default_rng().random()), "x") for _ in range(4)]},
            others.dataset_lists_cases,
            "another order each time",
        ),
        ({"cases": lambda self: [Case("x", "x")]}, others.dataset_lists_cases, "1 cases cannot be split"),
        (
            {"load": lambda self, case: RawPair(EIGHT.astype(float), EIGHT)},
            others.dataset_reads_a_case,
            r"the image must be a uint8 array \(H, W\) or \(H, W, C\), got float64 \(8, 8\)",
        ),
        (
            {"load": lambda self, case: RawPair(EIGHT, None)},
            others.dataset_reads_a_case,
            r"the mask must be a uint8 array \(H, W\), got NoneType",
        ),
        ({"load": lambda self, case: RawPair(EIGHT, EIGHT[1:])}, others.dataset_reads_a_case, "must be of one size"),
        (
            {"load": lambda self, case: RawPair(np.stack([EIGHT] * 3, -1), EIGHT)},
            others.dataset_reads_a_case,
            "the image has 3 channels, in_channels says 1",
        ),
        (
            {"load": lambda self, case: RawPair(EIGHT, EIGHT + 7)},
            others.dataset_reads_a_case,
            "the mask names class 7, class_names has 2, counted from 0",
        ),
    ],
)
def test_a_dataset_that_breaks_a_promise_is_told(methods, check, message):
    DATASETS.add("given", dataset(**methods))
    with pytest.raises(BrokenPromiseError, match=message):
        check("given")


def test_a_dataset_whose_files_are_not_here_is_skipped():
    def cases(self):
        raise BrokenDataError([Problem("data/raw/given", "is missing", "Fetch it")])

    DATASETS.add("given", dataset(cases=cases))
    with pytest.raises(NotForThisMethodError, match=r"its files are not here: data/raw/given: is missing\. Fetch it"):
        others.dataset_reads_a_case("given")


@pytest.mark.parametrize("name", list(LOSSES))
def test_our_own_losses_keep_their_promises(name):
    for check in others.LOSS_CHECKS.values():
        check(name)


def test_our_own_network_and_simulated_images_keep_their_promises():
    for check in others.MODEL_CHECKS.values():
        check("unet")
    for check in others.DATASET_CHECKS.values():
        check("phantom-4")
