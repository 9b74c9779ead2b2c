"""Seven short scenes for teaching: each a race with something to see, two sentences about it, and a question to try."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dmf.errors import UnknownNameError
from dmf.presets import Preset
from dmf.records import SettingChange
from dmf.registry import unknown

Chart = Literal["weights", "losses", "share", "scores", "classes", "attention"]


@dataclass(frozen=True)
class Scene:
    """One scene.

    Attributes:
        title: What it is called.
        sentences: Two: what happens and why.
        watch: What to keep an eye on while it plays, in a few words.
        question: What to try next.
        hint: Where to change what.
        answer: What comes out.
        preset: The race, small enough for a laptop.
        charts: What there is to see, most important first.
        focus: Losses whose lines are drawn wide, the others thin; all wide when not given.
        metrics: Scores that the chart "scores" draws for all runs together, or "classes" for each run by itself.
        names: What the runs are called; by their labels when not given.
        changes: Changes of settings while it trains, by the label of their run.
        samples: Pictures of predictions that are shown; 0 where they say nothing.
        methods: What the weighting lab opens with where the question is answered by the recorded losses alone.
    """

    title: str
    sentences: tuple[str, str]
    watch: str
    question: str
    hint: str
    answer: str
    preset: Preset
    charts: tuple[Chart, ...]
    focus: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    changes: Mapping[str, tuple[SettingChange, ...]] = field(default_factory=dict)
    samples: int = 0
    methods: tuple[str, ...] = ()


SMALL = {"image_size": 64, "limit": 128, "filters": 8, "lr": 2e-3}
"""What all scenes share: ten seconds of training or so on two cores."""

SPIKE = 60  # the step that is taken with a learning rate 50 times as high
_SPIKE = (SettingChange(SPIKE, "lr", 0.1), SettingChange(SPIKE + 1, "lr", 2e-3))

SCENES: dict[str, Scene] = {
    "adapt": Scene(
        "Why weights adapt",
        (
            "Three losses judge the same predictions, but focal loss is nearly done after 20 steps, while Dice goes on "
            "falling for a hundred more.",
            "Fixed weights stay at a third each; the variance rule looks back at each loss and moves weight from the "
            "one that stands still to the one that still moves.",
        ),
        "the green line (Dice) climbs, the rust one (Focal) sinks",
        "What if the rule remembers only the last 20 steps instead of 100?",
        "Set “Window length” to 20 in the lab, or in the form before you start.",
        "The weights get nervous: with a short memory every loss looks much like noise, and none stays ahead for long.",
        Preset(
            "Why weights adapt",
            "Fixed weights beside the variance rule: watch weight move to the loss that still falls.",
            ("fixed", "variance"),
            {**SMALL, "terms": "ce:dice:focal", "auxiliary": "none", "lr": 3e-3, "epochs": 12},
        ),
        ("weights", "losses"),
        focus=("dice", "focal"),
        methods=("variance", "variance,history_max=20"),
    ),
    "spike": Scene(
        "Variance against MAD on a spike",
        (
            "At step 60 the learning rate is 50 times too high for one step, and the focal loss leaps to several times "
            "its value.",
            "Each window is stretched to 0…1 first, so a spike squeezes all its other values together: against "
            "intuition, variance then gives this loss less weight, and MAD far more.",
        ),
        "the rust lines (Focal) after step 60, and again at step 90, when the spike leaves the window of 30",
        "Would a longer memory feel the spike less?",
        "In the lab, move “Window length” of both methods from 30 to 100 and compare step 61.",
        "Yes: among 100 values one spike hardly moves the weights, but it is remembered for 100 steps.",
        Preset(
            "Variance against MAD on a spike",
            "One step with a far too high learning rate: watch the two rules answer in opposite ways.",
            ("variance", "mad"),
            {**SMALL, "terms": "ce:dice:focal", "auxiliary": "none", "history_max": 30, "epochs": 10},
        ),
        ("weights", "losses"),
        focus=("focal",),
        changes={"variance": _SPIKE, "mad": _SPIKE},
        methods=("variance,history_max=30", "mad,history_max=30"),
    ),
    "compound": Scene(
        "A compounding prior takes all",
        (
            "The Bayesian rule multiplies what it sees with a prior, what it believed before; compounded at every "
            "step, small differences pile up until one loss has all the weight.",
            "The tempered prior forgets: only half of its belief goes on to the next step, and no loss ever gets much "
            "more than half of the weight.",
        ),
        "the dashed lines: Dice takes nearly all at first, and in the end cross-entropy everything",
        "How long may a memory be before one loss takes all?",
        "In the lab, move ρ, the memory of the tempered prior, from 0.5 to 0.9, 0.95 and 0.99.",
        "At 0.9 the largest weight comes to about 0.85, at 0.95 to 0.95, and at 0.99 a loss takes all again.",
        Preset(
            "A compounding prior takes all",
            "The Bayesian rule with a prior that forgets and one that never does: watch one weight take all.",
            ("bayesian,prior=tempered", "bayesian,prior=compound"),
            {**SMALL, "auxiliary": "none", "rho": 0.5, "epochs": 14},
        ),
        ("weights", "losses"),
        names=("Tempered prior", "Compound prior"),
        methods=("bayesian,prior=tempered,rho=0.5", "bayesian,prior=compound"),
    ),
    "early-help": Scene(
        "What the auxiliary loss does early",
        (
            "Cross-entropy and focal loss count pixels, most of them background; CB-Dice, the auxiliary loss, counts "
            "classes, and with it the network finds lesions epochs earlier.",
            "Its weight γ(t) fades from 3 to almost nothing: it gives the first push, then leaves the work to the "
            "others, and in the end both runs have arrived.",
        ),
        "the solid line is there first, and its auxiliary loss fades",
        "Does it help as much where overlap is trained anyway?",
        "Press “Change it first”, set the losses to cross-entropy, IoU and Dice, and start.",
        "Much less: IoU and Dice look at overlap from the first step, so the two runs lie closer together.",
        Preset(
            "What the auxiliary loss does early",
            "The same rule with and without CB-Dice: watch who finds lesions first.",
            ("mad", "mad,auxiliary=none"),
            {**SMALL, "terms": "ce:focal", "gamma": 3.0, "decay_rate": 0.5, "epochs": 12},
        ),
        ("scores", "share"),
        metrics=("lesion_dice",),
        names=("With CB-Dice", "Without"),
        samples=2,
    ),
    "rare-class": Scene(
        "Class balance with four classes",
        (
            "Three kinds of lesion, one in seven a cyst: cross-entropy alone counts every pixel alike, most of them "
            "background, and after twelve epochs it still misses nearly every cyst.",
            "Class-balanced Dice counts a class the more, the less of an image it covers: all three kinds are found, "
            "the rare one too.",
        ),
        "the cysts, in both charts and in the last picture; magenta is missed, or taken for another kind, as most of "
        "the malignant lesion above it is",
        "Can a rare class count too much?",
        "Press “Change it first”, set CB-Dice’s class weights to inverse and its class shares to dataset, and start.",
        "Yes: the rarest kind is found first, and a commoner one late or not at all.",
        Preset(
            "Class balance with four classes",
            "Cross-entropy with and without class-balanced Dice: watch whether the rare class is found.",
            ("fixed,auxiliary=none", "fixed"),
            {
                **SMALL,
                "dataset": "phantom-4",
                "limit": 160,
                "terms": "ce",
                "gamma": 3.0,
                "decay_rate": 0.0,
                "epochs": 12,
            },
        ),
        ("classes",),
        metrics=("dice/cyst", "dice/benign", "dice/malignant"),
        names=("Cross-entropy alone", "With CB-Dice"),
        samples=4,
    ),
    "blur": Scene(
        "What does a blurred picture gain from SSIM?",
        (
            "Both networks make a late MR slice of an early one; squared error alone hardly counts what is a little "
            "wrong at every single pixel, and fine structures stay washed out and grainy.",
            "SSIM compares contrast and structure around each pixel, so with half of the weight on it edges come "
            "nearer to those of the target, and even the squared error ends lower.",
        ),
        "the dashed line, which is ahead from the second epoch on, and the fine structures in the pictures",
        "Is as much gained where absolute error takes the place of squared error?",
        "Press “Change it first”, set the losses to L1 and SSIM, and start.",
        "Far less: absolute error counts small errors for more, so its picture is better without any help.",
        Preset(
            "What does a blurred picture gain from SSIM?",
            "Late from early contrast by squared error, alone and with SSIM: watch fine structures come out.",
            ("fixed,weights=1:0", "fixed"),
            {
                **SMALL,
                "task": "synthesis",
                "dataset": "contrast",
                "terms": "l2:ssim",
                "auxiliary": "none",
                "epochs": 12,
            },
        ),
        ("scores", "losses"),
        metrics=("ssim",),
        names=("Squared error", "With SSIM"),
        samples=2,
    ),
    "rare-loss": Scene(
        "A loss for what is rare",
        (
            "Cross-entropy counts every pixel alike, most of them background: after twelve epochs it misses most "
            "lesions and nearly every cyst, the rarest kind.",
            "The unified focal loss looks at overlap too and counts what is easy for less: it finds benign and "
            "malignant lesions, then a few cysts, and with either loss attention turns to the lesions.",
        ),
        "the dashed line; in its pictures only the cyst, in the last one, is still taken for another kind",
        "How much of this does attention do?",
        "Press “Change it first”, set Attention to none, and start.",
        "Little: without attention both runs end a bit lower, and the unified focal loss still finds what "
        "cross-entropy misses.",
        Preset(
            "A loss for what is rare",
            "Cross-entropy against the unified focal loss, both with attention: watch whether rare lesions are found.",
            ("fixed,terms=ce", "fixed,terms=unified-focal"),
            {
                **SMALL,
                "dataset": "phantom-4",
                "limit": 160,
                "auxiliary": "none",
                "attention": "gate",
                "epochs": 12,
            },
        ),
        ("scores", "attention"),
        metrics=("lesion_dice",),
        names=("Cross-entropy", "Unified focal loss"),
        samples=4,
    ),
}
"""Name to scene, in the order of the tour."""


def find_scene(name: str) -> Scene:
    """The scene of this name.

    Raises:
        UnknownNameError: If there is none; lists the names and the closest one.
    """
    if name not in SCENES:
        raise UnknownNameError(unknown("scene", name, SCENES), "scene")
    return SCENES[name]
