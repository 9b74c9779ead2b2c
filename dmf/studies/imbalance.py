"""Plans of an article on class imbalance: what each of its parts does to a rare class, alone and together."""

from dmf.studies.plan import Axis, Settings, StudyPlan

_BASE: Settings = {
    "weighting": "fixed",
    "auxiliary": "none",
    "terms": "ce",
    "image_size": 64,
    "filters": 8,
    "epochs": 30,
    "lr": 0.002,
    "threads": 1,
}
_NETWORKS = ("unet", "fcn", "segnet", "deeplabv3", "fpn-mask")
_UNIFIED, _ATTENTION, _RESIZING = {"terms": "unified-focal"}, {"attention": "gate"}, {"sizes": "32:48:64"}
_PARTS: tuple[Settings, ...] = (
    {},
    {**_ATTENTION},
    {**_UNIFIED},
    {**_RESIZING},
    {**_ATTENTION, **_UNIFIED, **_RESIZING},
)

IMBALANCE_PLAN = StudyPlan(
    name="imbalance",
    about="Cross-entropy against the unified focal loss, attention and growing images, each alone and all together.",
    article="Cui et al., A unified approach addressing class imbalance in magnetic resonance image",
    base=_BASE,
    configurations=tuple({"model": network, **part} for network in _NETWORKS for part in _PARTS),
    datasets=({"dataset": "phantom-4"},),
    repeats=3,
)

LAMBDA_PLAN = StudyPlan(
    name="lambda",
    about="How much of the unified focal loss is cross-entropy (lambda): from 0.1 to 0.9.",
    base={**_BASE, **_UNIFIED},
    axes=(Axis(field="unified_mix", values=tuple(tenth / 10 for tenth in range(1, 10))),),
    datasets=({"dataset": "phantom-4"},),
    repeats=3,
)
