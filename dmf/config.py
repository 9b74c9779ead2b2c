"""Configuration as frozen plain data: names and numbers, never objects, saved with the run and enough to rebuild it.

Field descriptions are the one source of the help texts: command line, page tooltips and docs show them.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]

SUMMING_WEIGHTINGS = (
    *("variance", "mad", "bayesian", "cov", "softadapt", "dwa", "random"),
    *("famo", "gradnorm", "upgrad", "mgda", "pcgrad", "dualproj"),
)
"""Weightings whose weights always have the same sum, so that limits of the weights must leave room for it."""

DEFAULT_TASK = "segmentation"
"""The task of whatever does not name one: all that was made before there were others."""


class FrozenConfig(BaseModel):
    """Immutable; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(FrozenConfig):
    """Which cases, and how they are prepared. Everything here is shared by all runs of an experiment."""

    dataset: str = Field("phantom", description="Where images and masks come from.")
    root: str | None = Field(None, description="Folder the dataset lies in; default data/raw/<dataset>.")
    dataset_options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of the dataset, e.g. normal=true for busi."
    )
    limit: int | None = Field(None, ge=4, description="Use only this many cases, drawn by the seed.")
    image_size: int = Field(128, ge=16, le=2048, description="Side of the square images the network sees, in pixels.")
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
    duplicates: Literal["keep", "group"] = Field(
        "keep",
        description="Images that look the same: split like any others (keep), or kept in one split together (group).",
    )

    def absolute(self) -> Self:
        """The same with a folder that is found again wherever a program is started later."""
        if self.root is None:
            return self
        return self.model_copy(update={"root": str(Path(self.root).expanduser().absolute())})

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
        description="The network: unet (the paper's), or smp:<architecture>/<encoder> of segmentation-models-pytorch.",
    )
    filters: int = Field(
        16, ge=1, le=256, description="Size of the U-Net: channels of its first level, doubled at each deeper one."
    )
    pretrained: bool = Field(False, description="Start an smp: network from ImageNet weights, which are downloaded.")


class TrainingConfig(FrozenConfig):
    """How long, how fast and where; shared by all runs of an experiment."""

    epochs: int = Field(20, ge=1, le=100_000, description="Passes over the training images.")
    batch_size: int = Field(
        8, ge=1, le=4096, description="Images per optimizer step; the last incomplete batch is dropped."
    )
    lr: Positive = Field(1e-3, description="Learning rate: how far each step of the Adam optimizer moves the network.")
    seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Decides all chance: the same seed gives the same split, batches and first network.",
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
        description="What a class in neither truth nor prediction scores: nothing, it is left out of every mean "
        "(ignore), 1 (one) or 0 (zero, as the notebook).",
    )
    keep_probabilities: Literal["both", "best", "last", "none"] = Field(
        "both",
        description="Whose probabilities of the test images are kept for inspection: the best network's, the last's, "
        "both or none.",
    )
    probabilities_mb: Positive = Field(
        64.0, description="Most disk space for the probabilities of one run, in megabytes; what exceeds it is not kept."
    )


class FusionConfig(FrozenConfig):
    """How one run combines its losses. Runs of an experiment may differ in anything here."""

    terms: tuple[str, ...] = Field(
        ("ce", "iou", "dice"),
        min_length=1,
        max_length=6,
        description="The losses L1..LK that are added up, each with a weight of its own.",
    )
    weighting: str = Field("variance", description="The rule that sets the weights W1..WK.")
    weights: tuple[NonNegative, ...] | None = Field(
        None, description="Fixed weights, or the weights an adaptive rule starts from; equal when not given."
    )
    history_min: int = Field(10, ge=2, description="Steps whose losses are collected before the weights first move.")
    history_max: int = Field(100, ge=2, le=100_000, description="How many of the latest steps' losses are remembered.")
    symlog: bool = Field(True, description="Dampen outliers: pass each loss history through sign(x) log(1+|x|) first.")
    minmax: bool = Field(True, description="Then stretch each history to 0..1, so that only its shape counts.")
    eps: Positive = Field(1e-7, description="Tiny number added where min-max scaling and 1/MAD would divide by zero.")
    floor: NonNegative | None = Field(
        None,
        description="Least spread a loss counts with; default 1e-6 for variance, 1e-3 for MAD and Bayesian.",
    )
    median: Literal["true", "notebook"] = Field(
        "true", description="The true median, or the notebook's, which swaps the even and the odd case."
    )
    prior: Literal["tempered", "fixed", "compound"] = Field(
        "tempered",
        description="Bayesian: a tempered prior forgets slowly, a fixed one never moves (uniform: equal to MAD), "
        "a compound one (the notebook) never forgets.",
    )
    prior_weights: tuple[Positive, ...] | None = Field(
        None, description="Bayesian: how much each loss counts before any history; equal when not given."
    )
    rho: Fraction = Field(0.9, description="Memory of the tempered prior: 0 is fixed, towards 1 is compound.")
    weight_min: NonNegative = Field(0.0, description="No weight falls below this.")
    weight_max: Positive | None = Field(None, description="No weight rises above this.")
    smoothing: Fraction = Field(
        0.0, description="How calmly weights move: the share of the last step's weights that is kept."
    )
    max_change: Positive | None = Field(None, description="No weight moves further than this in one step.")
    base_weights: tuple[Positive, ...] | None = Field(
        None,
        description="How much each loss counts whatever the rule says: its weights are multiplied by these, then "
        "brought back to their sum; equal when not given.",
    )
    sum_to: Literal["1", "K"] = Field("1", description="What the weights sum to: 1, or the number of losses K.")
    cov_mean: Literal["full", "decay"] = Field(
        "full", description="CoV: compare each loss with its mean of all steps so far (full), or with one that forgets."
    )
    cov_decay: Fraction = Field(
        0.9, description="CoV: share of the old mean that a mean which forgets keeps at each step."
    )
    cov_variance: Literal["corrected", "reference"] = Field(
        "corrected",
        description="CoV: a variance that forgets as its mean does, or that of the authors' code, which never does.",
    )
    softadapt_variant: Literal["normalized", "original", "loss-weighted", "both"] = Field(
        "normalized",
        description="SoftAdapt: plain slopes (original), slopes as shares of their sum, weights times the mean loss, "
        "or both.",
    )
    beta: Finite = Field(
        0.1, description="SoftAdapt: how much slopes count; above 0 favours losses that rise or fall least."
    )
    window: int = Field(5, ge=2, le=100_000, description="SoftAdapt: steps over which the slope of a loss is taken.")
    slope: Literal["backward", "least-squares", "reference"] = Field(
        "backward",
        description="SoftAdapt: slope at the newest loss, of a straight line through all (calmer), or as in the "
        "authors' package.",
    )
    temperature: Positive = Field(2.0, description="DWA: smaller temperatures part the weights more.")
    block_steps: int = Field(
        20, ge=1, le=100_000, description="DWA: steps of a block, over which losses are averaged; e.g. an epoch's."
    )
    weight_seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Random: decides the weights; the same number draws the same at every step."
    )
    mu: Positive = Field(
        0.1, description="Tchebycheff: smoothness of the maximum; smaller gives the worst loss all the weight."
    )
    ideal: tuple[Finite, ...] | None = Field(
        None, description="Tchebycheff: the best value each loss could reach; 0 when not given."
    )
    famo_lr: Positive = Field(0.025, description="FAMO: how fast its weights move, the step of their own Adam.")
    famo_decay: NonNegative = Field(1e-3, description="FAMO: pull of its weights back to equal ones (weight decay).")
    lower_bounds: tuple[Finite, ...] | None = Field(
        None, description="FAMO: a value each loss never falls below; 0 when not given."
    )
    weights_lr: Positive | None = Field(
        None, description="Learned weights (uncertainty, IMTL-L): their learning rate; the network's when not given."
    )
    uncertainty_form: Literal["regression", "classification"] = Field(
        "regression", description="Uncertainty: the likelihood, with or without 1/2 before the precision."
    )
    uncertainty_start: Finite = Field(
        0.0, ge=-10, le=10, description="Uncertainty: log of the variance that each loss starts with."
    )
    gradnorm_alpha: Finite = Field(
        1.5, description="GradNorm: how strongly losses that fall slowly are pushed; 0 only evens out the gradients."
    )
    gradnorm_lr: Positive = Field(0.025, description="GradNorm: how fast its weights move, the step of their own Adam.")
    gradient_of: Literal["parameters", "logits"] = Field(
        "parameters",
        description="Gradient methods: compare the losses' pulls at the network's weights (as published), or at its "
        "output (logits): cheap, but another method.",
    )
    detach_weights: bool = Field(
        True,
        description="Take weights as constants in the gradient; false is the notebook, which differentiates them.",
    )
    auxiliary: str = Field("cb-dice", description="Extra loss that helps early and fades; none leaves it out.")
    gamma: NonNegative = Field(1.0, le=1e6, description="Weight of the auxiliary loss at the start, gamma_0.")
    schedule: Literal["exponential", "linear", "cosine", "constant"] = Field(
        "exponential",
        description="How the auxiliary weight falls; linear and cosine reach 0 after 1/decay-rate periods.",
    )
    decay_rate: NonNegative = Field(0.05, description="How fast the auxiliary weight falls, per decay period.")
    decay_every: Literal["epoch"] | Annotated[int, Field(ge=1)] = Field(
        "epoch", description="Length of one decay period: epoch, or a number of steps."
    )
    loss_counts: Literal["soft", "hard"] = Field(
        "soft",
        description="Overlaps counted from probabilities (soft), or from labels (hard, the notebook: no gradient).",
    )
    smooth: NonNegative = Field(
        1e-6, description="Added above and below the line of overlap ratios, so that empty ones are defined, in pixels."
    )
    fp_weight: NonNegative = Field(0.3, description="Tversky: penalty of a false positive (the notebook: 0.7).")
    fn_weight: NonNegative = Field(0.7, description="Tversky: penalty of a false negative (the notebook: 0.3).")
    focal_gamma: NonNegative = Field(2.0, description="Focal: how strongly easy pixels are discounted.")
    focal_alpha: Positive = Field(0.25, description="Focal: overall factor.")
    cb_weights: Literal["complement", "inverse"] = Field(
        "complement",
        description="CB-Dice: weight of a class, 1 - its share of pixels (paper) or 1 / share (notebook).",
    )
    cb_ratios: Literal["image", "batch", "dataset"] = Field(
        "image",
        description="CB-Dice: shares of pixels in each image (paper), the batch (notebook) or the training set.",
    )

    @field_validator("decay_every", mode="before")
    @classmethod
    def _number_in_words(cls, value: Any) -> Any:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if value != "epoch" and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"expected epoch, or a number of steps of at least 1, got {value!r}")
        return value

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Self:
        count = len(self.terms)
        if len(set(self.terms)) < count:
            raise ValueError(f"terms: each loss may appear once, got {':'.join(self.terms)}")
        for name in ("weights", "prior_weights", "base_weights", "ideal", "lower_bounds"):
            values = getattr(self, name)
            if values is not None and len(values) != count:
                raise ValueError(f"{name}: expected {count} numbers, one per loss term, got {len(values)}")
            if values is not None and not math.isfinite(sum(values)):
                raise ValueError(f"{name}: too large to be added up; only their shares matter")
        if self.weights is not None and not any(self.weights):
            raise ValueError("weights: at least one must be above 0")
        if self.history_min > self.history_max:
            raise ValueError(
                f"history_min: {self.history_min} is above history_max ({self.history_max}), so the weights would "
                "never move; lower it or raise history_max"
            )
        if self.weighting == "softadapt" and self.window > self.history_max:
            raise ValueError(
                f"window: {self.window} is above history_max ({self.history_max}), so the weights would never move; "
                "lower it or raise history_max"
            )
        if self.weighting in SUMMING_WEIGHTINGS:  # of others limits clamp each weight by itself
            total = 1 if self.sum_to == "1" else count
            if self.weight_min * count > total:
                raise ValueError(f"weight_min: {count} weights of at least {self.weight_min:g} cannot sum to {total}")
            if self.weight_max is not None and self.weight_max * count < total:
                raise ValueError(f"weight_max: {count} weights of at most {self.weight_max:g} cannot sum to {total}")
        if self.weight_max is not None and self.weight_min > self.weight_max:
            raise ValueError(f"weight_min: {self.weight_min:g} is above weight_max ({self.weight_max:g})")
        if self.fp_weight + self.fn_weight == 0:
            raise ValueError("fp_weight: fp_weight and fn_weight cannot both be 0")
        return self


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

    @field_validator("runs")
    @classmethod
    def _labels_differ(cls, runs: tuple[RunConfig, ...]) -> tuple[RunConfig, ...]:
        labels = [run.label for run in runs]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} appears more than once; make the runs differ")
        return runs


NOTEBOOK = {
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
}
"""Fields of :class:`FusionConfig` at the values of the authors' notebook."""
