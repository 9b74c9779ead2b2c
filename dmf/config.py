"""Configuration as frozen plain data: names and numbers, never objects, saved with the run and enough to rebuild it.

Field descriptions are the one source of the help texts: command line, page tooltips and docs show them.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import to_jsonable_python as to_jsonable

from dmf import declared
from dmf.errors import UnknownNameError
from dmf.options import Choice, Fraction, FrozenConfig, NonNegative, Options, Positive, beside_name, default_of, slider
from dmf.registry import unknown
from dmf.words import beside_choice, distribute, gather, in_places, kind_of, numbered, value_of

DEFAULT_TASK = "segmentation"
"""The task of whatever does not name one: all that was made before there were others."""


CHOSEN_FOR_ALL: tuple[Literal["optimizer", "lr_schedule"], ...] = ("optimizer", "lr_schedule")
"""Fields of the training that are methods with options of their own."""


class DataConfig(FrozenConfig):
    """Which cases, and how they are prepared. Everything here is shared by all runs of an experiment."""

    dataset: str = Field(
        "phantom",
        description="Where images and masks come from; its options may stand behind the name, as in busi,normal=true.",
    )
    root: str | None = Field(None, description="Folder the dataset lies in; default data/raw/<dataset>.")
    dataset_options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of the dataset, as key=value with commas between."
    )
    limit: int | None = Field(None, ge=4, description="Use only this many cases, drawn by the seed.")
    image_size: int = Field(128, ge=16, le=2048, description="Side of the square images the network sees, in pixels.")
    sizes: tuple[Annotated[int, Field(ge=16, le=2048)], ...] = Field(
        (),
        max_length=16,
        description="Sides of the training images, such as 64,96,128, each for an equal share of the epochs; the last "
        "is the image size, which is judged throughout.",
    )
    fit: Literal["stretch", "pad"] = Field(
        "stretch", description="How an image is made square: stretched as in the paper, or padded to keep its shape."
    )
    filter: bool = Field(
        False,
        description="Smooth the grain of ultrasound (speckle) before resizing, with a filter that keeps edges.",
    )
    filter_diameter: int = Field(
        9, ge=1, le=31, description="Width of the neighbourhood that the filter averages, in pixels."
    )
    filter_sigma_space: Positive = Field(
        75.0, description="How far apart two pixels may lie and still be averaged, in pixels."
    )
    filter_sigma_intensity: Positive = Field(
        75.0, description="How different two pixels may be and still be averaged, in grey levels (0-255)."
    )
    split: tuple[Fraction, Fraction, Fraction] = Field(
        (0.70, 0.15, 0.15), description="Shares of cases for training, validation and test; they sum to 1."
    )
    folds: int = Field(
        1,
        ge=1,
        le=20,
        description="Cross-validation: cases are dealt into so many folds by group, and each is tested once; 1 is the "
        "split alone.",
    )
    fold: int | None = Field(
        None, ge=1, le=20, description="The fold that is tested, from 1; none is each in turn, an experiment each."
    )
    split_seed: int | None = Field(
        None,
        ge=0,
        le=2**31 - 1,
        title="Seed of the split",
        description="Decides the split, and what images a simulated dataset has, apart from the seed of the training; "
        "none is the same as that.",
    )
    duplicates: Literal["keep", "group"] = Field(
        "keep",
        description="Images that look the same: split like any others (keep), or kept in one split together (group).",
    )

    def absolute(self) -> Self:
        """The same with a folder that is found again wherever a program is started later."""
        if self.root is None:
            return self
        return self.model_copy(update={"root": str(Path(self.root).expanduser().absolute())})

    def seed_beside(self, seed: int) -> int:
        """What the split and simulated images are drawn with, where the training has ``seed``."""
        return seed if self.split_seed is None else self.split_seed

    @model_validator(mode="before")
    @classmethod
    def _options_beside_the_name(cls, data: Any) -> Any:
        return beside_name(data, "dataset", "dataset_options")

    @model_validator(mode="before")
    @classmethod
    def _the_last_size_is_the_image_size(cls, data: Any) -> Any:
        sizes = data.get("sizes") if isinstance(data, Mapping) and "image_size" not in data else None
        last = str(sizes[-1]) if isinstance(sizes, list | tuple) and sizes else ""
        return {**data, "image_size": int(last)} if last.isascii() and last.isdigit() else data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.sizes and self.sizes[-1] != self.image_size:
            raise ValueError(
                f"sizes: the last size must be the image size, {self.image_size}, at which everything is judged, got "
                f"{self.sizes[-1]}; let the sizes end there, or change the image size"
            )
        if self.fold is not None and self.fold > self.folds:
            held = "is 1 fold, the split itself" if self.folds == 1 else f"are {self.folds} folds"
            raise ValueError(f"fold: there {held}, got {self.fold}; raise folds, or choose another")
        again = [size for size, following in pairwise(self.sizes) if size == following]
        if again:
            raise ValueError(f"sizes: {again[0]} follows itself; each size has an equal share of the epochs already")
        return self

    @field_validator("split")
    @classmethod
    def _split_sums_to_one(cls, split: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(split) - 1) > 1e-9:
            raise ValueError(f"the three shares must sum to 1, got {split} which sum to {sum(split):g}")
        if min(split) <= 0:
            raise ValueError(f"every share must be above 0, got {split}")
        return split


class ModelConfig(FrozenConfig):
    """The network every run of an experiment starts from."""

    model: str = Field(
        "unet",
        description="The network: unet (the paper's), fcn, segnet, deeplabv3, deeplabv3plus, fpn-mask, or "
        "smp:<architecture>/<encoder>, with options as in unet,filters=32.",
    )
    filters: int = Field(
        16,
        ge=1,
        le=256,
        description="Size of the network: channels of its first level, doubled at each deeper one; not of smp: ones.",
    )
    attention: Literal["none", "gate", "spatial", "channel", "hybrid", "scse"] = Field(
        "none",
        description="What the decoder learns to let pass: by where a coarser level looks (gate), by place, by channel, "
        "or both (hybrid; scse of smp:unet).",
    )
    normalize: Literal["unit", "zscore"] = Field(
        "unit",
        description="What the network sees: intensities from 0 to 1 (unit), or each image with mean 0 and standard "
        "deviation 1 (zscore).",
    )
    pretrained: bool = Field(False, description="Start an smp: network from ImageNet weights, which are downloaded.")
    model_options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of a network of your own, as key=value with commas between."
    )

    @model_validator(mode="before")
    @classmethod
    def _options_beside_the_name(cls, data: Any) -> Any:
        return beside_name(data, "model", "model_options", cls.model_fields)


class TrainingConfig(FrozenConfig):
    """How long, how fast and where; shared by all runs of an experiment."""

    epochs: int = Field(20, ge=1, le=100_000, description="Passes over the training images.")
    batch_size: int = Field(
        8, ge=1, le=4096, description="Images per optimizer step; the last incomplete batch is dropped."
    )
    oversample: Literal["none", "class", "area"] = Field(
        "none",
        description="Which training images come more often: those with the rarest classes (class), those whose classes "
        "but for the background are small (area), or none.",
    )
    augment: tuple[Literal["flip", "rotate", "crop", "elastic", "intensity"], ...] = Field(
        (),
        description="Random changes of the training images, the same for every run: flip, rotate, crop (half of them "
        "around what is not background), elastic, intensity.",
    )
    augment_strength: Positive = Field(
        1.0, le=4, description="Factor of their amounts; at 1 rotations are up to 15 degrees, crops at least 0.7 wide."
    )
    lr: Positive = Field(1e-3, description="Learning rate: how far each step of the optimizer moves the network.")
    optimizer: Choice = Field(
        Choice(name="adam"),
        title="Optimizer",
        description="How steps are made of gradients: adam, adamw or sgd, with options of its own as in "
        "sgd,momentum=0.9.",
    )
    lr_schedule: Choice = Field(
        Choice(name="constant"),
        title="Learning rate schedule",
        description="How the learning rate goes over the training: constant, cosine, polynomial or plateau.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        title="Patience",
        description="A run ends early after this many epochs without a better validation score; none is never.",
    )
    watch: str = Field(
        "",
        title="Score that is watched",
        description="The validation metric that patience and plateau watch; empty is the one that decides.",
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Decides all chance: the same seed gives the same split, batches and first network.",
    )
    seeds: tuple[Annotated[int, Field(ge=0, le=2**31 - 1)], ...] = Field(
        (),
        max_length=20,
        title="Seeds",
        description="Seeds such as 0,1,2: an experiment each, on one split (that of the first seed, unless the split "
        "has a seed of its own); a single one is the seed.",
    )
    device: str = Field(
        "auto",
        description="Where to train: auto takes an NVIDIA GPU (cuda), else an Apple one (mps), else the CPU.",
    )
    deterministic: bool = Field(
        False, description="On cuda, use only methods that give the same bits every time (slower)."
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32", description="How exactly the network computes; losses and weights always use float32 or better."
    )
    threads: int = Field(
        2,
        ge=1,
        le=256,
        description="CPU threads of one training step; another number changes the last digits of results.",
    )
    memory_format: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="How images lie in memory; auto takes the way that is faster on the device."
    )
    test_at: Literal["best", "last"] = Field(
        "best",
        description="Epoch whose network is tested: that of the best validation CB-Dice (as the paper) or the last.",
    )
    gradients: Literal["off", "logits", "parameters"] = Field(
        "off",
        description="Measure how the losses pull at the network: at its output (logits, cheap), at all its weights "
        "(parameters, dear), or not at all.",
    )
    gradients_every: int = Field(
        10, ge=1, le=100_000, description="Steps from one measurement of the losses' gradients to the next."
    )
    absent: Literal["one", "zero", "ignore"] = Field(
        "ignore",
        title="Dice when the class is absent",
        description="What a class in neither truth nor prediction scores: nothing, it is left out of every mean "
        "(ignore), 1 (one) or 0 (zero, as the notebook).",
    )
    metrics_over: Literal["split", "batch"] = Field(
        "split",
        description="What scores are counted over: all images of a split together (split), or each batch, and then the "
        "mean over batches (batch, as the notebook).",
    )
    keep_probabilities: Literal["both", "best", "last", "none"] = Field(
        "both",
        description="Whose probabilities of the test images are kept for inspection: the best network's, the last's, "
        "both or none.",
    )
    probabilities_mb: Positive = Field(
        64.0, description="Most disk space for the probabilities of one run, in megabytes; what exceeds it is not kept."
    )

    @model_validator(mode="before")
    @classmethod
    def _the_first_of_the_seeds_is_the_seed(cls, data: Any) -> Any:
        seeds = data.get("seeds") if isinstance(data, Mapping) else None
        if not isinstance(seeds, list | tuple) or not seeds:
            return data
        if str(data.get("seed", seeds[0])) != str(seeds[0]):
            raise ValueError(f"seed: {data['seed']} is not the first of the seeds; say either seed or seeds")
        return {**data, "seed": seeds[0], "seeds": seeds if len(seeds) > 1 else ()}

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} stands there twice; the same seed gives the same run")
        return seeds

    @model_validator(mode="before")
    @classmethod
    def _options_to_their_methods(cls, data: Any) -> Any:
        for kind in CHOSEN_FOR_ALL:
            data = beside_choice(data, kind, kind, cls.model_fields[kind].default)
        return data

    @model_serializer(mode="wrap")  # of the whole: one of a field would write what stands at its default
    def _as_text(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = write(self)
        return dumped | {kind: getattr(self, kind).text for kind in CHOSEN_FOR_ALL if kind in dumped}


class FusionConfig(FrozenConfig):
    """How one run combines its losses. Runs of an experiment may differ in anything here.

    A loss, weighting or schedule stands here as a :class:`dmf.options.Choice`: its name with the options that differ
    from its defaults. Options may also be given, and are read, by their words, such as ``cov_decay`` for the ``decay``
    of cov: a word counts for every chosen method that has it, ``<place>.<option>`` for one alone, where the place is
    ``weighting``, ``auxiliary``, ``schedule`` or a name of :attr:`term_names`. Words of methods that are not chosen are
    kept for when a run turns to one that has them.
    """

    terms: tuple[Choice, ...] = Field(
        (Choice(name="ce"), Choice(name="iou"), Choice(name="dice")),
        min_length=1,
        max_length=6,
        description="The losses L1..LK that are added up, each with a weight of its own.",
    )
    weighting: Choice = Field(Choice(name="variance"), description="The rule that sets the weights W1..WK.")
    history_max: int = Field(
        100,
        ge=2,
        le=100_000,
        title="Window length",
        description="How many of the latest steps' losses are remembered.",
        json_schema_extra=slider(2, 2000, integer=True),
    )
    detach_weights: bool = Field(
        True,
        description="Take weights as constants in the gradient; false is the notebook, which differentiates them.",
    )
    auxiliary: Choice = Field(
        Choice(name="cb-dice"), description="Extra loss that helps early and fades; none leaves it out."
    )
    gamma: NonNegative = Field(1.0, le=1e6, description="Weight of the auxiliary loss at the start, gamma_0.")
    schedule: Choice = Field(
        Choice(name="exponential"),
        description="How the auxiliary weight falls: exponential, linear, cosine, step or constant; linear and cosine "
        "reach 0 after 1/decay-rate periods.",
    )
    loss_counts: Literal["soft", "hard"] = Field(
        "soft",
        description="Overlaps counted from probabilities (soft), or from labels (hard, the notebook: no gradient).",
    )
    spare: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of methods that are not chosen, by their word: a method that a run turns to has them.",
    )

    _task: str | None = PrivateAttr(default_factory=declared.current_task)  # whose losses its names mean

    @model_validator(mode="before")
    @classmethod
    def _options_to_their_methods(cls, data: Any) -> Any:
        return distribute(data, cls.model_fields) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Self:
        twice = sorted({term.text for term in self.terms if self.terms.count(term) > 1})
        if twice:
            raise ValueError(
                f"terms: each loss may appear once, got {':'.join(term.text for term in self.terms)}; give one of them "
                "other options"
            )
        for place, choice in self.places.items():
            if options := declared.options(kind_of(place), choice):
                options.check(
                    len(self.terms), self.history_max, sums=place == "weighting" and declared.sums(choice.name)
                )
        return self

    def __eq__(self, other: object) -> bool:
        """Whether both combine the losses alike; what is spare does not count."""
        if not isinstance(other, FusionConfig):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in type(self).model_fields if name != "spare")

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in type(self).model_fields if name != "spare"))

    @property
    def task(self) -> str | None:
        """The task whose losses are meant: that of the experiment that it was read for; None where it was for none."""
        return self._task

    def for_task(self, task: str) -> Self:
        """The same words, read with the losses of a task."""
        if task == self._task:
            return self
        flat = self.flat(changed=True)
        with declared.of_task(task):
            return type(self).model_validate(flat)

    @property
    def term_names(self) -> tuple[str, ...]:
        """What each loss is called in columns and charts: its name, the second of the same name ``tversky-2``."""
        return numbered([term.name for term in self.terms])

    @property
    def places(self) -> dict[str, Choice]:
        """Every method that is chosen, by its place."""
        places = in_places(self.terms, self.weighting, self.auxiliary, self.schedule)
        return {place: choice for place, choice in places.items() if choice.name != "none" or place == "schedule"}

    def options(self, place: str) -> Options:
        """All options of the method at a place, at their default where nothing else is chosen.

        Raises:
            UnknownNameError: If the method is not known here.
        """
        kind, choice = kind_of(place), self.places[place]
        with declared.of_task(self._task):
            options = declared.options(kind, choice)
            if options is None:
                raise UnknownNameError(unknown(kind, choice.name, declared.registry(kind)), kind)
        return options

    def flat(self, *, changed: bool = False, spare: bool = True) -> dict[str, Any]:
        """Everything by one word, from which the same configuration is read again.

        Methods stand by their name alone, ``terms`` as :attr:`term_names`. Where methods that share a word differ in
        it, it is ``<place>.<option>`` for each.

        Args:
            changed: Only what differs from the default.
            spare: Also options of methods that are not chosen.
        """
        methods: dict[str, Any] = {
            "terms": self.term_names,
            "weighting": self.weighting.name,
            "auxiliary": self.auxiliary.name,
            "schedule": self.schedule.name,
        }
        own = {name: getattr(self, name) for name in type(self).model_fields if name not in (*methods, "spare")}
        if changed:
            own = {name: value for name, value in own.items() if value != type(self).model_fields[name].default}
            methods = {
                name: value
                for name, value in methods.items()
                if getattr(self, name) != type(self).model_fields[name].default
            }
        with declared.of_task(self._task):
            of_methods = gather(self.places, own_fields=type(self).model_fields, changed=changed)
        return methods | own | of_methods | (self.spare if spare else {})

    def recorded(self) -> dict[str, Any]:
        """:meth:`flat` as plain data to be stored, with every option of every method that comes with the program.

        What was not chosen stands at its default, so that runs of other methods, and of earlier versions, have the
        same fields, and a default that changes later does not change what is known of a run.
        """
        with declared.of_task(self._task):
            others = {word: default_of(about.info) for word, about in declared.words().items() if about.is_built_in}
        flat = self.flat()
        given = {key.rpartition(".")[2] for key in flat if "." in key}
        plain: dict[str, Any] = to_jsonable({word: value for word, value in others.items() if word not in given} | flat)
        return plain

    def replace(self, **words: Any) -> Self:
        """The same with other values, by field or word. Another method keeps the options that it shares by name."""
        with declared.of_task(self._task):
            return type(self).model_validate(self.flat(changed=True) | words)

    if not TYPE_CHECKING:  # a wrong name of a field stays an error to whoever checks types

        def __getattr__(self, word: str) -> Any:
            """An option by its word: that of the chosen methods, else the default of the first that has it."""
            if word.startswith("_"):
                return super().__getattr__(word)
            with declared.of_task(self._task):
                return self.spare[word] if word in self.spare else value_of(self.places, word)


class RunConfig(FrozenConfig):
    """One run of an experiment: a label and its fusion."""

    label: str
    fusion: FusionConfig


class PluginConfig(FrozenConfig):
    """A file of someone's own that an experiment uses, see :mod:`dmf.plugins`."""

    path: str = Field(description="Where the file lay when the experiment was made; whole.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of its bytes, in hexadecimal.")


class ExperimentConfig(FrozenConfig):
    """One launch: the same data, network and training for 1..M runs that differ in their fusion."""

    name: str = Field("", max_length=200, description="A name to find the experiment by.")
    task: str = Field(DEFAULT_TASK, description="What the networks learn to make of an image, and how it is judged.")
    task_options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of the task, as key=value with commas between."
    )
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    runs: tuple[RunConfig, ...] = Field(min_length=1, max_length=64)
    plugins: tuple[PluginConfig, ...] = Field(
        (), description="Files of someone's own that hold what is named above; filled in when the experiment is made."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _losses_are_of_the_task(cls, data: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        task = data.get("task", DEFAULT_TASK) if isinstance(data, Mapping) else getattr(data, "task", None)
        with declared.of_task(task if isinstance(task, str) else None):
            return read(data)

    def in_turn(self) -> tuple[Self, ...]:
        """One experiment for each seed, and of each for each fold, where several are wanted; else this one alone."""
        return tuple(fold for seeded in self.in_seeds() for fold in seeded.in_folds())

    def in_seeds(self) -> tuple[Self, ...]:
        """One experiment for each seed where several are wanted, all on one split; else this one alone."""
        seeds = self.training.seeds
        if not seeds:
            return (self,)
        data = self.data.model_copy(update={"split_seed": self.data.seed_beside(seeds[0])})
        return tuple(
            self.model_copy(
                update={
                    "name": self._followed_by(f", seed {seed}", max(len(f", seed {one}") for one in seeds)),
                    "data": data,
                    "training": self.training.model_copy(update={"seed": seed, "seeds": ()}),
                }
            )
            for seed in seeds
        )

    def _followed_by(self, words: str, longest: int) -> str:
        """The name of this, or of its data, with words behind it; room is left for the longest of these."""
        return f"{(self.name or self.data.dataset)[: 200 - longest]}{words}"

    def in_folds(self) -> tuple[Self, ...]:
        """One experiment for each fold where all are wanted in turn; else this one alone."""
        if self.data.folds == 1 or self.data.fold is not None:
            return (self,)
        folds = self.data.folds
        return tuple(
            self.model_copy(
                update={
                    "name": self._followed_by(f", fold {fold} of {folds}", len(f", fold {folds} of {folds}")),
                    "data": self.data.model_copy(update={"fold": fold}),
                }
            )
            for fold in range(1, folds + 1)
        )

    @field_validator("runs")
    @classmethod
    def _runs_are_of_the_task(cls, runs: tuple[RunConfig, ...]) -> tuple[RunConfig, ...]:
        task = declared.current_task()
        if task is None:
            return runs
        return tuple(run.model_copy(update={"fusion": run.fusion.for_task(task)}) for run in runs)

    @field_validator("runs")
    @classmethod
    def _labels_differ(cls, runs: tuple[RunConfig, ...]) -> tuple[RunConfig, ...]:
        labels = [run.label for run in runs]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} appears more than once; make the runs differ")
        return runs


NOTEBOOK: dict[str, bool | int | float | str] = {
    "history_min": 50,
    "history_max": 150,
    "floor": 0.0,
    "median": "notebook",
    "prior": "compound",
    "detach_weights": False,
    "gamma": 5.0,
    "decay_rate": 0.05,
    "decay_every": 100,
    "loss_counts": "hard",
    "fp_weight": 0.7,
    "fn_weight": 0.3,
    "cb_weights": "inverse",
    "cb_ratios": "batch",
    "focal_of": "precision",
}
"""Fields of :class:`FusionConfig` at the values of the authors' notebook."""
