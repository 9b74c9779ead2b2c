import re
import sys

import pytest
import segmentation_models_pytorch as smp
import torch

from dmf.errors import ConfigError, UnknownNameError
from dmf.models import build_smp


@pytest.mark.parametrize(("name", "size"), [("smp:unet/resnet18", 64), ("smp:FPN/resnet18", 64)])
def test_logits_are_as_large_as_the_image(name, size):
    model = build_smp(name, in_channels=1, classes=3, image_size=size).eval()
    assert model(torch.rand(1, 1, size, size)).shape == (1, 3, size, size)


def test_nothing_is_downloaded_unless_asked(monkeypatch):
    asked = []
    architecture = smp.MODEL_ARCHITECTURES_MAPPING["fpn"]

    def build(**options):
        asked.append(options["encoder_weights"])
        return architecture(**options | {"encoder_weights": None})

    monkeypatch.setitem(smp.MODEL_ARCHITECTURES_MAPPING, "fpn", build)
    build_smp("smp:fpn/resnet18", 1, 2, 64)
    build_smp("smp:fpn/resnet18", 1, 2, 64, pretrained=True)
    build_smp("smp:fpn/tu-resnet10t", 1, 2, 64, pretrained=True)
    assert asked == [None, "imagenet", True]


def test_a_failed_download_is_one_message_with_the_way_out(monkeypatch):
    def fail(*args, **options):
        raise OSError("cannot reach the host\nand a long traceback")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", fail)
    words = r"could not be built with pretrained weights \(cannot reach the host\).* pretrained=false"
    with pytest.raises(ConfigError, match=words) as caught:
        build_smp("smp:unet/resnet18", 1, 2, 64, pretrained=True)
    assert caught.value.field == "pretrained"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smp:unett/resnet18", "Unknown smp architecture 'unett'. Did you mean unet"),
        ("smp:xyz/resnet18", "Unknown smp architecture 'xyz'. Some that exist: deeplabv3, "),
        ("smp:unet/resnet17", "Unknown smp encoder 'resnet17'. Did you mean resnet"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_close(name, words):
    with pytest.raises(UnknownNameError, match=words) as caught:
        build_smp(name, 1, 2, 64)
    assert caught.value.field == "model"


@pytest.mark.parametrize("name", ["smp:unet", "smp:/resnet18", "smp:unet/", "unet/resnet18"])
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(ConfigError, match="must be written smp:<architecture>/<encoder>"):
        build_smp(name, 1, 2, 64)


def test_an_encoder_the_architecture_cannot_take_is_refused():
    with pytest.raises(ConfigError, match=r"smp:unetplusplus/mit_b0 could not be built .* Choose another encoder"):
        build_smp("smp:unetplusplus/mit_b0", 1, 2, 64)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (100, "divides by 32, got 100. The nearest sizes that work are 96 and 128"),
        (16, "nearest size that works is 32"),
    ],
)
def test_a_size_that_does_not_divide_is_refused_with_the_nearest_that_do(size, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build_smp("smp:fpn/resnet18", 1, 2, size)
    assert caught.value.field == "image_size"


def test_an_architecture_that_takes_any_size_is_not_held_back():
    model = build_smp("smp:unet/resnet18", 1, 2, 100).eval()
    assert model(torch.rand(1, 1, 100, 100)).shape == (1, 2, 100, 100)


def test_without_the_zoo_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(ConfigError, match=re.escape("not installed: pip install 'dmf[zoo]'")):
        build_smp("smp:unet/resnet18", 1, 2, 64)
