"""Template of the rules whose weights are parameters that an optimizer trains beside the network."""

import gc
import math
import warnings
import weakref
from abc import abstractmethod
from operator import mul
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from dmf.errors import ConfigError
from dmf.facts import LossesNeeded
from dmf.options import Positive
from dmf.weighting import functional, plain
from dmf.weighting.base import Combined, StepState, Weighting
from dmf.weighting.host import can_read, choose
from dmf.weighting.options import StartOptions, WeightingOptions
from dmf.weighting.plain import HostState, HostStep

LIMIT = 10.0  # parameters stay within this on either side: weights within e^-10 .. e^10 of where they start
PATIENCE = 2  # trained steps after which a mistake in someone's own loop is told


class LearnedOptions(WeightingOptions):
    """Options of the rules whose weights are trained."""

    weights_lr: Positive | None = Field(
        None,
        title="Learning rate of the weights",
        description="Learning rate of the weights, which are trained; the network's when not given.",
    )


class LearnedWeighting(Weighting):
    r"""Template of the rules with one trained parameter s per loss; its total is that of the rule's own objective.

    .. math:: \text{total} = S \sum_k \big( w(s_k) L_k + r(s_k) \big)

    with S = 1, or K with ``sum_to="K"``. The parameters belong in an optimizer, without weight decay:
    ``fusion.join(optimizer)`` sees to both. A step takes them back to within -10..10 before it uses them. One that
    is not finite moves nothing.

    The total may be **negative**, because r may be. With adjusted weights it is the weighted sum of the losses instead,
    with the adjusted weights as constants; the gradients of s stay those of the objective. There losses beyond what
    :func:`functional.bounded` lets through count as that, so that no optimizer turns s into something not finite.

    A subclass says what the weights and the price of a parameter are (:meth:`weigh`, :meth:`price`).

    Args:
        weights: Proportions the weights start with; with equal ones s starts at 0.
        weights_lr: Learning rate of s, above 0; the network's when not given.

    Shape:
        - losses: (K,); returns (K,), positive, of any sum.

    Raises:
        ConfigError: If ``weights_lr`` does not fit; from a step, if the network was trained and s, in spite of its
            gradient, was not.
    """

    declares: ClassVar[type[StartOptions]] = LearnedOptions
    replayable: ClassVar[bool] = False
    losses_needed: ClassVar[LossesNeeded | None] = LossesNeeded(2)
    joins: ClassVar[bool] = True
    simplex: ClassVar[bool] = False
    takes_absent: ClassVar[bool] = True

    s: nn.Parameter
    has_begun: Tensor

    def __init__(self, count: int, *, weights_lr: float | None = None, **options: Any) -> None:
        super().__init__(count, **options)
        if weights_lr is not None and not 0 < weights_lr < float("inf"):
            raise ConfigError(f"`weights_lr` must be finite and above 0, got {weights_lr}.", "weights_lr")
        self.weights_lr = weights_lr
        factors = self.weights / self.total * count
        self.s = nn.Parameter(self.start(factors).clamp(-LIMIT, LIMIT))
        self.weights = self._weigh(self.s.detach())
        self.register_buffer("has_begun", torch.tensor(False))  # whether it has seen a finite step
        self._network, self._mark, self._unmoved = Witness(), _mark(self.s), 0
        self._held: tuple[Tensor, Tensor] | None = (
            None  # which parameters are to stay as they were, and where they were
        )

    @abstractmethod
    def start(self, factors: Tensor) -> Tensor:
        """The parameters (K,) whose weights are ``factors`` (K,), at least 0, times the first of equal ones."""

    @abstractmethod
    def weigh(self, s: Tensor) -> Tensor:
        """The weights (K,) of parameters (K,), without S."""

    @abstractmethod
    def price(self, s: Tensor) -> Tensor:
        """What keeps the weights (K,) from falling to 0, without S."""

    def forward(self, state: StepState) -> Combined:
        if not torch.compiler.is_compiling():
            self._check_that_it_learns(state.terms)
        self.release()
        present = state.present
        if state.finite is False:
            return self.stay(state)
        s = self.s
        s.data.copy_(choose(state.finite, s.data.clamp(-LIMIT, LIMIT), s.data))  # no change that autograd need know of
        if self._unmoved >= 0:
            self._mark = _mark(s)
        own = self._weigh(s)
        last = self.among(present)
        weights = self.finish(own.detach(), last, present)
        if present is not None:
            self._held = ~present, s.detach().clone()
            weights = torch.where(present, weights, 0)
        if self.is_adjusted:
            weights = torch.where(self.has_begun, weights, last)
        used = choose(state.finite, weights, last)
        self.weights = used if present is None else torch.where(present, used, self.weights)
        self.has_begun = self.has_begun | state.finite
        if not self.is_adjusted:
            total = self._objective(own, state.terms, state)
            return Combined(total.to(state.terms.dtype), used)
        linear = self._combine(state.terms, used)
        gradient_only = self._objective(own, functional.bounded(state.terms.detach().to(s.dtype)), state)
        return Combined(linear.total + (gradient_only - gradient_only.detach()).to(linear.total.dtype), used)

    def step_on_host(self, state: HostState, slopes: tuple[float, float, float]) -> HostStep | None:
        """As :meth:`forward`, in plain numbers; for the ``on_host`` of a rule whose weights are ``c exp(a s)``.

        Args:
            state: The step.
            slopes: c, a, and b of the price ``b s``.
        """
        held, terms = self.s, state.terms
        if terms.dtype != torch.float32 or not can_read(held) or not plain.within_reach(state.values):
            return None
        s: list[float] = held.detach().tolist()
        if not max(map(abs, s)) <= LIMIT:  # they are taken back to it
            return None
        self._check_that_it_learns(terms)
        self.release()
        if self._unmoved >= 0:
            self._mark = _mark(held)
        factor, power, price = slopes
        weights = [self.total * factor * math.exp(power * each) for each in s]
        pull = [power * weight * loss + price * self.total for weight, loss in zip(weights, state.values, strict=True)]
        value = sum(map(mul, weights, state.values)) + price * self.total * sum(s)
        if not self.held("has_begun").item():
            self.has_begun = torch.ones_like(self.has_begun)
        total = plain.with_slopes(value, (weights, pull), self._exact, terms, held)
        return HostStep(torch.from_numpy(np.array(weights)), total)

    def _exact(self, terms: Tensor, s: Tensor) -> Tensor:
        """The total () of losses (K,) and parameters (K,), in the type of the losses."""
        return (self._weigh(s) * terms.to(s.dtype) + self.price(s) * self.total).sum().to(terms.dtype)

    def release(self) -> None:
        """Take the parameters of losses that were absent at the last step back to where they were before it.

        Their gradient was 0, but the momentum of an optimizer moves them all the same. ``fusion.join`` has it called
        after each step of the optimizer; else the next step begins with it.
        """
        if self._held is None:
            return
        absent, before = self._held
        self._held = None
        self.s.data.copy_(torch.where(absent, before, self.s.data))

    def _weigh(self, s: Tensor) -> Tensor:
        return self.weigh(s) * self.total

    def _objective(self, weights: Tensor, terms: Tensor, state: StepState) -> Tensor:
        terms = terms.to(self.s.dtype)
        fixed = weights.detach()
        # The second part is 0: through it s gets its gradient, of a loss that an optimizer can square; the same one in
        # all processes.
        seen = terms.detach() if state.seen is None else state.seen.batch.to(terms.dtype)
        weighted, price = fixed * terms + (weights - fixed) * functional.bounded(seen), self.price(self.s)
        if state.present is not None:
            weighted, price = (torch.where(state.present, part, 0) for part in (weighted, price))
        return weighted.sum() + price.sum() * self.total

    def _check_that_it_learns(self, terms: Tensor) -> None:
        """Refuse a loop that forgot the parameters: the network moves and they, in spite of a gradient, do not."""
        if self._unmoved < 0:  # they have moved: an optimizer has them
            return
        mark, was_trained = _mark(self.s), self._network.was_trained(terms)
        if mark != self._mark:
            self._unmoved = -1
        elif was_trained and self.s.grad is not None:
            self._unmoved += 1
        if self._unmoved >= PATIENCE and _is_in_an_optimizer(self.s):
            self._unmoved = -1
            warnings.warn(
                "The weights are learned by an optimizer that steps less often than that of the network; until it "
                "does, they stay as they are.",
                stacklevel=2,
            )
        elif self._unmoved >= PATIENCE:
            raise ConfigError(
                "The weights are learned, but no optimizer trains them: the network has moved and they have not. "
                "Call `fusion.join(optimizer)` once, before the first step.",
                "weighting",
            )


class Witness:
    """Sees whether the network behind the losses was trained, by one of its parameters; never waits for a device.

    Where the host cannot read a parameter, only its version tells; fused optimizers do not count it up, so of them
    nothing is seen there.
    """

    def __init__(self) -> None:
        self._parameter: weakref.ref[Tensor] | None = None
        self._mark: object = None

    def was_trained(self, terms: Tensor) -> bool:
        """Whether a parameter that earlier ``terms`` (K,) were computed from has moved since this was last asked."""
        parameter = self._parameter() if self._parameter else None
        mark = None if parameter is None else _mark(parameter)
        moved = mark != self._mark and mark is not None
        if parameter is None and (parameter := _parameter_behind(terms)) is not None:
            self._parameter, mark = weakref.ref(parameter), _mark(parameter)
        self._mark = mark
        return moved

    def __reduce__(self) -> tuple[type["Witness"], tuple[()]]:
        return Witness, ()  # a copy looks for itself: it may get another network


def _mark(tensor: Tensor) -> object:
    """Something that differs once an optimizer has changed ``tensor``."""
    return tensor._version, tensor.detach().flatten()[:16].tolist() if can_read(tensor) else None


def _is_in_an_optimizer(parameter: Tensor) -> bool:
    """Whether any optimizer of this program trains it. Looks through all objects: asked once, when in doubt."""
    # By its type: isinstance asks some objects for their class, which are then no mere bystanders any more.
    optimizers = [one for one in gc.get_objects() if issubclass(type(one), Optimizer)]
    groups = [group for one in optimizers for group in one.param_groups]
    return any(each is parameter for group in groups for each in group["params"])


def _parameter_behind(terms: Tensor) -> Tensor | None:
    """One parameter that ``terms`` were computed from, the nearest in depth; None without any."""
    open_nodes, seen = [terms.grad_fn], set()
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(leaf := getattr(node, "variable", None), nn.Parameter):
            return leaf
        open_nodes += [following for following, _ in node.next_functions]
    return None
