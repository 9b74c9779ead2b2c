"""What a weighting tells about one step: stages with their numbers, made by the very functions that run live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmf.weighting import adjusting, arithmetic, functional

Numbers = NDArray[np.float64]
Normalisation = tuple[str, str, str]
"""How shares are made of a statistic: the formula, the same as LaTeX, and one plain sentence."""


@dataclass(frozen=True)
class Stage:
    """One stage on the way from losses to weights, as plain data.

    Attributes:
        name: What the stage is, for programs: ``"symlog"``, ``"likelihood"``, ``"normalisation"``, ...
        title: The same for people.
        formula: As a line of text, which begins with the symbol of the values.
        latex: The same as LaTeX.
        text: One plain sentence: what the stage does, or why.
        values: (K,) one number per loss, or (K, T) a window per loss, oldest first, that ends at the newest value.
        numbers: Further numbers that go into the formula, (K,) each, by what they are.
        levels: The same for numbers in the unit of the last windows, where they can be drawn: a median, a mean.
        worked: (K,) the formula of each loss with its numbers in place of the symbols; of a window, for its newest
            value. An empty text where there is none; no texts at all where nothing is calculated.
    """

    name: str
    title: str
    formula: str
    latex: str
    text: str
    values: Numbers
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    levels: Mapping[str, Numbers] = field(default_factory=dict)
    worked: arithmetic.Lines = ()

    @property
    def symbol(self) -> str:
        """Of its values, as in the formula."""
        return self.formula.split(" ")[0]

    def sentences(self, symbol: str = "") -> list[str]:
        """A line of arithmetic for each loss that has one: ``v1 = 0.2 / (0.2 + 0.3) = 0.4``.

        Args:
            symbol: Written in place of its own.
        """
        newest = self.values[:, -1] if self.is_window else self.values
        return [
            f"{symbol or self.symbol}{number} = {line} = {arithmetic.number(value)}"
            for number, (line, value) in enumerate(zip(self.worked, newest, strict=bool(self.worked)), start=1)
            if line
        ]

    @property
    def is_window(self) -> bool:
        """Whether there is a window per loss, not one number."""
        return self.values.ndim == 2


@dataclass(frozen=True)
class Derivation:
    """What a rule tells about one step.

    Attributes:
        stages: In the order in which they are computed.
        proposal: (K,) the weights that the rule proposes, before they are adjusted; None where they stay as they are.
        note: One sentence where something needs to be said: why the weights stay, or when they move next.
    """

    stages: tuple[Stage, ...] = ()
    proposal: Tensor | None = None
    note: str = ""


def stage(  # noqa: PLR0917
    name: str,
    title: str,
    formula: str,
    latex: str,
    text: str,
    values: Tensor,
    *,
    numbers: Mapping[str, Tensor] | None = None,
    levels: Mapping[str, Tensor] | None = None,
    worked: arithmetic.Lines = (),
) -> Stage:
    """A :class:`Stage` of tensors, which are copied to the host."""
    plain = (_plain(values), _all_plain(numbers), _all_plain(levels))
    return Stage(name, title, formula, latex, text, *plain, worked)


def warming_up(have: int, need: int, what: str = "losses") -> str:
    """The sentence for a rule that still collects."""
    return f"Warming up: {have} of {need} {what} are there; until then the weights stay where they start."


def scaling_stages(window: Tensor, scaled: Tensor, *, symlog: bool, minmax: bool, eps: float) -> tuple[Stage, ...]:
    """Symmetric log and min-max of the filled windows (K, T), each if it is on; ``scaled`` is what came of them."""
    logs = functional.symlog(window) if symlog else window
    x = "y" if symlog else "x"
    low, high = logs.aminmax(dim=-1)
    log_stage = stage(
        "symlog",
        "Symmetric logarithm",
        "y = sign(x) · log(1 + |x|)",
        r"y = \operatorname{sign}(x)\,\log(1 + |x|)",
        "Large losses are pressed together, so that an outlier counts less.",
        logs,
        worked=arithmetic.lines("{sign} · log(1 + {size})", sign=window[:, -1].sign(), size=window[:, -1].abs()),
    )
    stretch_stage = stage(
        "minmax",
        "Min–max",
        f"h = ({x} − min {x}) / (max {x} − min {x} + ε)",
        rf"h = \frac{{{x} - \min {x}}}{{\max {x} - \min {x} + \varepsilon}}",
        f"Each window is stretched to 0..1, so that only its shape counts, not its size (ε = {eps:g}).",
        scaled,
        numbers={f"min {x}": low, f"max {x}": high},
        worked=arithmetic.lines("({x} − {low}) / ({high} − {low} + {eps})", x=logs[:, -1], low=low, high=high, eps=eps),
    )
    return (log_stage,) * symlog + (stretch_stage,) * minmax


def floor_stage(symbol: str, before: Tensor, values: Tensor, floor: float) -> Stage:
    """A statistic (K,) that has been kept from falling below ``floor``."""
    return stage(
        "floor",
        "Floor",
        f"{symbol} ← max({symbol}, floor)",
        rf"{symbol} \leftarrow \max({symbol}, \text{{floor}})",
        f"No loss counts with less than {floor:g}, so that one flat in its window neither takes nor loses everything.",
        values,
        worked=arithmetic.lines("max({before}, {floor})", before=before, floor=floor),
    )


def normalisation_stage(
    formula: str, latex: str, text: str, weights: Tensor, total: float, *, parts: Sequence[str] = ()
) -> Stage:
    """What the rule proposes, (K,), which sums to ``total``: the share of each of the ``parts``, (K,) as text."""
    if total != 1:
        formula, latex = f"{formula} · {total:g}", rf"{latex} \cdot {total:g}"
    lines = arithmetic.shares(parts, total)
    return stage("normalisation", "Normalisation", formula, latex, text, weights, worked=lines)


def adjusting_stages(
    proposal: Tensor,
    last: Tensor,
    *,
    base: Tensor | None,
    smoothing: float,
    low: float,
    high: float,
    max_change: float | None,
    total: float | None,
    present: Tensor | None = None,
) -> tuple[Stage, ...]:
    """What :func:`adjusting.adjust` does to a proposal (K,), one stage for each adjustment that is on."""
    stages: list[Stage] = []
    before, now = {"last step's weight": last}, proposal
    adjust = partial(adjusting.adjust, proposal, last, base=base, total=total, present=present)
    if base is not None:
        weighted = arithmetic.lines("{w} · {b}", w=now, b=base)
        now = adjust()
        stages.append(
            stage(
                "base",
                "Base weights",
                "w ← w · b" if total is None else "w ← w · b / Σ (w · b) · sum",
                r"w_k \leftarrow w_k b_k" if total is None else r"w_k \leftarrow S\,\frac{w_k b_k}{\sum_j w_j b_j}",
                "Each weight is multiplied by how much its loss counts whatever the rule says.",
                now,
                numbers={"b": base},
                worked=weighted if total is None else arithmetic.shares(weighted, total),
            )
        )
    if smoothing > 0:
        lines = arithmetic.lines("{s} · {last} + {rest} · {w}", s=smoothing, last=last, rest=1 - smoothing, w=now)
        now = adjust(smoothing=smoothing)
        stages.append(
            stage(
                "smoothing",
                "Smoothing",
                f"w ← {smoothing:g} · w(last) + {1 - smoothing:g} · w",
                rf"w \leftarrow {smoothing:g}\,w^{{\text{{last}}}} + {1 - smoothing:g}\,w",
                f"{smoothing:.0%} of the last step's weights are kept.",
                now,
                numbers=before,
                worked=lines,
            )
        )
    if low > 0 or high < float("inf"):
        within = adjust(smoothing=smoothing, low=low, high=high)
        stages.append(
            stage(
                "limits",
                "Floor and ceiling",
                f"w within {low:g} ≤ w" + (f" ≤ {high:g}" if high < float("inf") else ""),
                rf"{low:g} \le w_k" + (rf" \le {high:g}" if high < float("inf") else ""),
                "Weights beyond the limits are pinned to them"
                + ("." if total is None else "; the free ones share the rest."),
                within,
                worked=arithmetic.limited(now, within, low, high, total),
            )
        )
        now = within
    if max_change is not None:
        longest = max(max_change, float((now - last).abs().max()))
        lines = arithmetic.lines("{last} + {part} · ({w} − {last})", last=last, part=max_change / longest, w=now)
        stages.append(
            stage(
                "change",
                "Limit on the change",
                f"w within |w − w(last)| ≤ {max_change:g}",
                rf"|w_k - w_k^{{\text{{last}}}}| \le {max_change:g}",
                f"The way from the last weights is shortened until none moves further than {max_change:g}.",
                adjust(smoothing=smoothing, low=low, high=high, max_change=max_change),
                numbers=before,
                worked=lines,
            )
        )
    return tuple(stages)


def _plain(values: Tensor) -> Numbers:
    return np.array(values.detach().cpu().double().numpy())


def _all_plain(numbers: Mapping[str, Tensor] | None) -> dict[str, Numbers]:
    return {name: _plain(values) for name, values in (numbers or {}).items()}
