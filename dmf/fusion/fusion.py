"""The module that weighs the losses of a training."""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dmf.errors import ConfigError
from dmf.fusion.accumulation import Calls
from dmf.fusion.fused import Fused
from dmf.fusion.given import Given, Losses, Presence, read, taken
from dmf.fusion.naming import checked_names, from_state, place_of, to_state
from dmf.fusion.on_host import step_on_host
from dmf.fusion.restoring import fitted
from dmf.schedule import AuxiliarySchedule
from dmf.weighting import Combined, LearnedWeighting, LossHistory, StepState, Weighting, WindowWeighting
from dmf.weighting.base import expect_combined
from dmf.weighting.host import KNOWN, Flag, all_finite, both
from dmf.weighting.places import rearranged
from dmf.weighting.plain import Single
from dmf.weighting.pooling import Pool, Seen
from dmf.weighting.precision import KeepsPrecision


class Fusion(KeepsPrecision, nn.Module):
    r"""Weighs several losses into one total, and adds an auxiliary loss that fades.

    .. math:: \text{total} = \sum_k w_k(t) L_k + \gamma(t) L_a

    In training mode a call is one step: the losses enter the memory, the weighting sees it *including* this step, and
    the step counter moves. In evaluation mode (``fusion.eval()``) the last weights are used and nothing changes. No
    call copies from the device to the host, but for weightings that say so (``host_sync``).

    **Absent losses.** A batch may lack labels for some losses: leave these out of the dictionary, give None for them,
    or a mask ``present``. The others are weighed among themselves and keep their sum; what is remembered of an absent
    one stays as it is, and its weight is 0 at this step.

    **Micro-batches.** With ``accumulate=n``, or within ``with fusion.accumulating():``, several calls are one optimizer
    step: memory, step and gamma move once, on the means of the losses, as for one large batch. The weights of a call
    follow from the memory and the mean of the step's micro-batches *so far*; so those of the last one are those of the
    large batch, those of the earlier ones too where the rule does not look at the step's own losses.

    **Processes.** Once ``torch.distributed`` is initialised, the losses are averaged over all processes in one exchange
    per call, so that weights and ``finite`` are the same everywhere; gradients at weights of the network, for rules
    that look at them, are averaged too. Evaluation mode exchanges nothing.

    Casting a module around it to half precision leaves its state in at least float32.

    Args:
        weighting: The rule for W1..WK.
        history_max: Losses remembered, in steps.
        schedule: Weight of the auxiliary loss over the steps.
        detach_weights: Treat weights as constants in the gradient. False is the authors' notebook.
        names: Of the K losses, in their order; taken from the first dictionary of all K when not given.
        accumulate: Calls of one optimizer step.
        process_group: Processes that train together; the default group when None, this process alone when False.

    Shape:
        - input: ``Parts`` from a ``LossBank``, a tensor (K,), K scalar tensors, or those by name.
        - present: (K,) truth values, or those by name; which losses the batch has.

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
        names: Sequence[str] | None = None,
        accumulate: int = 1,
        process_group: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(weighting, WindowWeighting):
            weighting.check_memory(history_max)
        self.weighting = weighting
        self.history = LossHistory(weighting.count, history_max, weighting.weights.dtype)
        self.schedule = schedule or AuxiliarySchedule()
        self.detach_weights = detach_weights
        self.step = 0
        self.names = None if names is None else checked_names(names, weighting.count)
        self.calls = Calls(accumulate, process_group)
        self._watched: tuple[Tensor, ...] = ()
        self._joined = _Joined()
        self.single = Single()
        self._start = _start_of(weighting)
        # Non-finite steps are counted on the device, to be read whenever the host copies anyway.
        self.register_buffer("skipped", torch.zeros((), dtype=torch.int64))
        self.register_buffer("skipped_in_row", torch.zeros((), dtype=torch.int64))

    # What a training loop calls

    def forward(self, losses: Losses, present: Presence | None = None) -> Fused:
        if present is None and self.training and (fused := step_on_host(self, losses)) is not None:
            return fused
        weighting, seen = self.weighting, None  # a module of a module takes a while to look up
        given = self.read(weighting, losses, present)
        terms, auxiliary, _, here, _ = given
        finite = all_finite(terms if auxiliary is None else torch.cat((terms.detach(), auxiliary.detach()[None])))
        if here is not None:
            finite = self._expect_any(given, finite)
        if not self.training:
            # A rule of one's own need not know of absent losses.
            combined = weighting.current(terms) if here is None else weighting.current(terms, here)
            return self._fused(given, combined, finite, self.step, None)
        pool = self.calls.pool()
        if pool is not None:
            terms, finite, seen = self._together(pool, given, finite)
        step = self.step
        return self._fused(given, self._learn(weighting, given, terms, finite, seen), finite, step, seen)

    def after_step(self, losses: Losses, present: Presence | None = None) -> None:
        """Show the weighting the losses of the *same batch* again, after the optimizer's step.

        Only for a weighting that ``looks_twice`` (FAMO), for which it costs another forward pass; others take no note.
        Changes nothing in evaluation mode, and nothing from losses that are not finite.

        Args:
            losses: As for a call; an auxiliary loss is not looked at.
            present: As for a call. Losses that were absent from the step are not looked at again in any case.
        """
        if not (self.training and self.weighting.looks_twice):
            return
        with torch.no_grad():
            given = self.read(self.weighting, losses, present)
            terms, here = given.terms, given.present
            if self.calls.group is not None:
                pool = Pool(self.calls.group)
                finite = all_finite(terms)
                seen = pool.take(pool.send(terms, finite, here), terms, finite, here)
                terms, here = torch.where(_tensor(seen.finite), seen.values, torch.nan), seen.present
            # A rule of someone's own need not know of absent losses.
            self.weighting.after_step(terms) if here is None else self.weighting.after_step(terms, here)

    def accumulating(self) -> AbstractContextManager[None]:
        """All calls within this context are one optimizer step, however many there are; see the class.

        ::

            with fusion.accumulating():
                for images, targets in micro_batches:
                    (fusion(bank(model(images), targets)).total / len(micro_batches)).backward()
            optimizer.step()
        """
        return self.calls.block()

    def end_step(self) -> None:
        """Let the next call begin a new optimizer step, though ``accumulate`` calls have not been made.

        For an epoch whose last step has fewer micro-batches.
        """
        self.calls.close()

    # What is called once, before it

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
            optimizer.register_step_post_hook(_Release(self))
        if all(joined() is not optimizer for joined in self._joined):
            self._joined.append(weakref.ref(optimizer))

    # Changes in mid-training

    def switch(self, weighting: Weighting) -> Weighting:
        """Go on with another weighting: it begins afresh on the memory that there is; returns the one before.

        Optimizers that were joined train what the new one learns, and no more what the old one did.

        Raises:
            ConfigError: If it is for another number of losses, or the memory is too short for it.
        """
        if weighting.count != self.weighting.count:
            raise ConfigError(
                f"`weighting` must be for {self.weighting.count} losses, got one for {weighting.count}.", "weighting"
            )
        if isinstance(weighting, WindowWeighting):
            weighting.check_memory(self.history.size)
        before, device = self.weighting, self.skipped.device
        optimizers = [one for joined in self._joined if (one := joined()) is not None]
        gone = {id(parameter) for parameter in before.parameters()}
        for optimizer in optimizers:
            for parameter in before.parameters():
                optimizer.state.pop(parameter, None)
            for group in optimizer.param_groups:
                group["params"] = [each for each in group["params"] if id(each) not in gone]
            optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
        self.weighting = weighting.to(device).train(self.training)
        self._start = _start_of(weighting)
        self.calls.close()
        for optimizer in optimizers:
            self.join(optimizer)
        return before

    def add(self, name: str) -> None:
        """Go on with one more loss, the last. It has no memory yet, and begins with an equal share of the weight.

        What is given per loss (base weights, lower bounds, ...) takes its default for it, or the mean of the others'.

        Raises:
            ConfigError: If the losses have no names, the name is taken, or limits leave no room for the sum.
        """
        names = self._expect_names("add")
        checked_names((*names, name), len(names) + 1)
        self._rearrange([*range(len(names)), None])
        self.names = (*names, name)

    def drop(self, name: str | int) -> None:
        """Go on without a loss, by its name or its place from 0; the others share its weight.

        Raises:
            ConfigError: If there is no such loss, it is the only one, or limits leave no room for the sum.
        """
        place = place_of(name, self.names, self.weighting.count)
        if self.weighting.count == 1:
            raise ConfigError("The only loss cannot be dropped.", "terms")
        places = [at for at in range(self.weighting.count) if at != place]
        self._rearrange(places)
        self.names = None if self.names is None else tuple(self.names[at] for at in places)

    def rename(self, old: str | int, new: str) -> None:
        """Call a loss something else; nothing else changes.

        Raises:
            ConfigError: If there is no such loss, or the name is taken.
        """
        names = list(self._expect_names("rename"))
        names[place_of(old, self.names, self.weighting.count)] = new
        self.names = checked_names(names, len(names))

    def reset(self) -> None:
        """Forget everything: memory, weights, steps and counters are as at the start, names and options stay.

        Optimizers that were joined forget what they know of the weighting's own parameters.
        """
        self.weighting.load_state_dict(self._start)
        memory = self.history.state_dict()
        self.history.load_state_dict({name: torch.zeros_like(value) for name, value in memory.items()})
        self.skipped, self.skipped_in_row = torch.zeros_like(self.skipped), torch.zeros_like(self.skipped_in_row)
        self.step = 0
        self.calls.close()
        self._forget_momentum()

    # The inside

    def read(self, weighting: Weighting, losses: Losses, present: Presence | None) -> Given:
        """The losses of a step as tensors; learns their names where it knows none."""
        count = weighting.count
        if present is None and (given := taken(losses, count)) is not None:
            return given
        if self.names is None and isinstance(losses, Mapping):
            if len(losses) != count:
                raise ConfigError(
                    f"Got {len(losses)} of {count} losses ({', '.join(losses) or 'none'}) and know no names. Build "
                    "`Fusion(..., names=[...])`, or give all of them at the first step, None for one that is absent.",
                    "terms",
                )
            self.names = checked_names(tuple(losses), count)
        given = read(losses, present, self.names, count)
        if given.present is not None and not weighting.takes_absent:
            raise ConfigError(
                f"{type(weighting).__name__} does not say what it does where a loss is absent. Give all losses, or set "
                "`takes_absent = True` there and heed `StepState.present`.",
                "weighting",
            )
        return given

    def _expect_any(self, given: Given, finite: Flag) -> Flag:
        """Refuse a step without any loss; where only the device knows, it is skipped like one that is not finite."""
        if given.is_empty and given.auxiliary is None and self.calls.group is None:
            raise ConfigError("No loss is present at this step. Leave the batch out.", "terms")
        if given.is_empty or given.auxiliary is not None or given.present is None:
            return finite
        return both(finite, given.present.any())

    def _together(self, pool: Pool, given: Given, finite: Flag) -> tuple[Tensor, Flag, Seen]:
        """Exchange the losses of this call: its own as they count, and what the step has seen so far."""
        if not self.detach_weights:
            raise ConfigError(
                "`detach_weights=False` takes the gradient of weights by the losses of one batch; it does not go with "
                "micro-batches or several processes.",
                "detach_weights",
            )
        message = pool.send(given.terms, finite, given.present)
        self.step = self.calls.begin(self, self.history, self.step)  # while the exchange is under way
        seen = pool.take(message, given.terms, finite, given.present)
        terms = given.terms if seen.scale is None else given.terms * seen.scale.to(given.terms.dtype)
        return terms, seen.finite, seen

    def _learn(self, weighting: Weighting, given: Given, terms: Tensor, finite: Flag, seen: Seen | None) -> Combined:
        history, output = self.history, given.output
        if seen is None:
            values, present = terms.detach() if self.detach_weights else terms, given.present
        else:
            values, present = seen.values, seen.present if weighting.takes_absent else None
        window = history.push(values, finite, present)
        state = StepState(self.step, terms, window, history.count, finite, output, self._watched, present, seen)
        combined = expect_combined(weighting, weighting(state))
        if not isinstance(finite, bool):
            self.skipped = self.skipped + ~finite
            self.skipped_in_row = torch.where(finite, 0, self.skipped_in_row + 1)
        elif not finite:
            self.skipped, self.skipped_in_row = self.skipped + 1, self.skipped_in_row + 1
        elif self.skipped_in_row:
            self.skipped_in_row = torch.zeros_like(self.skipped_in_row)
        self.step += 1
        if seen is not None:
            self.calls.end()
        return combined

    def _fused(self, given: Given, combined: Combined, finite: Flag, step: int, seen: Seen | None) -> Fused:
        auxiliary = given.auxiliary
        gamma = self.schedule(step) if auxiliary is not None else 0.0
        total = combined.total if auxiliary is None else combined.total + gamma * auxiliary
        terms, present = given.terms.detach(), given.present
        if seen is not None:
            terms, present = seen.values, seen.present
        if (seen is not None or present is not None) and finite is not True:
            total = torch.where(_tensor(finite).to(total.device), total, torch.nan)  # whoever it was that was not
        if present is not None:
            terms = torch.where(present, terms, torch.nan)
        return Fused(
            total=total,
            terms=terms,
            weights=combined.weights,
            auxiliary=None if auxiliary is None else auxiliary.detach(),
            gamma=gamma,
            finite=KNOWN[finite] if isinstance(finite, bool) else finite,
        )

    def _expect_names(self, what: str) -> tuple[str, ...]:
        if self.names is None:
            raise ConfigError(
                f"The losses have no names to {what} one by. Build `Fusion(..., names=[...])`, or give a dictionary.",
                "terms",
            )
        return self.names

    def _rearrange(self, places: Sequence[int | None]) -> None:
        """Keep the losses at these places, in this order; None is a new one."""
        before = dict(self.weighting.named_parameters())
        self.weighting.rearrange(places)
        self._start = self.weighting.rearranged_state(self._start, places)
        self.history.values = rearranged(self.history.values, 0, places)
        self.history.filled = rearranged(self.history.filled, 0, places)
        self.history.is_even = False
        self.calls.close()
        for name, parameter in self.weighting.named_parameters():
            for optimizer in (one for joined in self._joined if (one := joined()) is not None):
                state = optimizer.state.get(before[name], {})
                for key, value in state.items():
                    if isinstance(value, Tensor) and value.ndim:
                        state[key] = rearranged(value, -1, places)
            parameter.grad = None

    def _forget_momentum(self) -> None:
        for optimizer in (one for joined in self._joined if (one := joined()) is not None):
            for parameter in self.weighting.parameters():
                optimizer.state.pop(parameter, None)

    def get_extra_state(self) -> Tensor:
        """The step counter, and names if there are any: host state, which buffers cannot hold without waiting."""
        return to_state(self.step, self.names)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the step counter, and names where this fusion has none."""
        self.step, names = from_state(state)
        self.names = self.names or names

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        self.calls.close()
        fitted(state_dict, prefix, self.state_dict(), self.names, self.weighting)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _Joined(list["weakref.ref[Optimizer]"]):
    """Optimizers that were joined; a copy of the fusion has none."""

    def __deepcopy__(self, _: Any) -> "_Joined":
        return _Joined()

    def __reduce__(self) -> tuple[type["_Joined"], tuple[()]]:
        return _Joined, ()


class _Release:
    """After an optimizer's step: takes parameters of absent losses back, which its momentum has moved."""

    def __init__(self, fusion: Fusion) -> None:
        self._fusion = weakref.ref(fusion)

    def __call__(self, *_: Any) -> None:
        fusion = self._fusion()
        if fusion is not None and isinstance(fusion.weighting, LearnedWeighting):
            fusion.weighting.release()


def _start_of(weighting: Weighting) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in weighting.state_dict().items()}


def _tensor(flag: Flag) -> Tensor:
    return KNOWN[flag] if isinstance(flag, bool) else flag
