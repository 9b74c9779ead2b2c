"""Networks that were trained, taken from their checkpoints to look at other images."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dmf.build import attribute_errors_to, build_network, build_task
from dmf.config import ExperimentConfig, PluginConfig
from dmf.data import Dataset, RawPair, build_dataset
from dmf.data.batches import Batch
from dmf.data.decode import Picture
from dmf.data.files import as_grey, as_rgb
from dmf.data.filtering import preprocess, square
from dmf.errors import CheckpointError, ConfigError
from dmf.fingerprint import fingerprint
from dmf.former import former_fingerprint
from dmf.models import Diagram, diagram_of
from dmf.plugins import require
from dmf.runs import ExperimentRow, RunStore
from dmf.tasks import Task
from dmf.training import checkpoint
from dmf.training.evaluation import predictor


@dataclass(frozen=True, eq=False)
class Made:
    """An image that a network made, with what it was made of and what it should be, as the network was scored.

    Attributes:
        source: (C, S, S) float32, black at 0 and white at 1.
        target: (O, S, S) on the same scale.
        output: (O, S, S); any number, not only those of the range.
    """

    source: NDArray[np.float32]
    target: NDArray[np.float32]
    output: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network that looks at images of any size, on the CPU.

    Attributes:
        epoch: After which epoch it is as it is here.
        channels: Of its input: 1 is grey.
        dataset: What it was trained on; nothing of it was read.
    """

    config: ExperimentConfig
    class_names: tuple[str, ...]
    epoch: int
    channels: int
    model: torch.nn.Module
    dataset: Dataset
    task: Task

    def read(self, picture: Picture) -> NDArray[np.uint8]:
        """A decoded picture as those of the training were read: transparency, depth and colour alike.

        Returns:
            (H, W), or (H, W, 3) where the network sees colour.

        Raises:
            BrokenDataError: If its values are deep and the files of the training, which say what is white, are gone.
        """
        as_trained = as_rgb if self.channels == 3 else as_grey
        return as_trained(picture, self.dataset.scale).pixels

    def predict(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What it believes of every pixel, after the filter and the fit that it was trained with.

        Args:
            image: (H, W) grey, or (H, W, 3) red, green, blue.

        Returns:
            (C-1, S, S): 255 times the probability of each class but the background, S the image size of the training.

        Raises:
            ValueError: If ``image`` has another shape or type.
        """
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise ValueError(f"`image` must be uint8 of shape (H, W) or (H, W, 3), got {image.dtype} of {image.shape}.")
        if self.channels == 1 and image.ndim == 3:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)  # as the images of the training
        elif self.channels == 3 and image.ndim == 2:
            image = np.stack([image] * 3, axis=-1)
        seen = torch.from_numpy(_planes(preprocess(image, self.config.data).resized))[None].float() / 255
        batch = Batch(seen, torch.empty(0), torch.empty(0))
        return next(self.task.kept(predictor(self.model, nullcontext), [batch]))

    def make(self, pair: RawPair) -> Made:
        """What it makes of a case of a dataset of its kind, for a task whose targets are images.

        Args:
            pair: As :meth:`dmf.data.Dataset.load` gives it.
        """
        data = self.config.data
        source = _planes(preprocess(pair.image, data).resized).astype(np.float32) / np.float32(self.dataset.white)
        target = _planes(square(pair.mask, data.image_size, data.fit)).astype(np.float32)
        predict = predictor(self.model, nullcontext)
        output = predict(torch.from_numpy(source)[None])[0].float().numpy()
        return Made(source, target / np.float32(self.dataset.target_white), output)


def _planes(pixels: NDArray[Any]) -> NDArray[Any]:
    """(H, W) or (H, W, C) as (C, H, W)."""
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def load_trained(store: RunStore, run_id: str) -> Trained:
    """The best network of a run, or its last where none was kept as best.

    Raises:
        RunNotFoundError: If there is no such run.
        CheckpointError: If its file is missing, damaged or of another configuration.
        ConfigError: If its configuration names what this program does not have, or a plug-in of its is not loaded.
    """
    row = store.run(run_id)
    experiment = store.experiment(row.experiment)
    files = {artifact.kind: artifact for artifact in store.artifacts(run_id)}
    kept = files.get("checkpoint_best") or files.get("checkpoint_last")
    if experiment.is_recorded or kept is None:
        raise CheckpointError(f"No network of run {row.label!r} is kept here. Choose a run that was trained here.")
    config = _config_of(experiment)
    run = config.runs[row.position]
    path = store.artifact_folder(run_id) / kept.path
    tensors, _ = checkpoint.load(
        path, {fingerprint(config, run), former_fingerprint(experiment.config, row.position)}, kept
    )
    dataset, task, model = _bare(config)
    model.load_state_dict(checkpoint.under_prefix("model", tensors))
    return Trained(config, dataset.class_names, kept.epoch, dataset.in_channels, model, dataset, task)


def network_diagram(experiment: ExperimentRow) -> Diagram:
    """The network of an experiment that was begun here, drawn by its settings alone: no weights are read.

    Raises:
        ConfigError: If its settings were not recorded or name what this program does not have, or a plug-in of its is
            not loaded.
        DataError: If its dataset is gone, which says how many channels and classes there are.
    """
    if experiment.is_recorded:
        raise ConfigError("Its network was not recorded. Choose a run that was trained here.")
    config = _config_of(experiment)
    dataset, _, model = _bare(config)
    return diagram_of(model, dataset.in_channels, config.data.image_size)


def _config_of(experiment: ExperimentRow) -> ExperimentConfig:
    require(PluginConfig.model_validate(plugin) for plugin in experiment.config.get("plugins") or ())
    return ExperimentConfig.model_validate(experiment.config)


def _bare(config: ExperimentConfig) -> tuple[Dataset, Task, torch.nn.Module]:
    """Dataset, task and network, whose pretrained weights are not fetched."""
    with attribute_errors_to("dataset"):
        dataset = build_dataset(config.data, config.training.seed)
    task = build_task(config, dataset)
    bare = config.model.model_copy(update={"pretrained": False})
    return dataset, task, build_network(config.model_copy(update={"model": bare}), dataset.in_channels, task)
