"""FAMO: all losses are to fall at the same rate, learned from what each step did to them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.options import Finite, NonNegative, Positive, slider
from dmf.weighting import functional, papers
from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.host import Flag, all_finite, both, can_read, choose
from dmf.weighting.learned import PATIENCE, Witness
from dmf.weighting.options import StartOptions, WeightingOptions

TINY = 1e-8  # the reference's
BETA_1, BETA_2 = 0.9, 0.999  # of Adam, as torch's


class FAMOOptions(WeightingOptions):
    """Options of FAMO."""

    lr: Positive = Field(
        0.025,
        alias="famo_lr",
        title="Learning rate",
        description="How fast its weights move, the step of their own Adam.",
    )
    decay: NonNegative = Field(
        1e-3,
        alias="famo_decay",
        title="Weight decay",
        description="Pull of its weights back to equal ones (weight decay).",
    )
    lower_bounds: tuple[Finite, ...] | None = Field(
        None,
        title="Least losses",
        description="A value each loss never falls below; 0 when not given.",
        json_schema_extra=slider(-1, 1, 0.01, each=0.0),
    )


class FAMOWeighting(Weighting):
    r"""Weights the losses so that all fall at the same rate: one that a step lowered least gains weight.

    .. math:: w_k = \frac{z_k / D_k}{\sum_j z_j / D_j}, \qquad z = \operatorname{softmax}(\xi), \qquad
        D_k = \max(L_k - b_k, 0) + 10^{-8}

    times K with ``sum_to="K"``. These are the effective weights of the paper's total, :math:`c \sum_k z_k \log D_k`
    with the constant :math:`c = 1 / \sum_j (z_j / D_j)`, which has the gradient of the weighted sum that is minimised
    here. After the optimizer's step the losses of the *same batch* are looked at again (:meth:`after_step`), and an
    Adam of its own moves :math:`\xi`, which starts at 0, by

    .. math:: g_k = z_k \big( \delta_k - \textstyle\sum_j z_j \delta_j \big), \qquad
        \delta_k = \log D_k(\text{before}) - \log D_k(\text{after})

    Args:
        weights: Proportions of z to start with; equal when not given.
        famo_lr: Learning rate of :math:`\xi`, above 0.
        famo_decay: Weight decay of :math:`\xi`, at least 0: a pull back to equal z.
        lower_bounds: (K,) a value b each loss never falls below; 0 when not given.

    Note:
        A loss at or below its bound counts as 1e-8 above it, and gets nearly all weight. Where losses can be negative,
        set ``lower_bounds``.

    Shape:
        - losses: (K,); returns (K,), positive, sums to ``sum_to``.

    Raises:
        ConfigError: If an option does not fit; from a step, if the network was trained and no second look was taken.

    Reference:
        Liu, Feng, Stone & Liu, NeurIPS 2023, arXiv 2306.03792.
    """

    title: ClassVar[str] = "FAMO"
    looks_at: ClassVar[str] = "how far the last step lowered each loss on its own batch"
    paper: ClassVar[Paper] = papers.arxiv("FAMO: Fast Adaptive Multitask Optimization", "NeurIPS 2023", "2306.03792")
    declares: ClassVar[type[StartOptions]] = FAMOOptions
    replayable: ClassVar[bool] = False
    looks_twice: ClassVar[bool] = True
    takes_absent: ClassVar[bool] = True
    proportions: ClassVar[Mapping[str, str]] = {**Weighting.proportions, "share": "1", "xi": ""}

    share: Tensor
    lower_bounds: Tensor
    xi: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    updates: Tensor
    before: Tensor
    waits: Tensor

    def __init__(
        self,
        count: int,
        *,
        famo_lr: float = 0.025,
        famo_decay: float = 1e-3,
        lower_bounds: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(count, **options)
        if not 0 < famo_lr < float("inf"):
            raise ConfigError(f"`famo_lr` must be finite and above 0, got {famo_lr}.", "famo_lr")
        if not 0 <= famo_decay < float("inf"):
            raise ConfigError(f"`famo_decay` must be finite and at least 0, got {famo_decay}.", "famo_decay")
        bounds = torch.zeros(count) if lower_bounds is None else torch.tensor(lower_bounds, dtype=self.weights.dtype)
        if bounds.shape != (count,) or not bool(torch.isfinite(bounds).all()):
            raise ConfigError(
                f"`lower_bounds` must have {count} finite numbers, one per loss, got {lower_bounds}.", "lower_bounds"
            )
        self.famo_lr, self.famo_decay = famo_lr, famo_decay
        self.register_buffer("lower_bounds", bounds.to(self.weights), persistent=False)
        self.register_buffer("share", self.weights / self.total, persistent=False)
        self.register_buffer("xi", torch.log((self.share * count).clamp(min=functional.TINY)))
        for name in ("exp_avg", "exp_avg_sq", "before"):
            self.register_buffer(name, torch.zeros_like(self.xi))
        self.register_buffer("updates", self.xi.new_zeros(count))
        # Whether the loss of `before` waits for its second look; an absent one does not.
        self.register_buffer("waits", torch.zeros(count, dtype=torch.bool))
        self._network, self._unseen = Witness(), 0
        self._looked = False

    def forward(self, state: StepState) -> Combined:
        if not torch.compiler.is_compiling():
            self._check_that_it_looks(state.terms)
        present = state.present
        if present is not None:
            self.waits = present & state.finite
        elif isinstance(state.finite, bool):
            self.waits = torch.full_like(self.waits, state.finite)
        else:
            self.waits = state.finite.expand_as(self.waits)
        if state.finite is False:
            return self.stay(state)
        distance = self._log_distance(state.values)
        proposal = _among(self.xi - distance, present).softmax(-1) * self.total
        weights = self.settle(state, proposal, state.finite)
        learns = state.finite if present is None else self.waits
        self.before = choose(learns, distance, self.before)
        return self._combine(state.terms, weights)

    def after_step(self, terms: Tensor, present: Tensor | None = None) -> None:
        self._looked = True
        waits, self.waits = self.waits, torch.zeros_like(self.waits)
        if present is not None:
            waits = waits & present
        all_wait = can_read(waits) and all(waits.tolist())
        seen = terms if all_wait else torch.where(waits, terms, 0)
        moves: Flag = both(True if all_wait else waits.any(), all_finite(seen))
        if can_read(waits) and not moves:
            return
        among = None if all_wait else waits
        delta = self.before - self._log_distance(terms)
        z = _among(self.xi, among).softmax(-1)
        if among is not None:
            moves, delta = waits & moves, torch.where(waits, delta, 0)
        gradient = z * (delta - (z * delta).sum()) + self.famo_decay * self.xi
        updates = self.updates + 1
        exp_avg = BETA_1 * self.exp_avg + (1 - BETA_1) * gradient
        exp_avg_sq = BETA_2 * self.exp_avg_sq + (1 - BETA_2) * gradient.square()
        spread = (exp_avg_sq / (1 - BETA_2**updates)).sqrt() + 1e-8
        moved = {
            "xi": self.xi - self.famo_lr * exp_avg / (1 - BETA_1**updates) / spread,
            "exp_avg": exp_avg,
            "exp_avg_sq": exp_avg_sq,
            "updates": updates,
        }
        for name, new in moved.items():
            setattr(self, name, choose(moves, new, getattr(self, name)))

    def _log_distance(self, terms: Tensor) -> Tensor:
        most = torch.finfo(self.xi.dtype).max  # the distance of two huge numbers may be none any more
        return torch.log((terms.detach().to(self.xi) - self.lower_bounds).clamp(0, most) + TINY)

    def _check_that_it_looks(self, terms: Tensor) -> None:
        """Refuse a loop that forgot the second look: the network moves, and no losses come after its step."""
        if self._looked:
            self._unseen = 0
        elif self._network.was_trained(terms):
            self._unseen += 1
        self._looked = False
        if self._unseen >= PATIENCE:
            raise ConfigError(
                "FAMO looks at every batch twice, but saw none again after a step. Call "
                "`fusion.after_step(bank(model(images), targets))` after `optimizer.step()`.",
                "weighting",
            )


def _among(values: Tensor, present: Tensor | None) -> Tensor:
    """Values of which a softmax gives absent losses nothing."""
    return values if present is None else torch.where(present, values, -torch.inf)
