"""Structural similarity as a loss."""

from typing import ClassVar

from torch import Tensor

from dmf.tasks.synthesis.losses.base import SynthesisLoss, require_positive
from dmf.tasks.synthesis.prediction import SynthesisPrediction
from dmf.tasks.synthesis.structure import Padding, Window, similarity


class SSIM(SynthesisLoss):
    r"""One minus the structural similarity.

    .. math:: 1 - \frac{1}{N} \sum_n \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}
              {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}

    over the N places of a Gaussian window in all images and channels; x is the output, y the target, and
    :math:`C_1 = (0.01 R)^2, C_2 = (0.03 R)^2` for the data range R. 0 for equal images, at most 2.

    With the defaults it is what pytorch-msssim, piq, MONAI, and scikit-image with ``gaussian_weights=True`` and
    ``use_sample_covariance=False`` compute. (!) torchmetrics pads the images and then averages over that border too,
    which gives another number.

    Args:
        window: Side of the window, in pixels; odd.
        sigma: Standard deviation of the window, in pixels.
        padding: ``valid`` takes only windows that lie wholly in the image, ``reflect`` one per pixel.
        data_range: R, the difference of the largest and smallest intensity there can be: 1 for images of 0 to 1.

    Raises:
        ConfigError: If an option cannot be, or an image is smaller than the window.

    Reference:
        Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13 (2004).
    """

    title: ClassVar[str] = "SSIM"
    measures: ClassVar[str] = "1 minus the structural similarity of output and target."

    def __init__(
        self, window: int = 11, sigma: float = 1.5, padding: Padding = "valid", data_range: float = 1.0
    ) -> None:
        super().__init__()
        require_positive(data_range=data_range)
        self.window = Window(window, sigma, padding)
        self.data_range = data_range

    def require_size(self, height: int, width: int) -> None:
        self.window.refuse_small(height, width)

    def forward(self, prediction: SynthesisPrediction) -> Tensor:
        return 1 - similarity(prediction.moments(self.window), self.data_range).ssim.mean()
