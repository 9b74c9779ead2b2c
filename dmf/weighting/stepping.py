"""A recorded history with absent losses, taken through a weighting step by step, as training would."""

import torch
from torch import Tensor

from dmf.weighting.base import StepState, Weighting
from dmf.weighting.history import LossHistory


@torch.no_grad()
def step_through(weighting: Weighting, losses: Tensor, present: Tensor, history_max: int, first: int = 0) -> Tensor:
    """Weights (S - first, K) of a history in which losses were absent; see :meth:`Weighting.replay`.

    Args:
        weighting: Fresh, or as it stood before step ``first``; its state moves as training would move it.
        losses: (S, K) one row per step.
        present: (S, K) bool, what each step had of them. A step in which one that is present is not finite, or none is
            present, changes nothing.
        history_max: Size of the memory, in steps.
        first: Step at which the rule takes over.
    """
    losses = losses.to(weighting.weights)
    clean = torch.where(present, losses, 0)
    finite = (torch.isfinite(clean).all(-1) & present.any(-1)).tolist()
    whole = present.all(-1).tolist()
    history = LossHistory(weighting.count, history_max, losses.dtype)
    weights = []
    for step in range(len(losses)):
        here = None if whole[step] else present[step]
        window = history.push(clean[step], finite[step], here)
        if step >= first:
            state = StepState(step, clean[step], window, history.count, finite[step], present=here)
            weights.append(weighting(state).weights)
    return torch.stack(weights) if weights else losses.new_zeros(0, weighting.count)
