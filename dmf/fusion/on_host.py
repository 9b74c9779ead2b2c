"""A step of a fusion in plain numbers, where one call of one process on the CPU has all losses; else there is none.

Buffers and modules are looked up in their dictionaries and not as attributes: torch searches for those, and checks what
is assigned, which would cost as much as all that is computed here.
"""

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from dmf.fusion.fused import Fused
from dmf.fusion.given import Given, Losses, taken
from dmf.weighting import LossHistory, Weighting
from dmf.weighting.host import KNOWN, can_read
from dmf.weighting.plain import HostState, HostStep, are_finite

if TYPE_CHECKING:
    from dmf.fusion.fusion import Fusion


def step_on_host(fusion: "Fusion", losses: Losses) -> Fused | None:
    """Take a step; None, with nothing changed, where plain numbers will not do.

    They do for a rule that says how (``on_host`` of its very class, so that what a class of someone's own changes is
    never passed over), with unadjusted, constant weights, of losses that are finite.
    """
    modules = fusion._modules
    weighting, history = cast("Weighting", modules["weighting"]), cast("LossHistory", modules["history"])
    rule = type(weighting).__dict__.get("on_host")
    if rule is None or not (fusion.detach_weights and fusion.calls.are_steps and history.is_on_host):
        return None
    if weighting._forward_hooks or weighting._forward_pre_hooks or weighting.is_adjusted:
        return None
    given = taken(losses, weighting.count) or fusion.read(weighting, losses, None)
    values = _plain(given)
    if values is None:
        return None
    step: int = fusion.__dict__["step"]
    taken_step: HostStep | None = rule(weighting, HostState(step, given.terms, values, history))
    if taken_step is None:
        return None
    history.remember(values)
    if taken_step.weights is not None:
        weighting._buffers["weights"] = taken_step.weights
    fusion.__dict__["step"] = step + 1
    return _fused(fusion, given, weighting.held("weights"), taken_step.total, step)


def _plain(given: Given) -> list[float] | None:
    """The losses (K,) as numbers; None where one is absent, not finite, or on another device."""
    terms, auxiliary = given.terms, given.auxiliary
    if given.present is not None or not can_read(terms):
        return None
    values: list[float] = terms.tolist()
    return values if are_finite(values) and (auxiliary is None or math.isfinite(auxiliary.item())) else None


def _fused(fusion: "Fusion", given: Given, weights: Tensor, total: Tensor | None, step: int) -> Fused:
    terms, auxiliary = given.terms, given.auxiliary
    skipped = fusion._buffers["skipped_in_row"]
    if skipped is not None and skipped.item():
        fusion._buffers["skipped_in_row"] = torch.zeros_like(skipped)
    if total is None:
        total = fusion.single.dot(weights, terms)
    if auxiliary is None:
        return Fused(total, terms.detach(), weights, None, 0.0, KNOWN[True])
    gamma = fusion.schedule(step)
    return Fused(total + gamma * auxiliary, terms.detach(), weights, auxiliary.detach(), gamma, KNOWN[True])
