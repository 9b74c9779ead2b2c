"""Progressive resizing: training images grow from one size to the next while everything else goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dmf.config import DataConfig
from dmf.data.base import Dataset
from dmf.data.prepare import PreparedData, prepare
from dmf.errors import ConfigError


@dataclass(frozen=True)
class Stage:
    """A part of the training at one size.

    Attributes:
        first_epoch: Counted from 0.
        data: Its training images; the cases are those of every other stage, in their order.
    """

    first_epoch: int
    data: PreparedData


def first_epochs(sizes: Sequence[int], epochs: int) -> list[int]:
    """Where each size begins: epochs in equal shares, the earlier sizes longer by one where they do not divide.

    Raises:
        ConfigError: If there are more sizes than epochs.
    """
    count = len(sizes)
    if count > epochs:
        raise ConfigError(
            f"{count} sizes of training images need at least {count} epochs, got {epochs}. Train longer, or with fewer "
            "sizes.",
            "sizes",
        )
    return [-(-place * epochs // count) for place in range(count)]


def prepare_stages(
    dataset: Dataset,
    config: DataConfig,
    epochs: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Stage, ...]:
    """Prepare the images of every size, each from the originals; the last are those that everything is judged on.

    Args:
        dataset: What :func:`dmf.data.build_dataset` made of ``config``.
        config: Its ``sizes``, or its ``image_size`` alone.
        epochs: Of the whole training.
        on_progress: Called with (images prepared, images in all), over all sizes.

    Raises:
        ConfigError: If there are more sizes than epochs.
        DataError: If there are no cases, or one cannot be loaded.
    """
    sizes = config.sizes or (config.image_size,)
    begins = first_epochs(sizes, epochs)
    stages = []
    for place, (size, first) in enumerate(zip(sizes, begins, strict=True)):

        def progress(done: int, cases: int, place: int = place) -> None:
            if on_progress is not None:
                on_progress(place * cases + done, len(sizes) * cases)

        alone = config.model_copy(update={"image_size": size, "sizes": ()})
        stages.append(Stage(first, prepare(dataset, alone, on_progress=progress)))
    return tuple(stages)
