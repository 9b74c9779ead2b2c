"""How the weights of one step of a recorded history came about, told by the very objects that run live."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmf.config import FusionConfig
from dmf.errors import ConfigError, naming_plugins
from dmf.records import SettingChange
from dmf.replay.replay import presence, replay, replay_rule, turns

if TYPE_CHECKING:
    from torch import Tensor

    from dmf.weighting import StepState, Weighting
    from dmf.weighting.stages import Derivation, Stage

Numbers = NDArray[np.float64]
Steps = NDArray[np.int64]

KEEP_EVERY = 1000  # steps between kept states of a rule that remembers more than its last weights


@dataclass(frozen=True)
class Explanation:
    """One step in full, as plain data.

    Attributes:
        names: (K,) the losses.
        weighting: The method in force at this step.
        since: Step at which it took over.
        step: Which step, counted from 0.
        finite: Whether all losses of this step are finite. If not, nothing was learned.
        moved: Whether the weights are others than before this step.
        note: One sentence where something needs to be said, e.g. that the method is still warming up; else empty.
        losses: (K,) of this step, NaN or infinite where they were; NaN where one was absent.
        steps: (T,) steps whose losses are shown; ones that were not finite never enter.
        window: (K, T) those losses, oldest first. If the method looks at a window, this is it; else recent losses. NaN
            where a loss was absent, or its own window does not reach.
        leaves_in: (T,) in how many steps each of them leaves the window: 1 is the next to go. None if the method looks
            at no window of steps, or losses were absent in it, whose windows then differ.
        stages: From the losses to the weights, each with its formula and numbers. The last is the weights themselves.
        before: (K,) the weights just before this step: those of the step before, or those the method starts with.
        weights: (K,) the weights of this step.
        without: (K,) the weights this step would have had, had its losses been left out and those of the step before
            been looked at again; None where there is no step before.
    """

    names: tuple[str, ...]
    weighting: str
    since: int
    step: int
    finite: bool
    moved: bool
    note: str
    losses: Numbers
    steps: Steps
    window: Numbers
    leaves_in: Steps | None
    stages: "tuple[Stage, ...]"
    before: Numbers
    weights: Numbers
    without: Numbers | None

    @property
    def influence(self) -> Numbers | None:
        """(K,) how much this step's own losses moved its weights: ``weights - without``."""
        return None if self.without is None else self.weights - self.without

    @property
    def sentences(self) -> list[str]:
        """The arithmetic that ends at the weights, a line for each loss: ``W1 = 0.2 / (0.2 + 0.6) = 0.25``.

        Empty where the weights stayed as they were, or one of them is not calculated in a line.
        """
        last = self.stages[-2] if len(self.stages) > 1 else None
        if last is None or last.is_window or not np.allclose(last.values, self.weights, rtol=0, atol=1e-9):
            return []
        sentences = last.sentences("W")
        return sentences if len(sentences) == len(self.names) else []

    def to_dict(self) -> dict[str, Any]:
        """The same as what JSON knows: lists and numbers in full precision, None for what is not finite."""
        fields = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__ if name != "stages"}
        stages = [
            {"name": stage.name, "title": stage.title, "formula": stage.formula, "latex": stage.latex}
            | {"text": stage.text, "worked": list(stage.worked), "values": _plain(stage.values)}
            | {"numbers": _plain(stage.numbers), "levels": _plain(stage.levels)}
            for stage in self.stages
        ]
        return {**fields, "influence": _plain(self.influence), "sentences": self.sentences, "stages": stages}


class Explainer:
    """Explains any step of one history under one configuration. The history is replayed once; each step costs little.

    Args:
        losses: (S, K) one row per step, as for :func:`dmf.replay.replay`.
        config: Only what concerns the weighting and its memory is read.
        changes: Changes made while the run trained, in their order.

    Raises:
        DataError: If ``losses`` has not one column per term.
        ConfigError: If a weighting is unknown, its options do not fit, or it needs more than loss values.
    """

    def __init__(
        self, losses: NDArray[np.floating], config: FusionConfig, changes: Sequence[SettingChange] = ()
    ) -> None:
        self.weights = replay(losses, config, changes)
        self.config = config
        self.losses: Numbers = np.array(losses, dtype=np.float64)
        self._present = presence(losses)
        here = np.ones(self.losses.shape, dtype=bool) if self._present is None else self._present
        finite: NDArray[np.bool_] = np.asarray((np.isfinite(self.losses) | ~here).all(1) & here.any(1))
        self._finite = finite
        # (S, K) what enters the memory of each loss.
        self._stored: NDArray[np.bool_] = here & finite[:, None]
        self.losses = np.where(here, self.losses, np.nan)
        self._turns = turns(config, changes, len(self.losses))
        self._kept: dict[tuple[int, int], Weighting] = {}

    @naming_plugins()
    def at(self, step: int) -> Explanation:
        """Explain ``step``, counted from 0.

        Raises:
            ConfigError: If there is no such step.
        """
        import torch

        if not 0 <= step < len(self.losses):
            has = f"its steps are 0 to {len(self.losses) - 1}" if len(self.losses) else "it has no steps"
            raise ConfigError(f"The history has no step {step}; {has}.", "step")
        with torch.no_grad():
            return self._explain(step)

    def _explain(self, step: int) -> Explanation:
        first, fusion = [turn for turn in self._turns if turn[0] <= step][-1]
        weighting = self._state_before(step, first, fusion)
        state = self._state(step, fusion.history_max)
        finite = bool(self._finite[step])
        derivation = self._derivation(weighting, state, step)
        before, weights = _numbers(weighting.weights), self.weights[step]
        stages = derivation.stages
        if derivation.proposal is not None:
            stages = (*stages, *weighting.adjustments(derivation.proposal, state.present))
        reach = weighting.reach(fusion.history_max)
        shown, window = self._shown(step, fusion.history_max if reach is None else reach)
        return Explanation(
            names=self.config.term_names,
            weighting=fusion.weighting.name,
            since=first,
            step=step,
            finite=finite,
            moved=bool(np.any(weights != before)),
            note=derivation.note,
            losses=self.losses[step],
            steps=shown,
            window=window,
            leaves_in=None
            if reach is None or np.isnan(window).any()
            else reach - len(shown) + 1 + np.arange(len(shown)),
            stages=(*stages, _weights_stage(weights, before)),
            before=before,
            weights=weights,
            without=self._without(weighting, step, fusion.history_max),
        )

    def _state_before(self, step: int, first: int, fusion: FusionConfig) -> "Weighting":
        """The rule as it stands before ``step``."""
        import torch

        from dmf.weighting import build_weighting

        fresh = build_weighting(fusion)
        remembers = fresh.state_dict().keys() - {"weights"}  # all that a checkpoint would have to restore
        if step > first and self._present is not None:  # what an absent loss keeps is not in the weights of a step
            return self._walk_to(step, first, fusion, fresh)
        if not remembers or step == first:
            weighting = fresh
        else:
            weighting = self._walk_to(step, first, fusion, fresh)
        if step > first:
            weighting.weights = torch.from_numpy(self.weights[step - 1].copy()).to(weighting.weights)
        return weighting

    def _walk_to(self, step: int, first: int, fusion: FusionConfig, fresh: "Weighting") -> "Weighting":
        import torch

        history = torch.from_numpy(self.losses)
        at = max((at for start, at in tuple(self._kept) if start == first and at <= step), default=first)
        weighting = copy.deepcopy(self._kept[first, at]) if at > first else fresh
        while at < step:
            until = min(step, first + (at - first) // KEEP_EVERY * KEEP_EVERY + KEEP_EVERY)
            replay_rule(weighting, history[:until], self._present, fusion.history_max, at)
            at = until
            if (at - first) % KEEP_EVERY == 0:
                self._kept[first, at] = copy.deepcopy(weighting)
        return weighting

    def _shown(self, step: int, reach: int) -> tuple[Steps, Numbers]:
        """Steps (T,) that the window of any loss holds at ``step``, and those windows (K, T)."""
        stored = self._stored[: step + 1]
        newest = stored & (stored.sum(0) - stored.cumsum(0) < reach)
        shown = np.flatnonzero(newest.any(1))
        return shown, np.where(newest[shown], self.losses[shown], np.nan).T.copy()

    def _state(self, step: int, history_max: int) -> "StepState":
        """What the rule knows at ``step``."""
        import torch

        from dmf.weighting import StepState

        window = torch.zeros(self.losses.shape[1], history_max, dtype=torch.float64)
        counts = []
        for row, stored in zip(range(len(window)), self._stored[: step + 1].T, strict=True):
            values = self.losses[np.flatnonzero(stored)[-history_max:], row]
            counts.append(len(values))
            if counts[-1]:
                window[row, -counts[-1] :] = torch.from_numpy(values)
        filled = counts[0] if len(set(counts)) == 1 else torch.tensor(counts)
        here = None if self._present is None or self._present[step].all() else torch.from_numpy(self._present[step])
        terms = torch.from_numpy(self.losses[step].copy())
        if here is not None:
            terms = torch.where(here, terms, 0)
        return StepState(step, terms, window, filled, bool(self._finite[step]), present=here)

    def _derivation(self, weighting: "Weighting", state: "StepState", step: int) -> "Derivation":
        from dmf.weighting.stages import Derivation

        if state.finite:
            derivation = weighting.explain(state)
            if not derivation.stages and not derivation.note:
                return Derivation(note="This method does not tell how it comes to its weights.")
            return derivation
        here = np.ones(len(self.config.terms), dtype=bool) if self._present is None else self._present[step]
        names = [
            name
            for name, value, is_here in zip(self.config.term_names, self.losses[step], here, strict=True)
            if is_here and not math.isfinite(value)
        ]
        if not names:
            return Derivation(note="Nothing was learned: no loss was present. All stays as it was.")
        verb = "was" if len(names) == 1 else "were"
        return Derivation(note=f"Nothing was learned: {' and '.join(names)} {verb} not finite. All stays as it was.")

    def _without(self, weighting: "Weighting", step: int, history_max: int) -> Numbers | None:
        earlier = np.flatnonzero(self._finite[:step])
        if not len(earlier):
            return None
        if not self._finite[step]:
            kept: Numbers = self.weights[step]
            return kept
        from dmf.weighting.base import expect_combined

        state = self._state(int(earlier[-1]), history_max)
        combined = expect_combined(weighting, copy.deepcopy(weighting)(replace(state, step=step)))
        return _numbers(combined.weights)


def explain(
    losses: NDArray[np.floating], config: FusionConfig, step: int, changes: Sequence[SettingChange] = ()
) -> Explanation:
    """How ``config`` comes to the weights of one step of a recorded history.

    Args:
        losses: (S, K) one row per step, one column per term of ``config``.
        config: Only what concerns the weighting and its memory is read.
        step: Which step, counted from 0.
        changes: Changes made while the run trained, in their order.

    Returns:
        The explanation, whose weights are those of :func:`dmf.replay.replay` to the last bit.

    Raises:
        DataError: If ``losses`` has not one column per term.
        ConfigError: If there is no such step, a weighting is unknown, its options do not fit, or it needs more than
            loss values.
    """
    return Explainer(losses, config, changes).at(step)


def _weights_stage(weights: Numbers, before: Numbers) -> "Stage":
    from dmf.weighting.stages import Stage

    text = "What each loss is multiplied by at this step."
    return Stage("weights", "Weights", "w", "w_k", text, weights, {"before this step": before})


def _numbers(weights: "Tensor") -> Numbers:
    return np.array(weights.double().numpy())


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | tuple | list):
        return [_plain(part) for part in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
