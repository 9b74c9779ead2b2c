"""Segmentation: one class per pixel."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from dmf.config import ExperimentConfig, FusionConfig
from dmf.metric_info import MetricInfo
from dmf.records import IGNORE, CaseScores
from dmf.registry import Registry
from dmf.tasks.base import Attended, Evaluation, Predict, SampleCase, Task
from dmf.tasks.segmentation.metrics import METRIC_INFO, metric_info
from dmf.tasks.segmentation.metrics.info import BEFORE_STORED, absent_sentence, over_sentence
from dmf.tasks.segmentation.metrics.per_image import image_scores

if TYPE_CHECKING:  # they need torch
    from torch import Tensor, nn

    from dmf.data import Dataset, PreparedData
    from dmf.data.batches import Batch
    from dmf.terms import Loss


class Segmentation(Task):
    """One class per pixel.

    Args:
        class_names: The first is the background.
        absent: Score of a class found in neither truth nor prediction: ``one``, ``zero`` or ``ignore``.
        ignore: Class number of void pixels in targets, which count nowhere; None where there are none.
        over: What scores are counted over: the ``split``, or each ``batch``, see :func:`.evaluation.evaluate`.

    Attributes:
        ratios: (C,) share of each class in the pixels of the training split; as many of each until it is known.
    """

    name: ClassVar[str] = "segmentation"
    title: ClassVar[str] = "Segmentation"
    about: ClassVar[str] = "Which class each pixel of an image belongs to."
    headline: ClassVar[str] = "cb_dice"  # as in the paper
    metrics = METRIC_INFO
    columns: ClassVar[tuple[str, ...]] = ("lesion_dice", "cb_dice", "iou", "f1")
    case_score: ClassVar[str] = "lesion_dice"
    case_title: ClassVar[str] = "Dice"
    case_mean: ClassVar[str] = "lesion_dice_per_image"
    target = "classes"
    keeps = "probabilities"
    dataset: ClassVar[str] = "phantom"
    terms: ClassVar[tuple[str, ...]] = ("ce", "iou", "dice")
    auxiliary: ClassVar[str] = "cb-dice"
    auxiliaries: ClassVar[tuple[str, ...]] = ("tversky", "focal", "cb-dice")
    related: ClassVar[Mapping[frozenset[str], str]] = {
        frozenset(
            {"iou", "dice"}
        ): "IoU and Dice rise and fall together: for one class IoU = D / (2 - D), where D is Dice."
    }

    def __init__(
        self,
        class_names: Sequence[str],
        absent: Literal["one", "zero", "ignore"] = "ignore",
        ignore: int | None = None,
        over: Literal["split", "batch"] = "split",
    ) -> None:
        self.class_names = tuple(class_names)
        self.absent = absent
        self.ignore = ignore
        self.over = over
        self.ratios: tuple[float, ...] = (1 / len(self.class_names),) * len(self.class_names)

    @classmethod
    def losses(cls) -> "Registry[Loss[Any]]":
        from dmf.tasks.segmentation.losses import LOSSES

        return LOSSES

    @classmethod
    def metric_info(cls, name: str) -> MetricInfo:
        """How to read a metric, also one of a single class such as ``dice/lesion``.

        Raises:
            KeyError: If there is no such metric.
        """
        return metric_info(name)

    @classmethod
    def score_note(cls, training: Mapping[str, Any]) -> str:
        return f"{absent_sentence(training.get('absent'))} {over_sentence(training.get('metrics_over'))}".strip()

    @classmethod
    def scores_of_cases(cls, scores: CaseScores, settings: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
        if scores.counts is None:
            return dict(scores.scores)
        absent: Any = settings.get("training.absent", BEFORE_STORED)
        return {cls.case_mean: image_scores(scores.counts, "lesion_dice", absent), **scores.scores}

    @classmethod
    def of(cls, dataset: "Dataset", config: ExperimentConfig) -> Self:
        cls.options(config)  # it has none
        return cls(dataset.class_names, config.training.absent, dataset.ignore, config.training.metrics_over)

    @property
    def output_channels(self) -> int:
        return len(self.class_names)

    def bank(self, config: FusionConfig) -> "nn.Module":
        from dmf.tasks.segmentation.losses import build_bank

        bank = build_bank(config, self.ratios, self.ignore)
        bank.require_classes(len(self.class_names))
        return bank

    def learn(self, data: "PreparedData", training: NDArray[np.int64]) -> None:
        from dmf.data import class_ratios

        self.ratios = tuple(class_ratios(data.targets, len(self.class_names), training).tolist())

    def evaluate(self, predict: Predict, batches: "Iterable[Batch]") -> Evaluation:
        from dmf.tasks.segmentation.evaluation import evaluate

        return evaluate(predict, batches, self.class_names, absent=self.absent, ignore=self.ignore, over=self.over)

    def kept(self, predict: Predict, batches: "Iterable[Batch]") -> Iterator[NDArray[np.uint8]]:
        from dmf.tasks.segmentation.evaluation import probabilities

        return probabilities(predict, batches)

    def target_png(self, sample: SampleCase) -> bytes:
        """The class number of every pixel of the truth; 255 where it is void."""
        from dmf.tasks.pictures import encode_png

        return encode_png(sample.batch.target[0].cpu().numpy().astype(np.uint8))

    def predict_png(self, predict: Predict, sample: SampleCase) -> tuple[bytes, float | None]:
        """The predicted class number of every pixel, and the Dice of the classes other than background.

        It is None where all of them were left out.
        """
        from dmf.tasks.pictures import encode_png
        from dmf.tasks.segmentation.evaluation import judge

        labels, score = judge(predict, sample.batch, self.class_names, absent=self.absent, ignore=self.ignore)
        return encode_png(labels), score

    def attended(self, maps: "Mapping[str, Tensor]", sample: SampleCase) -> Sequence[Attended]:
        """What every attention lets pass, and the share of it that lies on classes other than background and void."""
        from dmf.tasks.segmentation.attention import attended

        return attended(maps, sample.batch.target)

    @classmethod
    def drawn(cls, truth: Any, prediction: Any) -> tuple[bytes, bytes, float | None]:
        from dmf.tasks.segmentation.samples import drawn

        return drawn(truth, prediction)

    def choose_samples(self, data: "PreparedData", positions: Sequence[int]) -> list[int]:
        """The positions, those first that show a class which none before them does; void is no class."""
        seen: set[int] = set()
        first = []
        for position in positions:
            classes = set(np.bincount(data.targets[position].ravel()).nonzero()[0].tolist()) - {IGNORE}
            if not classes <= seen:
                first.append(position)
                seen |= classes
        return first + [position for position in positions if position not in first]

    def facts(self) -> dict[str, Any]:
        return {"class_names": list(self.class_names), "class_shares": list(self.ratios), "ignore": self.ignore}
