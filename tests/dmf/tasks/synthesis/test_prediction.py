import pytest
import torch

from dmf.errors import ConfigError
from dmf.tasks.synthesis.prediction import SynthesisPrediction

IMAGE = torch.rand(1, 2, 6, 7)


def test_the_target_has_no_gradient():
    prediction = SynthesisPrediction(IMAGE.clone().requires_grad_(), IMAGE.clone().requires_grad_())
    assert prediction.error.requires_grad
    assert not prediction.target.requires_grad


def test_an_odd_side_loses_its_last_row_when_halved():
    prediction = SynthesisPrediction(IMAGE, IMAGE)
    assert prediction.level(1)[0].shape == (1, 2, 3, 3)
    torch.testing.assert_close(prediction.level(1)[1][0, 0, 2, 2], IMAGE[0, 0, 4:6, 4:6].mean())


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        (IMAGE[0], IMAGE[0], r"`output` must be floating with shape \(B, C, H, W\)"),
        (IMAGE.int(), IMAGE, r"`output` must be floating with shape \(B, C, H, W\), got torch.int32"),
        (IMAGE, IMAGE[:, :1], "A network must have as many output channels as the target has"),
        (IMAGE, IMAGE.long(), "`target` must be floating"),
        (IMAGE, IMAGE.to("meta"), "`target` is on meta, `output` on cpu"),
        (IMAGE[:0], IMAGE[:0], "`target` has no pixels"),
    ],
)
def test_what_is_no_pair_of_images_is_refused(output, target, message):
    with pytest.raises(ConfigError, match=message):
        SynthesisPrediction(output, target)
