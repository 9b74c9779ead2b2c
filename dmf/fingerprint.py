"""What identifies everything that decides the result of a run, so that no checkpoint is continued under another."""

import hashlib
import json
from typing import Any

from pydantic_core import to_jsonable_python as to_jsonable

from dmf import declared
from dmf.config import ExperimentConfig, FusionConfig, RunConfig


def fingerprint(config: ExperimentConfig, run: RunConfig) -> str:
    """The fingerprint of a run, in hexadecimal.

    It is that of what differs from the defaults, so an option that is new changes none. Of plug-ins it is what they
    hold that counts, not where they lie.
    """
    sections = {"data": config.data, "model": config.model, "training": config.training}
    decisive: dict[str, Any] = {
        name: section.model_dump(mode="json", exclude_defaults=True) for name, section in sections.items()
    }
    decisive["fusion"] = _of_fusion(run.fusion)
    decisive["task"] = {"name": config.task, **config.task_options}
    decisive["plugins"] = {"sha256": sorted(plugin.sha256 for plugin in config.plugins)}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _of_fusion(fusion: FusionConfig) -> dict[str, Any]:
    """What a fusion has other than the defaults; options of schedules flat, as they were before schedules had any."""
    differing = fusion.model_copy(update={"spare": {}}).model_dump(mode="json", exclude_defaults=True)
    words = declared.words("schedule")
    if differing.pop("schedule", None):
        own = fusion.options("schedule")
        differing |= {own.words()[name]: value for name, value in to_jsonable(own.changed).items()}
        if fusion.schedule.name != FusionConfig.model_fields["schedule"].default.name:
            differing["schedule"] = fusion.schedule.name
    return differing | {word: value for word, value in to_jsonable(fusion.spare).items() if word in words}
