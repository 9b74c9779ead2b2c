"""Datasets, and what turns them into batches: filter, resize, cache, split.

Adding a dataset is one file and one line in ``DATASETS``. Batches are in :mod:`dmf.data.batches`, which alone needs
torch.
"""

from pathlib import Path
from typing import cast

from dmf.config import DataConfig
from dmf.data.about import Card, describe, is_here
from dmf.data.answers import answers, keep_answers
from dmf.data.archive import Unpacked, sweep_unpacking, unpack, uploaded
from dmf.data.base import IGNORE, BrokenDataError, Case, Dataset, Doubt, Link, Problem, RawPair
from dmf.data.bus2017 import Bus2017
from dmf.data.bus_synthetic import BusSynthetic
from dmf.data.busc import Busc
from dmf.data.busi import Busi
from dmf.data.check import Report, check
from dmf.data.coco import Coco
from dmf.data.contrast import Contrast
from dmf.data.convert import Converted, convert
from dmf.data.cvat import Cvat
from dmf.data.ddti import Ddti
from dmf.data.dicom import Dicom
from dmf.data.duplicates import DuplicatePair, Finding, find_duplicates, findings, hash_cases, split_cases
from dmf.data.filtering import Preprocessed, preprocess
from dmf.data.folder import Folder
from dmf.data.get import download
from dmf.data.identify import identify
from dmf.data.labelme import Labelme
from dmf.data.listing import unspeakable as _unspeakable
from dmf.data.nifti import Volumes
from dmf.data.paired import PairedImages
from dmf.data.paired_volumes import PairedVolumes
from dmf.data.pets import Pets
from dmf.data.phantom import Phantom, Phantom4
from dmf.data.prepare import PreparedData, class_ratios, prepare
from dmf.data.split import Indices, split_indices
from dmf.data.suggesting import suggest
from dmf.data.unzip import LIMITS, ArchiveError, Limits
from dmf.errors import ConfigError
from dmf.paths import located, refuse_impossible, refuse_outside, shortened
from dmf.registry import Registry

__all__ = [
    "DATASETS",
    "IGNORE",
    "LIMITS",
    "ArchiveError",
    "BrokenDataError",
    "Bus2017",
    "BusSynthetic",
    "Busc",
    "Busi",
    "Card",
    "Case",
    "Coco",
    "Contrast",
    "Converted",
    "Cvat",
    "Dataset",
    "Ddti",
    "Dicom",
    "Doubt",
    "DuplicatePair",
    "Finding",
    "Folder",
    "Indices",
    "Labelme",
    "Limits",
    "Link",
    "PairedImages",
    "PairedVolumes",
    "Pets",
    "Phantom",
    "Phantom4",
    "PreparedData",
    "Preprocessed",
    "Problem",
    "RawPair",
    "Report",
    "Unpacked",
    "Volumes",
    "answers",
    "build_dataset",
    "check",
    "class_ratios",
    "convert",
    "dataset_class",
    "describe",
    "download",
    "find_duplicates",
    "findings",
    "hash_cases",
    "identify",
    "is_here",
    "keep_answers",
    "prepare",
    "preprocess",
    "split_cases",
    "split_indices",
    "suggest",
    "sweep_unpacking",
    "target_of",
    "unpack",
    "uploaded",
]


DATASETS: Registry[Dataset] = Registry(
    "dataset",
    {
        "phantom": Phantom,
        "phantom-4": Phantom4,
        "contrast": Contrast,
        "busi": Busi,
        "busc": Busc,
        "bus2017": Bus2017,
        "bus_synthetic": BusSynthetic,
        "pets": Pets,
        "folder": Folder,
        "coco": Coco,
        "labelme": Labelme,
        "cvat": Cvat,
        "ddti": Ddti,
        "nifti": Volumes,
        "dicom": Dicom,
        "paired": PairedImages,
        "paired-volumes": PairedVolumes,
    },
)


def build_dataset(config: DataConfig, seed: int = 0) -> Dataset:
    """The dataset a configuration names.

    Args:
        config: Its ``dataset``, ``root``, ``dataset_options`` and ``split_seed`` are used.
        seed: Seeds simulated images and the order of ``limit``, unless the split has a seed of its own.

    Raises:
        UnknownNameError: If no dataset has this name.
        ConfigError: If the dataset does not take one of the options, a built-in one is given a folder, no folder can be
            called so, or it may not be looked into.
    """
    root = None if config.root is None else located(Path(config.root).expanduser())
    if root is not None:
        _refuse_impossible(root)
        refuse_outside(root)
    dataset = DATASETS.build(config.dataset, root, config.seed_beside(seed), **config.dataset_options)
    if root is not None and not dataset.needs_download:
        raise ConfigError(
            f"Dataset {config.dataset!r} is built in and reads no folder, got {config.root!r}. "
            "Choose another dataset, or leave the folder empty.",
            "root",
        )
    return dataset


def dataset_class(name: str) -> type[Dataset]:
    """What a dataset declares of itself, without building it.

    Raises:
        UnknownNameError: If no dataset has this name.
    """
    return cast("type[Dataset]", DATASETS[name])  # a registry may hold any factory, this one holds classes


def target_of(name: str) -> str:
    """What the targets of a dataset are: ``classes`` of pixels, or an ``image``.

    Raises:
        UnknownNameError: If no dataset has this name.
    """
    return dataset_class(name).target


def _refuse_impossible(root: Path) -> None:
    """Refuse what no folder can be called, and what could not be stored."""
    if _unspeakable(str(root)):
        why = "is not UTF-8, so it cannot be stored; rename the folder, or link to it"
        raise ConfigError(f"The folder {shortened(root)} {why}.", "root")
    refuse_impossible(root, "The folder", "root")
