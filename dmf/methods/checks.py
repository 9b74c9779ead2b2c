"""What every weighting promises, as functions that say what is wrong; ``dmf check-method`` and the tests call them."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dmf.config import FusionConfig
from dmf.fusion import Fusion
from dmf.methods.live import LiveHistory
from dmf.weighting import Weighting, build_weighting

TERMS = ("a", "b", "c", "d", "e", "f")
HISTORY_MAX = 9
STEPS = 28  # of the history that methods are tried on
SHORT = 16  # the first of them: the memory is full and moves on


class BrokenPromiseError(AssertionError):
    """A method does not keep what it promises; the text says which, and what was seen."""


class NotForThisMethodError(Exception):
    """A check means nothing for this method, or cannot be made here; the text says why."""


@dataclass(frozen=True)
class Subject:
    """A weighting with some settings, built as often as a check needs it.

    Attributes:
        options: Fields of ``FusionConfig``, ``weighting`` among them; what is given per loss is given for three.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    _weights: dict[tuple[bytes, torch.dtype, int], Tensor] = field(default_factory=dict, repr=False, compare=False)

    def weighting(self, count: int = 3, dtype: torch.dtype = torch.float64) -> Weighting:
        """A fresh one, of ``count`` losses."""
        options = {"history_min": 4, "history_max": HISTORY_MAX, "block_steps": 3, **self.options}
        return build_weighting(FusionConfig(terms=TERMS[:count], **options), dtype)

    def fusion(self, count: int = 3, dtype: torch.dtype = torch.float64) -> Fusion:
        """A fresh one in a fusion, ready to be trained."""
        return Fusion(self.weighting(count, dtype), history_max=HISTORY_MAX)

    def weights(self, losses: Tensor) -> Tensor:
        """Weights (S, K) that a training gives, step by step, to losses (S, K); trained once, however often asked."""
        key = (losses.numpy().tobytes(), losses.dtype, losses.shape[1])
        if key not in self._weights:
            torch.manual_seed(0)  # for rules that draw at random
            self._weights[key] = LiveHistory(self.fusion(losses.shape[1], losses.dtype)).run(losses)
        return self._weights[key].clone()


def history(count: int = 3) -> Tensor:
    """(28, K) noisy descents of different scale, with a flat stretch, a spike and, from K = 2 on, two bad steps.

    The flat stretch fills the memory; there are as many steps after the spike as the memory takes to forget it.
    """
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 0.5, 30.0, 2.0, 0.1, 7.0])[:count]
    falling = torch.linspace(1, 0.2, STEPS, dtype=torch.float64)[:, None] * scale
    values = falling * (1 + 0.1 * torch.randn(STEPS, count, generator=generator, dtype=torch.float64))
    values[6 : 7 + HISTORY_MAX, count // 2] = 0.3
    values[STEPS - HISTORY_MAX - 1, -1] *= 10
    if count > 1:
        values[11, 0], values[0, 1] = torch.nan, torch.inf
    return values


def weights_are_sound(subject: Subject, losses: Tensor | None = None) -> None:
    """Weights are (K,) at every step, finite, never negative, and of the promised sum where they are a simplex."""
    losses = history() if losses is None else losses
    _are_sound(subject.weights(losses), losses, subject.weighting(losses.shape[1]))


def _are_sound(weights: Tensor, losses: Tensor, weighting: Weighting) -> None:
    tolerance = 1e-7 if losses.dtype == torch.float64 else 1e-5
    require(weights.shape == losses.shape, f"weights must be {losses.shape[1]} numbers, got shape {weights.shape[1:]}")
    step = _first(~torch.isfinite(weights).all(-1))
    require(step is None, f"a weight is not finite at step {step}: {_row(weights, step)}")
    if not weighting.simplex:
        return
    step = _first((weights < 0).any(-1))
    require(step is None, f"a weight is negative at step {step}: {_row(weights, step)}")
    step = _first((weights.sum(-1) - weighting.total).abs() > tolerance * weighting.total)
    require(step is None, f"weights must sum to {weighting.total:g}, at step {step} they are {_row(weights, step)}")


def constant_losses_do_no_harm(subject: Subject) -> None:
    """Losses that stand still, one of them below zero, give sound weights."""
    weights_are_sound(subject, torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64).expand(SHORT, 3))


def zero_losses_do_no_harm(subject: Subject) -> None:
    """Losses that are all zero give sound weights."""
    weights_are_sound(subject, torch.zeros(SHORT, 3, dtype=torch.float64))


def negative_losses_do_no_harm(subject: Subject) -> None:
    """Losses below zero give sound weights."""
    weights_are_sound(subject, -history()[:SHORT])


def huge_losses_do_no_harm(subject: Subject) -> None:
    """Finite losses as large as 1e30 with float32 statistics, and 1e300 with float64 ones, spoil neither weights nor
    state, and replay equals live.
    """
    for dtype, size in ((torch.float32, 1e30), (torch.float64, 1e300)):
        losses = history().to(dtype)
        losses[6, 0] *= size
        losses[9:11] *= size
        losses[12, 1] *= -size
        losses[16 : 16 + HISTORY_MAX, 2] *= size
        live, rows = LiveHistory(subject.fusion(dtype=dtype)), []
        for step, row in enumerate(losses):
            rows.append(live.step(row).weights)
            bad = [name for name, value in live.fusion.state_dict().items() if not _is_finite(value)]
            require(not bad, f"after a loss of {size:g} at step {step} {', '.join(bad)} is not finite any more")
        weights, weighting = torch.stack(rows), subject.weighting(dtype=dtype)
        _are_sound(weights, losses, weighting)
        if dtype == torch.float64 and weighting.replayable:
            _same_weights(weights, weighting.replay(losses, HISTORY_MAX), atol=1e-9)


def one_loss_is_enough(subject: Subject) -> None:
    """With one loss the weight is sound: everything, where weights are a simplex."""
    weights_are_sound(_without_lists(subject), history(1)[:SHORT])


def six_losses_are_not_too_many(subject: Subject) -> None:
    """With six losses the weights are sound."""
    weights_are_sound(_without_lists(subject), history(6)[:SHORT])


def order_does_not_matter(subject: Subject, atol: float = 1e-6) -> None:
    """Losses in another order get the same weights in that order."""
    losses, order = history(), torch.tensor([2, 0, 1])
    if "weight_seed" in subject.weighting().options:
        raise NotForThisMethodError("draws by `weight_seed`, which knows no order")
    weights = subject.weights(losses)
    others = torch.where(losses.isfinite(), 1 + losses.flip(0).nan_to_num(1, 1, 1), losses)
    if torch.equal(weights, subject.weights(others)):
        raise NotForThisMethodError("looks at no loss")
    reordered = {
        key: tuple(value[place] for place in order) if isinstance(value, tuple) and len(value) == 3 else value
        for key, value in subject.options.items()
    }
    torch.manual_seed(0)
    fusion = Subject(reordered).fusion()
    reordered_weights = LiveHistory(fusion, order.tolist()).run(losses[:, order])
    far = (reordered_weights - weights[:, order]).abs().amax(-1)
    step = _first(far > atol)
    require(
        step is None,
        f"losses in another order get other weights at step {step}: {_row(weights[:, order], step)} became "
        f"{_row(reordered_weights, step)}",
    )


def evaluation_changes_nothing(subject: Subject) -> None:
    """In evaluation mode the last weights are used, and no state moves."""
    losses, live = history(), LiveHistory(subject.fusion())
    last = live.run(losses[:20])[-1]
    before = copy.deepcopy(dict(live.fusion.state_dict()))
    live.fusion.eval()
    for row in losses[20:24]:
        weights = live.fusion(live.losses(row)).weights
        require(torch.equal(weights, last), f"in evaluation mode the weights must stay {_text(last)}: {_text(weights)}")
    _same_state(before, live.fusion.state_dict(), "in evaluation mode")


def bad_losses_enter_no_state(subject: Subject) -> None:
    """A step with a NaN or infinite loss changes neither weights nor state."""
    losses, live = history(), LiveHistory(subject.fusion())
    live.run(losses[:10])
    for bad in (torch.nan, torch.inf, -torch.inf):
        for place in range(3):
            parts = (live.fusion.weighting, live.fusion.history)
            before = [copy.deepcopy(dict(part.state_dict())) for part in parts]
            row = losses[9].clone()
            row[place] = bad
            live.step(row)
            for part, old in zip(parts, before, strict=True):
                _same_state(old, part.state_dict(), f"after a loss of {bad}")
    weights = live.run(losses[12:])
    require(bool(torch.isfinite(weights).all()), "weights are not finite any more after a step that was not")


def a_restored_state_goes_on(subject: Subject, at: tuple[int, ...] = (2, 11, 18)) -> None:
    """A state saved in mid-training and loaded into a fresh object goes on bit for bit."""
    losses = history()
    expected = subject.weights(losses)
    torch.manual_seed(0)
    first, states = LiveHistory(subject.fusion()), {}
    for step, row in enumerate(losses):
        if step in at:
            states[step] = (copy.deepcopy(dict(first.fusion.state_dict())), first.network.data.clone(), _random_state())
        first.step(row)  # what was saved must not follow the object it came from
    for step, (saved, network, random_state) in states.items():
        fusion = subject.fusion()
        fusion.load_state_dict(saved)
        second = LiveHistory(fusion)
        second.network.data.copy_(network)
        torch.set_rng_state(random_state)
        weights = second.run(losses[step:])
        differs = _first((weights != expected[step:]).any(-1))
        require(
            differs is None,
            f"restored after {step} steps, the weights differ {differs} steps on: {_row(weights, differs)} instead of "
            f"{_row(expected[step:], differs)}. Keep all that is remembered in registered buffers",
        )


def replay_equals_live(subject: Subject, atol: float = 1e-9) -> None:
    """A replayed history gives the weights that a training had, to rounding."""
    weighting = subject.weighting()
    if not weighting.replayable:
        raise NotForThisMethodError("says that it needs more than loss values")
    losses = history()
    _same_weights(subject.weights(losses), weighting.replay(losses, HISTORY_MAX), atol)


def _same_weights(live: Tensor, replayed: Tensor, atol: float) -> None:
    require(replayed.shape == live.shape, f"replay must give weights {tuple(live.shape)}, got {tuple(replayed.shape)}")
    step = _first((live - replayed).abs().amax(-1) > atol)
    require(step is None, f"at step {step} replay gives {_row(replayed, step)}, live it was {_row(live, step)}")


def weights_are_constants_in_the_gradient(subject: Subject) -> None:
    """The slope of the total by each loss is its weight and nothing else, and weights carry no gradient."""
    losses, live = history()[12:24], LiveHistory(subject.fusion())
    for step, row in enumerate(losses):
        parts = live.losses(row)
        fused = live.fusion(parts)
        require(not fused.weights.requires_grad, "weights must carry no gradient; detach them")
        (slope,) = torch.autograd.grad(fused.total, parts.terms, retain_graph=True)
        far = float((slope - fused.weights).abs().max() / fused.weights.abs().max().clamp(min=1e-12))
        require(
            far <= 1e-6,
            f"at step {step} the slope of the total by each loss is {_text(slope)}, the weights are "
            f"{_text(fused.weights)}",
        )
        live.step(row)


def an_absent_loss_is_left_as_it_is(subject: Subject) -> None:
    """A step without one of the losses gives it weight 0, changes nothing of its memory, and gives the others sound
    weights of the promised sum.
    """
    live = LiveHistory(subject.fusion())
    weighting = live.fusion.weighting
    if not weighting.takes_absent:
        raise NotForThisMethodError("does not say that it `takes_absent` losses")
    losses, mask = history()[1:17], torch.tensor([True, False, True])
    live.run(losses)
    memory = live.fusion.history.values.clone()
    for row in history()[18:24]:
        weights = live.fusion(live.losses(row), mask).weights
        require(bool(torch.isfinite(weights).all()), f"a weight is not finite: {_text(weights)}")
        require(weights[1] == 0, f"the weight of an absent loss must be 0: {_text(weights)}")
        if weighting.keeps_sum:
            far = abs(float(weights.sum()) - weighting.total)
            require(far <= 1e-7, f"weights of the others must sum to {weighting.total:g}: {_text(weights)}")
    kept = torch.equal(live.fusion.history.values[1], memory[1])
    require(kept, "the memory of an absent loss must stay as it is")


def no_step_waits_for_the_device(subject: Subject) -> None:
    """On a GPU no step waits for it, unless the method says so by ``host_sync``."""
    fusion = subject.fusion()
    if fusion.weighting.host_sync:
        raise NotForThisMethodError("says that it waits for the device")
    if not torch.cuda.is_available():
        raise NotForThisMethodError("needs a CUDA device")
    live = LiveHistory(fusion.cuda())
    rows = list(history().cuda())
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for row in rows:
            live.fusion(live.losses(row))
    except RuntimeError as error:
        raise BrokenPromiseError(f"a step waits for the device: {error}") from error
    finally:
        torch.cuda.set_sync_debug_mode("default")


CHECKS: dict[str, Callable[[Subject], None]] = {
    "weights are finite, and sum up where they should": weights_are_sound,
    "constant losses do no harm": constant_losses_do_no_harm,
    "losses of zero do no harm": zero_losses_do_no_harm,
    "negative losses do no harm": negative_losses_do_no_harm,
    "huge finite losses do no harm": huge_losses_do_no_harm,
    "one loss is enough": one_loss_is_enough,
    "six losses are not too many": six_losses_are_not_too_many,
    "the order of the losses does not matter": order_does_not_matter,
    "evaluation changes nothing": evaluation_changes_nothing,
    "losses that are not finite enter no state": bad_losses_enter_no_state,
    "a restored state goes on bit for bit": a_restored_state_goes_on,
    "replay equals live": replay_equals_live,
    "weights are constants in the gradient": weights_are_constants_in_the_gradient,
    "an absent loss is left as it is": an_absent_loss_is_left_as_it_is,
    "no step waits for the device": no_step_waits_for_the_device,
}
"""What is promised, in words, to the function that looks."""


def require(holds: bool, sentence: str) -> None:
    """Raise :class:`BrokenPromiseError` with this sentence unless it holds."""
    if not holds:
        raise BrokenPromiseError(f"{sentence}.")


def _first(where: Tensor) -> int | None:
    """The first row that is True."""
    positions = where.nonzero()
    return int(positions[0]) if len(positions) else None


def _row(weights: Tensor, step: int | None) -> str:
    return "" if step is None else _text(weights[step])


def _text(values: Tensor) -> str:
    return f"({', '.join(f'{value:.6g}' for value in values.tolist())})"


def _random_state() -> Tensor:
    return torch.get_rng_state()


def _same_state(before: Mapping[str, Any], after: Mapping[str, Any], when: str) -> None:
    require(
        before.keys() == after.keys(), f"{when} the state has other entries: {sorted(before.keys() ^ after.keys())}"
    )
    changed = [name for name in before if not _equal(before[name], after[name])]
    require(not changed, f"{when} the state must stay as it is, but {', '.join(changed)} changed")


def _is_finite(value: Any) -> bool:
    return bool(value.isfinite().all()) if isinstance(value, Tensor) else True


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return (
            bool(((one == other) | (one.isnan() & other.isnan())).all())
            if one.is_floating_point()
            else torch.equal(one, other)
        )
    return bool(one == other)


def _without_lists(subject: Subject) -> Subject:
    """For another number of losses: without what is given per loss, or bounds a weight."""
    kept = {key: value for key, value in subject.options.items() if not isinstance(value, tuple)}
    return Subject({key: value for key, value in kept.items() if key not in ("weight_min", "weight_max")})
