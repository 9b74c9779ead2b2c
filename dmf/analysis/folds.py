"""The experiments of a cross-validation, or of several seeds, as one."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

Repeats: TypeAlias = Literal["folds", "seeds", "experiments"]
"""What an experiment is repeated over; experiments where it is both."""


def folds_document(documents: Sequence[Mapping[str, Any]], over: Repeats = "folds") -> dict[str, Any]:
    """Mean and standard deviation over folds or seeds of what came out, by run.

    Args:
        documents: Of each, as :func:`dmf.analysis.results.experiment_document` gives them.
        over: What they are.

    Returns:
        ``experiments``, their ids, and ``runs``: label, under the word of ``over`` the number of those that have ended,
        and for validation and test by metric ``{"mean", "std"}``, of those where it is defined. The standard deviation
        is that of a sample (n - 1) and None of a single one.
    """
    labels = list(dict.fromkeys(run["label"] for document in documents for run in document["runs"]))
    of = {
        label: [run for document in documents for run in document["runs"] if run["label"] == label and run["test"]]
        for label in labels
    }
    return {
        "experiments": [document["experiment"] for document in documents],
        "runs": [
            {
                "label": label,
                over: len(of[label]),
                **{split: _summaries([run[split] for run in of[label]]) for split in ("validation", "test")},
            }
            for label in labels
        ],
    }


def _summaries(metrics: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    names = dict.fromkeys(name for one in metrics for name in one)
    summaries = {}
    for name in names:
        values = np.array([one[name] for one in metrics if one.get(name) is not None], dtype=np.float64)
        if len(values):
            deviation = float(values.std(ddof=1)) if len(values) > 1 else None
            summaries[name] = {"mean": float(values.mean()), "std": deviation}
    return summaries
