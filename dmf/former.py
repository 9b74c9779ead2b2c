"""What versions of this program before its options lived with their methods said of a run, to go on with theirs."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

# Fields by section that had come after checkpoints were first written, at the value at which they were left out.
_LATE: dict[str, dict[str, Any]] = {
    "data": {"duplicates": "keep"},
    "training": {"keep_probabilities": "both", "probabilities_mb": 64.0, "gradients": "off", "gradients_every": 10},
    "fusion": {
        "cov_mean": "full",
        "cov_decay": 0.9,
        "cov_variance": "corrected",
        "softadapt_variant": "normalized",
        "beta": 0.1,
        "window": 5,
        "slope": "backward",
        "temperature": 2.0,
        "block_steps": 20,
        "weight_seed": 0,
        "mu": 0.1,
        "ideal": None,
        "max_change": None,
        "base_weights": None,
        "famo_lr": 0.025,
        "famo_decay": 1e-3,
        "lower_bounds": None,
        "weights_lr": None,
        "uncertainty_form": "regression",
        "uncertainty_start": 0.0,
        "gradnorm_alpha": 1.5,
        "gradnorm_lr": 0.025,
        "gradient_of": "parameters",
    },
}


def former_fingerprint(stored: Mapping[str, Any], position: int) -> str:
    """The fingerprint in checkpoints of a run whose configuration was stored flat; empty text if it was not.

    Args:
        stored: The configuration of its experiment as the store has it.
        position: Which of its runs.
    """
    fusion = stored["runs"][position]["fusion"]
    if not isinstance(fusion.get("weighting"), str):
        return ""
    decisive: dict[str, Any] = {
        "name": "",
        "data": _without_late("data", stored["data"]),
        "model": stored["model"],
        "training": _without_late("training", stored["training"]),
        "runs": [{"label": "", "fusion": _without_late("fusion", fusion)}],
    }
    hashes = sorted(plugin["sha256"] for plugin in stored.get("plugins") or ())
    if hashes:
        decisive["plugins"] = [{"path": "", "sha256": sha256} for sha256 in hashes]
    return hashlib.sha256(TypeAdapter(dict[str, Any]).dump_json(decisive)).hexdigest()


def _without_late(section: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    late = _LATE[section]
    return {name: value for name, value in fields.items() if name not in late or value != late[name]}
