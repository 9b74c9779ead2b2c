"""From configuration to objects: the only place that knows every registry."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from dmf.config import DEFAULT_TASK, DataConfig, ExperimentConfig, FusionConfig, PluginConfig, RunConfig
from dmf.config_text import build as from_plain
from dmf.data import DATASETS, Dataset, PreparedData, build_dataset, dataset_class, prepare, split_cases, target_of
from dmf.data.augment import Augment, require_once
from dmf.data.batches import DeviceData
from dmf.data.original import Original, read_labels, read_original
from dmf.data.oversampling import require_classes, sampling_shares
from dmf.data.prepare import choose_cases
from dmf.data.sizes import first_epochs, prepare_stages
from dmf.data.split import PARTS
from dmf.errors import ConfigError, DataError, UnknownNameError, naming_plugins
from dmf.fingerprint import fingerprint
from dmf.fusion import Fusion
from dmf.live_settings import Settings
from dmf.lr_schedules import LR_SCHEDULES, LRSchedule
from dmf.models import MODELS, attention_maps, build_model, declared_options
from dmf.models.sizes import require_batches, require_sizes
from dmf.optimizers import OPTIMIZERS, OptimizerKind
from dmf.options import Options
from dmf.plugins import require
from dmf.registry import unknown
from dmf.schedule import SCHEDULES, build_schedule
from dmf.seeding import derive
from dmf.tasks import TASKS, SampleCase, Task, find_task
from dmf.tasks.feed import Feed
from dmf.terms import LossBank
from dmf.training import Numerics, Plan, TrainingRun
from dmf.training.environment import environment as describe_environment
from dmf.weighting import WEIGHTINGS, build_weighting
from dmf.weighting.host import statistics_dtype

TARGETS = {"classes": "class of every pixel", "image": "image to be made"}

DATA_FIELDS = ("dataset", "root", "dataset_options", "split_seed")  # what tells where a case lies

SAMPLES = 4  # validation images whose predictions are shown


def choices(task: str = DEFAULT_TASK) -> dict[str, tuple[str, ...]]:
    """Names a configuration of a task may use, by field.

    Raises:
        UnknownNameError: If no task has this name.
    """
    chosen = find_task(task)
    losses = tuple(chosen.losses())
    return {
        "task": tuple(TASKS),
        "dataset": tuple(name for name in DATASETS if target_of(name) == chosen.target),
        "model": tuple(MODELS),
        "terms": losses,
        "weighting": tuple(WEIGHTINGS),
        "auxiliary": ("none", *losses),
        "schedule": tuple(SCHEDULES),
        "optimizer": tuple(OPTIMIZERS),
        "lr_schedule": tuple(LR_SCHEDULES),
    }


@naming_plugins()
def build_fusion(config: FusionConfig, steps_per_epoch: int = 1, dtype: torch.dtype = torch.float64) -> Fusion:
    """The fusion that ``config`` names; ``decay_every="epoch"`` becomes ``steps_per_epoch`` steps.

    Raises:
        ConfigError: If a name is unknown or an option does not fit.
    """
    return Fusion(
        build_weighting(config, dtype),
        history_max=config.history_max,
        schedule=build_schedule(config, steps_per_epoch),
        detach_weights=config.detach_weights,
    )


@naming_plugins()
def validate(config: ExperimentConfig) -> None:
    """Build everything that needs no data and throw it away, to refuse early what cannot work.

    Raises:
        ConfigError: With the field to blame.
    """
    with attribute_errors_to("dataset"):
        dataset = build_dataset(config.data, config.training.seed)
    task = build_task(config, dataset)
    resolve_device(config.training.device)
    network = build_network(config, dataset.in_channels, task)
    sizes = config.data.sizes or (config.data.image_size,)
    require_sizes(network, sizes[:-1], dataset.in_channels, config.model.model)
    require_batches(network, sizes, config.training.batch_size, dataset.in_channels, config.model.model)
    first_epochs(config.data.sizes, config.training.epochs)
    require_once(config.training.augment)
    require_classes(config.training.oversample, are_classes=dataset.target == "classes")
    build_optimizer(config)
    build_lr_schedule(config)
    watched_metric(config, task)
    for run in config.runs:
        with attribute_errors_to("weighting"):
            build_fusion(run.fusion)
        bank = task.bank(run.fusion)
        if isinstance(bank, LossBank):
            bank.require_size(min(sizes), min(sizes))


def build_task(config: ExperimentConfig, dataset: Dataset) -> Task:
    """The task that ``config`` names, on a dataset of which nothing need be read.

    Raises:
        ConfigError: If no task has this name, or the dataset does not offer what it needs.
    """
    with attribute_errors_to("task"):
        task = find_task(config.task)
    if dataset.target != task.target:
        fitting = [name for name in DATASETS if target_of(name) == task.target]
        raise ConfigError(
            f"Dataset {config.data.dataset!r} has no {TARGETS[task.target]}, which task {config.task!r} needs. Choose "
            f"one of: {', '.join(fitting)}.",
            "dataset",
        )
    return task.of(dataset, config)


def build_network(config: ExperimentConfig, in_channels: int, task: Task) -> torch.nn.Module:
    """The network of an experiment as it is before the first step, with the head that its task gives it.

    Raises:
        ConfigError: If the network does not exist, or cannot be as ``config`` says.
    """
    size, seed = config.data.image_size, config.training.seed
    return task.network(build_model(config.model, in_channels, task.output_channels, size, seed))


def build_optimizer(config: ExperimentConfig) -> OptimizerKind:
    """What makes the optimizer of each run, with the options that it takes.

    Raises:
        UnknownNameError: If no optimizer has this name.
    """
    choice = config.training.optimizer
    with attribute_errors_to("optimizer"):
        kind = OPTIMIZERS[choice.name]
    return kind(**choice.options)


def build_lr_schedule(config: ExperimentConfig) -> LRSchedule:
    """The schedule of the learning rate that is chosen, with the options that it takes.

    Raises:
        UnknownNameError: If no schedule has this name.
    """
    choice = config.training.lr_schedule
    with attribute_errors_to("lr_schedule"):
        kind = LR_SCHEDULES[choice.name]
    return kind(**choice.options)


def watched_metric(config: ExperimentConfig, task: Task) -> str:
    """The validation metric that patience and plateau watch.

    Raises:
        ConfigError: If the task has no such metric, or nobody knows which of its values are better.
    """
    name = config.training.watch or task.headline
    try:
        better = task.metric_info(name).better
    except KeyError:
        raise ConfigError(unknown("metric", name, task.metrics), "watch") from None
    if better is None:
        raise ConfigError(f"watch: {name} is no score of which values are better.", "watch")
    return name


def task_defaults(name: str) -> dict[str, Any]:
    """Fields of a configuration that a task has other defaults for than the configuration itself.

    Raises:
        UnknownNameError: If no task has this name.
    """
    task = find_task(name)
    return {} if name == DEFAULT_TASK else {"dataset": task.dataset, "terms": task.terms, "auxiliary": task.auxiliary}


@naming_plugins()
def estimate_steps(config: ExperimentConfig) -> dict[str, int]:
    """Images of each split and ``steps_per_epoch``, from listing the cases.

    Images are read only where duplicates are grouped for the first time.

    Raises:
        ConfigError: If not even one training batch can be filled.
        DataError: If the dataset is missing, damaged or too small to be split.
    """
    seed, batch_size = config.training.seed, config.training.batch_size
    dataset = build_dataset(config.data, seed)
    indices = split_cases(dataset, choose_cases(dataset, config.data.limit), config.data, seed)
    images = {split: len(getattr(indices, split)) for split in ("train", "validation", "test")}
    if batch_size > images["train"]:
        raise ConfigError(
            f"A batch of {batch_size} cannot be filled from {images['train']} training images; "
            f"the largest batch size that works is {images['train']}.",
            field="batch_size",
        )
    return {**images, "steps_per_epoch": images["train"] // batch_size}


@naming_plugins()
def prepare_ahead(config: DataConfig, seed: int) -> None:
    """Make the images of a dataset now, so that an experiment on them finds them in the cache.

    Raises:
        ConfigError: If something does not fit.
        DataError: If the dataset is missing or damaged.
    """
    prepare(build_dataset(config, seed), config)


@naming_plugins()
def folder_of_images(config: ExperimentConfig) -> Path | None:
    """The folder that the dataset of an experiment reads; None where it reads none.

    Raises:
        ConfigError: If something does not fit.
        DataError: If nothing lies there.
    """
    dataset = build_dataset(config.data, config.training.seed)
    if not dataset.needs_download:
        return None
    dataset.cases()
    return dataset.root


def dataset_options(name: str) -> type[Options]:
    """What a dataset declares of its options.

    Raises:
        UnknownNameError: If no dataset has this name.
    """
    return dataset_class(name).declares


def model_options(name: str) -> type[Options]:
    """What a network declares of options of its own.

    Raises:
        UnknownNameError: If no network has this name.
    """
    return declared_options(MODELS[name])


def dataset_title(name: str) -> str:
    """What a dataset is called in full.

    Raises:
        UnknownNameError: If no dataset has this name.
    """
    return dataset_class(name).title


@naming_plugins()
def original_case(config: ExperimentConfig | DataConfig | Mapping[str, Any], case: str) -> Original:
    """One case of the dataset of an experiment at its original size; nothing else is read.

    Args:
        config: The experiment; as plain data where a program of someone's own recorded it. Data alone has seed 0.
        case: Id of the case.

    Raises:
        ConfigError: If the dataset cannot be what the configuration says, or its plug-in is not loaded.
        DataError: If its name was not recorded, it is not on this machine, has no such case, or a file is damaged.
    """
    return read_original(_dataset_of(config), case)


@naming_plugins()
def case_labels(config: ExperimentConfig | DataConfig | Mapping[str, Any]) -> dict[str, str]:
    """What the images of the dataset of an experiment show, e.g. malignant, by case; only those of which it says it.

    Raises:
        ConfigError, DataError: As :func:`original_case`.
    """
    return read_labels(_dataset_of(config))


def _dataset_of(config: ExperimentConfig | DataConfig | Mapping[str, Any]) -> Dataset:
    if isinstance(config, DataConfig):
        return build_dataset(config)
    if isinstance(config, ExperimentConfig):
        require(config.plugins)
        return build_dataset(config.data, config.training.seed)
    fields = config.get("data") or {}
    if "dataset" not in fields:
        raise DataError("Which dataset its images are from was not recorded with this run, so they cannot be shown.")
    require(from_plain(PluginConfig, plugin) for plugin in config.get("plugins") or ())
    data: DataConfig = from_plain(DataConfig, {name: fields[name] for name in DATA_FIELDS if name in fields})
    return build_dataset(data, int((config.get("training") or {}).get("seed") or 0))


@contextmanager
def attribute_errors_to(field: str) -> Iterator[None]:
    """Name the field of a name that a registry refused: it cannot know where the name came from."""
    try:
        yield
    except UnknownNameError as error:
        error.field = error.field or field
        raise


def resolve_device(name: str) -> torch.device:
    """The device ``name`` stands for; ``auto`` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: If there is no such device here.
    """
    available = devices()[1:]
    if name == "auto":
        return torch.device(available[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in available:
        raise ConfigError(f"There is no device {name!r} here. Choose one of: auto, {', '.join(available)}.", "device")
    return torch.device(wanted)


def devices() -> tuple[str, ...]:
    """Devices a configuration may name here, ``auto`` first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ("auto", *cuda, *(("mps",) if torch.backends.mps.is_available() else ()), "cpu")


def numerics(config: ExperimentConfig) -> Numerics:
    """How the networks of ``config`` compute here; ``memory_format="auto"`` becomes the faster one of the device.

    Raises:
        ConfigError: If there is no such device here, or the precision needs another one.
    """
    training = config.training
    device = resolve_device(training.device)
    if training.precision == "tf32" and device.type != "cuda":
        raise ConfigError(f"Precision tf32 needs a cuda device, this is {device}; choose float32.", "precision")
    # Measured: channels-last is faster on CPUs and on tensor cores, slower for float32 on cuda and on mps.
    is_faster = device.type == "cpu" or (device.type == "cuda" and training.precision != "float32")
    channels_last = is_faster if training.memory_format == "auto" else training.memory_format == "channels_last"
    return Numerics(device, training.precision, training.threads, channels_last, training.deterministic)


def environment(config: ExperimentConfig) -> dict[str, Any]:
    """What else decided the result: versions, device, processor."""
    return describe_environment(resolve_device(config.training.device))


@dataclass(frozen=True)
class Workbench:
    """Everything the runs of one experiment share, ready to train."""

    config: ExperimentConfig
    data: PreparedData
    feed: Feed
    task: Task
    samples: tuple[SampleCase, ...]
    numerics: Numerics

    def run(self, id: str, config: RunConfig, folder: Path, former: str = "") -> TrainingRun:
        """A fresh run; its network starts from the same weights as every other's.

        Args:
            id: What the store calls it.
            config: What it has of its own.
            folder: Where its checkpoints lie.
            former: Fingerprint that an earlier version of this program gave to it, see :mod:`dmf.former`.

        Raises:
            ConfigError: If something does not fit.
        """
        training, seed = self.config.training, self.config.training.seed
        device = self.numerics.device
        model = build_network(self.config, self.data.images.shape[1], self.task)

        def fusion(settings: FusionConfig) -> Fusion:
            return build_fusion(settings, self.feed.steps_per_epoch, statistics_dtype(device)).to(device)

        return TrainingRun(
            id=id,
            label=config.label,
            training=training,
            settings=Settings(training.lr, config.fusion),
            model=model.to(device).to(memory_format=self.numerics.memory_format),
            bank=self.task.bank(config.fusion).to(device),
            build_fusion=fusion,
            numerics=self.numerics,
            optimizer=build_optimizer(self.config),
            lr_schedule=build_lr_schedule(self.config),
            steps_total=self.feed.steps_per_epoch * training.epochs,
            seed=derive(seed, "run"),
            folder=folder,
            fingerprint=fingerprint(self.config, config),
            former=former,
            attention=attention_maps,
        )

    def plan(self, experiment: str) -> Plan:
        """How far to train, and how to judge."""
        watched = watched_metric(self.config, self.task)
        return Plan(experiment, self.config.training, self.config.data.image_size, watched)

    def facts(self) -> dict[str, Any]:
        """What the page says about the experiment before the first step."""
        choice = asdict(self.numerics) | {"device": str(self.numerics.device)}
        steps = self.feed.steps_per_epoch
        return {
            **choice,
            "bit_reproducible": self.numerics.is_bit_reproducible,
            "images": self.feed.images,
            **self.task.facts(),
            "steps_per_epoch": steps,
            "steps_total": steps * self.config.training.epochs,
            "groups": len({case.group for case in self.data.cases if case.group is not None}),
            "given_split": [part for part in PARTS if any(case.split == part for case in self.data.cases)],
        }


def build_workbench(config: ExperimentConfig, on_progress: Callable[[int, int], None] | None = None) -> Workbench:
    """Prepare data, splits and batches of an experiment.

    Args:
        config: The experiment.
        on_progress: Called with (cases prepared, cases in all) while images are prepared.

    Raises:
        ConfigError: If something does not fit.
        DataError: If the dataset is missing or damaged.
    """
    seed = config.training.seed
    choice = numerics(config)
    dataset = build_dataset(config.data, seed)
    stages = prepare_stages(dataset, config.data, config.training.epochs, on_progress=on_progress)
    data = stages[-1].data
    indices = split_cases(dataset, data.cases, config.data, seed, on_progress=on_progress)
    device_data = DeviceData(data, choice.device, channels_last=choice.channels_last)
    smaller = [
        (later.first_epoch, DeviceData(stage.data, choice.device, channels_last=choice.channels_last))
        for stage, later in pairwise(stages)
    ]
    feed = Feed(
        data,
        device_data,
        indices,
        batch_size=config.training.batch_size,
        seed=seed,
        shares=sampling_shares(data.targets, indices.train, config.training.oversample, len(data.class_names)),
        augment=Augment(config.training.augment, config.training.augment_strength, seed)
        if config.training.augment
        else None,
        smaller=smaller,
    )
    task = build_task(config, dataset)
    task.learn(data, indices.train)
    shown = task.choose_samples(data, [int(position) for position in indices.validation])[:SAMPLES]
    return Workbench(
        config=config,
        data=data,
        feed=feed,
        task=task,
        samples=tuple(SampleCase(feed.case_id(position), feed.sample(position)) for position in shown),
        numerics=choice,
    )
