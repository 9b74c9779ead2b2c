import cv2
import numpy as np
import pytest
import torch

from dmf import build
from dmf.config import ExperimentConfig, FusionConfig
from dmf.config_text import experiment
from dmf.data.batches import Batch
from dmf.data.contrast import Contrast
from dmf.errors import ConfigError
from dmf.tasks import SampleCase, Synthesis, known_metric
from dmf.tasks.synthesis.head import ImageHead
from dmf.tasks.synthesis.info import METRIC_INFO, METRICS

IMAGES = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
SAMPLE = SampleCase("a", Batch(IMAGES[:1], IMAGES[1:], torch.tensor([0])))


def of(**options) -> Synthesis:
    texts = {"task": "synthesis", "dataset": "contrast", "terms": "l1", "auxiliary": "none"}
    return Synthesis.of(Contrast(), experiment(texts).model_copy(update={"task_options": options}))


def test_each_image_is_scored_and_means_are_over_images_and_subjects():
    task = Synthesis()
    task.subjects = ("a", "b", "b")
    target = torch.full((3, 1, 16, 16), 0.5)
    errors = torch.tensor([0.1, 0.2, 0.4]).reshape(3, 1, 1, 1)
    batches = [Batch(target + errors, target, torch.tensor([0, 1, 2]))]
    found = task.evaluate(lambda images: images, batches)
    np.testing.assert_allclose(found.scores["rmse"], [0.1, 0.2, 0.4], rtol=1e-6)
    assert found.scores.keys() == set(METRICS)
    assert found.metrics["mae"] == pytest.approx(0.7 / 3)
    assert found.metrics["mae_by_subject"] == pytest.approx((0.1 + 0.3) / 2)
    assert found.metrics.keys() == METRIC_INFO.keys()
    assert found.counts is None


def test_samples_are_8_bits_clipped_to_black_and_white_and_scored_unclipped():
    task = Synthesis()
    png, score = task.predict_png(lambda images: images * 0 + 2, SAMPLE)
    assert (cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) == 255).all()
    error = ((2 - IMAGES[1:].double()) ** 2).mean()
    assert score == pytest.approx(-10 * torch.log10(error).item())
    truth = cv2.imdecode(np.frombuffer(task.target_png(SAMPLE), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(truth, (IMAGES[1, 0] * 255).round().numpy())


def test_a_head_is_linear_or_bounded_and_may_add_the_input_back():
    nothing = torch.nn.Conv2d(1, 1, 1)
    torch.nn.init.zeros_(nothing.weight)
    torch.nn.init.constant_(nothing.bias, 0.5)
    halfway = torch.full_like(IMAGES, 0.5)
    torch.testing.assert_close(ImageHead(nothing)(IMAGES), halfway)
    torch.testing.assert_close(ImageHead(nothing, residual=True)(IMAGES), IMAGES + 0.5)
    torch.testing.assert_close(ImageHead(nothing, "bounded")(IMAGES), torch.sigmoid(halfway))
    torch.nn.init.zeros_(nothing.bias)
    torch.testing.assert_close(
        ImageHead(nothing, "bounded", residual=True)(IMAGES), IMAGES.clamp(0.01, 0.99), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("head", ["linear", "bounded"])
@pytest.mark.parametrize("model", ["unet", "smp:fpn/mobilenet_v2"])
def test_every_network_can_make_images(head, model):
    texts = {
        "task": "synthesis",
        "dataset": "contrast",
        "terms": "l1",
        "auxiliary": "none",
        "model": model,
        "filters": "4",
        "image_size": "32",
        "task_options": f"head={head},residual=true",
    }
    config = experiment(texts)
    task = build.build_task(config, Contrast())
    made = build.build_network(config, 1, task).eval()(torch.rand(2, 1, 32, 32))
    assert made.shape == (2, 1, 32, 32)
    made.sum().backward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 3}, "has no option 'depth'. It has: head, residual"),
        ({"residual": "yes"}, "'residual' of task 'synthesis' must be of type bool, got 'yes'"),
        ({"head": "round"}, "Option 'head' of task 'synthesis' takes linear or bounded; got 'round'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        of(**options)


def test_a_residual_between_different_channels_is_refused():
    with pytest.raises(ConfigError, match="images have 1 channels and targets 3"):
        Synthesis(1, 3, residual=True)


def test_losses_of_another_task_are_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"Unknown loss .dice.. Choose one of: l1, l2, .* tv"):
        Synthesis().bank(FusionConfig(terms=("l1", "dice"), auxiliary="none"))
    with pytest.raises(ConfigError, match=r"Unknown loss .cb-dice.. Choose one of: none, l1"):
        Synthesis().bank(FusionConfig(terms=("l1",), auxiliary="cb-dice"))


@pytest.mark.parametrize(("task", "dataset"), [("synthesis", "phantom"), ("segmentation", "contrast")])
def test_a_dataset_that_does_not_offer_what_a_task_needs_is_refused(task, dataset):
    texts = {"task": task, "dataset": dataset, **({"terms": "l1", "auxiliary": "none"} if task == "synthesis" else {})}
    config: ExperimentConfig = experiment(texts)
    with pytest.raises(ConfigError, match=f"Dataset '{dataset}' has no .* which task '{task}' needs. Choose one of:"):
        build.validate(config)


def test_a_metric_that_a_program_told_of_is_read_as_it_said_even_where_a_task_has_one_of_that_name():
    told = {"mae": {"better": "lower", "low": 0, "high": 9}}
    assert known_metric("mae", told).range == (0, 9)
    assert known_metric("mae", told, "synthesis").title == "MAE"
    assert known_metric("psnr").title == "PSNR [dB]"
    assert known_metric("psnr", {}, "segmentation").title == "psnr"  # recorded by a loop of someone's own


def test_images_of_a_loop_of_ones_own_are_shown_with_their_psnr():
    truth = np.zeros((4, 4), np.float32)
    made = np.full((4, 4), 0.1, np.float32)
    made[0, 0] = 1.5  # beyond white: shown as white, and counted as it is
    # 15 * 0.01 + 2.25 = 2.4 over 16 pixels is 0.15, and 10 log10(1 / 0.15) = 8.239 dB.
    true, shown, score = Synthesis.drawn(truth, made)
    assert score == pytest.approx(8.239, abs=1e-3)
    assert _decoded(true).max() == 0
    assert _decoded(shown)[0].tolist() == [255, 26, 26, 26]
    assert Synthesis.drawn(np.full((3, 4, 4), 51, np.uint8), np.full((3, 4, 4), 102, np.uint8))[2] == pytest.approx(
        13.979,
        abs=1e-3,  # 10 log10(1 / 0.04)
    )
    with pytest.raises(ValueError, match=r"`truth` and `prediction` must have one shape, got \(4, 4\) and \(2, 4\)"):
        Synthesis.drawn(truth, made[:2])


def _decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
