"""Fusion: several losses in, one total to call ``backward`` on out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dmf.errors import ConfigError
from dmf.losses import Parts
from dmf.schedule import AuxiliarySchedule
from dmf.weighting import Combined, LossHistory, StepState, Weighting, WindowWeighting
from dmf.weighting.base import expect_combined
from dmf.weighting.host import Flag, all_finite

_KNOWN = {flag: torch.tensor(flag) for flag in (True, False)}


@dataclass(frozen=True)
class Fused:
    """What came out of one step.

    Attributes:
        total: () the value to minimise, with gradient.
        terms: (K,) the losses L1..LK, detached.
        weights: (K,) the weights W1..WK used, detached.
        auxiliary: () the auxiliary loss before its weight, detached, or None without one.
        gamma: Weight of the auxiliary loss at this step.
        finite: () bool on the device: all losses were finite. If not, nothing was learned and ``total`` is not finite
            either, so that a gradient scaler skips the step.
    """

    total: Tensor
    terms: Tensor
    weights: Tensor
    auxiliary: Tensor | None
    gamma: float
    finite: Tensor


class Fusion(nn.Module):
    r"""Weighs several losses into one total, and adds an auxiliary loss that fades.

    .. math:: \text{total} = \sum_k w_k(t) L_k + \gamma(t) L_a

    In training mode a call is one step: the losses enter the memory, the weighting sees it *including* this step, and
    the step counter moves. In evaluation mode (``fusion.eval()``) the last weights are used and nothing changes. No
    call copies from the device to the host, but for weightings that say so (``host_sync``).

    Args:
        weighting: The rule for W1..WK.
        history_max: Losses remembered, in steps.
        schedule: Weight of the auxiliary loss over the steps.
        detach_weights: Treat weights as constants in the gradient. False is the authors' notebook.

    Shape:
        - input: ``Parts`` from a ``LossBank``, a tensor (K,), or K scalar tensors.

    Raises:
        ConfigError: If the number of losses is not the weighting's, or the memory is too short for it to ever adapt.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (1)-(2).
    """

    skipped: Tensor
    skipped_in_row: Tensor

    def __init__(
        self,
        weighting: Weighting,
        *,
        history_max: int = 100,
        schedule: AuxiliarySchedule | None = None,
        detach_weights: bool = True,
    ) -> None:
        super().__init__()
        if isinstance(weighting, WindowWeighting):
            weighting.check_memory(history_max)
        self.weighting = weighting
        self.history = LossHistory(weighting.count, history_max, weighting.weights.dtype)
        self.schedule = schedule or AuxiliarySchedule()
        self.detach_weights = detach_weights
        self.step = 0
        self._watched: tuple[Tensor, ...] = ()
        # Non-finite steps are counted on the device, to be read whenever the host copies anyway.
        self.register_buffer("skipped", torch.zeros((), dtype=torch.int64))
        self.register_buffer("skipped_in_row", torch.zeros((), dtype=torch.int64))

    def watch(self, parameters: Iterable[Tensor]) -> Self:
        """Name what the losses are minimised over, for weightings that look at gradients there; returns itself.

        Args:
            parameters: Those of the network, in its order, the last layer's last: ``model.parameters()``.
        """
        self._watched = tuple(parameters)
        return self

    def join(self, optimizer: Optimizer) -> None:
        """Let ``optimizer`` train what the weighting learns, if it learns anything: in a group without weight decay.

        Its learning rate is the weighting's ``weights_lr``, or that of the optimizer's first group. Call it once,
        before the first step and before a learning rate schedule is made for the optimizer.
        """
        known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        learned = [parameter for parameter in self.parameters() if id(parameter) not in known]
        if learned:
            lr = getattr(self.weighting, "weights_lr", None) or optimizer.param_groups[0]["lr"]
            optimizer.add_param_group({"params": learned, "lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def after_step(self, losses: Parts | Tensor | Sequence[Tensor]) -> None:
        """Show the weighting the losses of the *same batch* again, after the optimizer's step.

        Only for a weighting that ``looks_twice`` (FAMO), for which it costs another forward pass; others take no note.
        Changes nothing in evaluation mode, and nothing from losses that are not finite.

        Args:
            losses: As for a call; an auxiliary loss is not looked at.
        """
        if self.training:
            self.weighting.after_step(self._split(losses)[0])

    def forward(self, losses: Parts | Tensor | Sequence[Tensor]) -> Fused:
        terms, auxiliary = self._split(losses)
        gamma = self.schedule(self.step) if auxiliary is not None else 0.0
        finite = all_finite(terms if auxiliary is None else torch.cat((terms.detach(), auxiliary.detach()[None])))
        logits = losses.logits if isinstance(losses, Parts) else None
        combined = self._learn(terms, finite, logits) if self.training else self.weighting.current(terms)
        total = combined.total if auxiliary is None else combined.total + gamma * auxiliary
        return Fused(
            total=total,
            terms=terms.detach(),
            weights=combined.weights,
            auxiliary=None if auxiliary is None else auxiliary.detach(),
            gamma=gamma,
            finite=_KNOWN[finite] if isinstance(finite, bool) else finite,
        )

    def _learn(self, terms: Tensor, finite: Flag, logits: Tensor | None) -> Combined:
        window = self.history.push(terms.detach() if self.detach_weights else terms, finite)
        state = StepState(self.step, terms, window, self.history.count, finite, logits, self._watched)
        combined = expect_combined(self.weighting, self.weighting(state))
        if not isinstance(finite, bool):
            self.skipped = self.skipped + ~finite
            self.skipped_in_row = torch.where(finite, 0, self.skipped_in_row + 1)
        elif not finite:
            self.skipped, self.skipped_in_row = self.skipped + 1, self.skipped_in_row + 1
        elif self.skipped_in_row:
            self.skipped_in_row = torch.zeros_like(self.skipped_in_row)
        self.step += 1
        return combined

    def _split(self, losses: Parts | Tensor | Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        if isinstance(losses, Parts):
            terms, auxiliary = losses.terms, losses.auxiliary
        else:
            auxiliary, terms = None, losses if isinstance(losses, Tensor) else _stacked(losses)
        if terms.shape != (self.weighting.count,):
            raise ConfigError(
                f"`losses` must be {self.weighting.count} scalar losses, got shape {tuple(terms.shape)}. "
                "Build the weighting for as many losses as you pass.",
                "terms",
            )
        return (terms.float() if terms.dtype in (torch.float16, torch.bfloat16) else terms), auxiliary

    def get_extra_state(self) -> Tensor:
        """The step counter: host state, which buffers cannot hold without waiting for the device."""
        return torch.tensor(self.step)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the step counter."""
        self.step = int(state)


def _stacked(losses: Sequence[Tensor]) -> Tensor:
    shapes = {tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__ for loss in losses}
    if len(shapes) != 1 or not isinstance(losses[0], Tensor):
        got = ", ".join(map(str, sorted(shapes, key=str))) or "none"
        raise ConfigError(f"`losses` must be scalar tensors of one shape (), got {got}. Pass them undetached.", "terms")
    return torch.stack(tuple(losses))
