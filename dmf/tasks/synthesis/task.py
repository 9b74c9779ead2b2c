"""Image synthesis: an image made of another."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dmf.config import ExperimentConfig, FusionConfig
from dmf.errors import ConfigError, UnknownNameError
from dmf.options import Choice, Options
from dmf.registry import Registry, unknown
from dmf.tasks.base import Evaluation, Predict, SampleCase, Task
from dmf.tasks.synthesis.info import DATA_RANGE, METRIC_INFO, METRICS, HeadKind

if TYPE_CHECKING:  # they need torch
    from torch import Tensor, nn

    from dmf.data import Dataset, PreparedData
    from dmf.data.batches import Batch
    from dmf.terms import Loss


class SynthesisOptions(Options):
    """How the output becomes an image."""

    head: HeadKind = Field("linear", description="Linear gives any number; bounded only those between black and white.")
    residual: bool = Field(
        False, description="Add the input back, so that the network learns what is to be added to it."
    )


class Synthesis(Task):
    """An image made of another, both with black at 0 and white at 1.

    Args:
        in_channels: Of the images it is made of.
        out_channels: Of the images that are made.
        head: ``linear``, or ``bounded`` between black and white.
        residual: Whether the network learns what is to be added to its input.

    Attributes:
        subjects: Of whom each prepared case is; none before :meth:`learn`.

    Raises:
        ConfigError: If there is no such head, or a residual is asked for between different numbers of channels.
    """

    name: ClassVar[str] = "synthesis"
    title: ClassVar[str] = "Image synthesis"
    about: ClassVar[str] = "An image made of another, such as a late contrast-enhanced slice of an early one."
    headline: ClassVar[str] = "psnr"
    metrics = METRIC_INFO
    columns: ClassVar[tuple[str, ...]] = METRICS
    case_score: ClassVar[str] = "psnr"
    case_title: ClassVar[str] = "PSNR"
    case_mean: ClassVar[str] = "psnr"
    target = "image"
    dataset: ClassVar[str] = "contrast"
    terms: ClassVar[tuple[str, ...]] = ("l1", "ssim", "gradient")
    declares: ClassVar[type[Options]] = SynthesisOptions

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, head: str = "linear", *, residual: bool = False
    ) -> None:
        if head not in get_args(HeadKind):
            raise ConfigError(f"`head` must be one of: {', '.join(get_args(HeadKind))}, got {head!r}.", "task_options")
        if residual and in_channels != out_channels:
            raise ConfigError(
                f"`residual` adds the input to the output, but images have {in_channels} channels and targets "
                f"{out_channels}. Leave it out.",
                "task_options",
            )
        self.out_channels = out_channels
        self.head = head
        self.residual = residual
        self.subjects: tuple[str, ...] = ()

    @classmethod
    def losses(cls) -> "Registry[Loss[Any]]":
        from dmf.tasks.synthesis.losses import SYNTHESIS_LOSSES

        return cast("Registry[Loss[Any]]", SYNTHESIS_LOSSES)

    @classmethod
    def of(cls, dataset: "Dataset", config: ExperimentConfig) -> Self:
        options = cls.options(config)
        return cls(
            dataset.in_channels, dataset.target_channels, str(options["head"]), residual=bool(options["residual"])
        )

    @property
    def output_channels(self) -> int:
        return self.out_channels

    def bank(self, config: FusionConfig) -> "nn.Module":
        from dmf.tasks.synthesis.prediction import SynthesisPrediction
        from dmf.terms import LossBank

        def build(choice: Choice, field: str, others: Sequence[str] = ()) -> "Loss[Any]":
            known = self.losses()
            if choice.name not in known:
                raise UnknownNameError(unknown("loss", choice.name, dict.fromkeys((*others, *known))), field)
            loss = cast("type[Loss[Any]]", known[choice.name])
            return loss.from_options(loss.declares.of_words(choice.options))

        terms = {name: build(term, "terms") for name, term in zip(config.term_names, config.terms, strict=True)}
        auxiliary = None if config.auxiliary.name == "none" else build(config.auxiliary, "auxiliary", ("none",))
        return LossBank(terms, auxiliary, SynthesisPrediction)

    def network(self, model: "nn.Module") -> "nn.Module":
        from dmf.tasks.synthesis.head import ImageHead

        return ImageHead(model, cast("HeadKind", self.head), residual=self.residual)

    def learn(self, data: "PreparedData", training: NDArray[np.int64]) -> None:
        """Take note of whose image each case is."""
        self.subjects = tuple(case.group or case.id for case in data.cases)

    def evaluate(self, predict: Predict, batches: "Iterable[Batch]") -> Evaluation:
        import torch

        from dmf.tasks.synthesis.metrics import image_scores, summarise

        scores, index = [], []
        for batch in batches:
            scores.append(image_scores(predict(batch.input), batch.target, DATA_RANGE))
            index.append(batch.index)
        table, positions = torch.cat(scores).cpu().numpy(), torch.cat(index).cpu().numpy()
        subjects = [self.subjects[position] for position in positions] if self.subjects else ()
        return Evaluation(
            summarise(table, subjects), positions, scores=dict(zip(METRICS, np.ascontiguousarray(table.T), strict=True))
        )

    def target_png(self, sample: SampleCase) -> bytes:
        """The image that is to be made, black at 0 and white at 255."""
        return _png(sample.batch.target[0])

    def predict_png(self, predict: Predict, sample: SampleCase) -> tuple[bytes, float | None]:
        """The image that is made, clipped to black and white, and its PSNR, which is of what was not clipped."""
        from dmf.tasks.synthesis.metrics import image_scores

        output = predict(sample.batch.input)
        score = image_scores(output, sample.batch.target, DATA_RANGE)[0, METRICS.index("psnr")].item()
        return _png(output[0].float()), float(score)

    @classmethod
    def drawn(cls, truth: Any, prediction: Any) -> tuple[bytes, bytes, float | None]:
        """The images that should be and that are made, clipped to black and white, and the PSNR of what was not."""
        import torch

        from dmf.tasks.pictures import as_array, image_png
        from dmf.tasks.synthesis.metrics import image_scores

        pair = [as_array(truth), as_array(prediction)]
        if pair[0].shape != pair[1].shape:
            raise ValueError(f"`truth` and `prediction` must have one shape, got {pair[0].shape} and {pair[1].shape}.")
        shown = [values.clip(0, 1) if values.dtype.kind == "f" else values for values in pair]
        pngs = image_png(shown[0], "truth"), image_png(shown[1], "prediction")
        images = [torch.as_tensor(values / (1 if values.dtype.kind == "f" else 255)).double() for values in pair]
        true, predicted = (image.reshape(1, -1, *image.shape[-2:]) for image in images)
        return *pngs, float(image_scores(predicted, true, DATA_RANGE)[0, METRICS.index("psnr")])

    def facts(self) -> dict[str, Any]:
        return {"data_range": DATA_RANGE, "subjects": len(set(self.subjects))}


def _png(image: "Tensor") -> bytes:
    from dmf.tasks.pictures import encode_image

    return encode_image(image.nan_to_num(0).clamp(0, 1))
