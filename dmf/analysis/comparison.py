"""Which of several methods or models scores higher on the same test images, and what may be concluded from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from dmf.analysis.pairing import Floats, Pairing, ScoredRun, pair
from dmf.analysis.statistics import (
    bootstrap_p,
    hierarchical_bootstrap,
    holm,
    paired_t,
    percentile_interval,
    signed_rank,
)
from dmf.config_text import to_text

Test = Literal["wilcoxon", "paired t", "bootstrap"]

ALPHA = 0.05
TESTS: dict[Test, str] = {"wilcoxon": "Wilcoxon signed-rank", "paired t": "paired t", "bootstrap": "bootstrap"}
Over: TypeAlias = Literal["seeds", "bootstrap"]

FEWEST_IMAGES = 6  # with 5 pairs the least two-sided p of a signed-rank test is 2 / 2^5 = 0.0625
COLUMNS = {
    **{"group": "object", "runs": "int64", "mean": "float64", "spread": "float64", "difference": "float64"},
    **{"low": "float64", "high": "float64", "p": "float64", "p_holm": "float64", "effect": "float64"},
    **{"n": "int64", "zeros": "int64", "best": "bool", "bold": "bool"},
}


@dataclass(frozen=True)
class Comparison:
    """Groups held against a baseline.

    Attributes:
        table: One row per group that can be compared, the baseline among them:

            - ``group``, ``runs`` (one per seed);
            - ``mean`` score, and its ``spread``: the standard deviation over seeds, with one seed over images;
            - ``difference`` to the baseline with its 95 % interval ``low``..``high``: with one seed the median over
              images, with several the mean over seeds; NaN for the baseline;
            - ``p`` and, after Holm's correction for the family, ``p_holm``; NaN for the baseline;
            - ``effect``: matched-pairs rank-biserial correlation, -1..1, with one seed; else NaN;
            - ``n`` pairs (images with one seed, else seeds) and how many ``zeros`` among them;
            - ``best``: the best mean; ``bold``: it, and all that shows no significant difference to it, where the
              p-values of all pairs of groups are corrected together, because the best was not chosen beforehand.
        refused: Group to the reason it is left out, one sentence.
        test: What the p-values are from; None where nothing could be compared.
        seeds: Seeds compared.
        images: Test images of each seed.
        family: Which p-values were corrected together, in words.
        sentence: What can and what cannot be concluded, in words.
    """

    table: pd.DataFrame
    refused: dict[str, str]
    test: Test | None
    seeds: tuple[Any, ...]
    images: tuple[int, ...]
    family: str
    sentence: str


@dataclass(frozen=True)
class _Outcome:
    """How a group differs from another."""

    difference: float
    low: float
    high: float
    p: float
    effect: float
    n: int
    zeros: int


def compare(
    groups: Mapping[str, Sequence[ScoredRun]],
    baseline: str,
    *,
    metric: str = "Score",
    higher_is_better: bool | None = True,
    over: Over = "seeds",
    seed: int = 0,
) -> Comparison:
    """Compare groups of runs with a baseline, paired over the images or the seeds that all of them have.

    With one seed per group: Wilcoxon's signed-rank test over the test images, zeros as Pratt treats them. It says
    something about these trained models only. With several seeds: Student's paired t-test over the seeds' mean scores,
    or a hierarchical bootstrap over seeds and images. A score that is no mean over images (pooled over the split) can
    be compared over seeds, as the score of a single case.

    Args:
        groups: Name to its runs, one per seed.
        baseline: Name of the group that the others are held against.
        metric: What the scores are, for the sentence.
        higher_is_better: False for distances and errors; None where nobody knows, and then none is the best.
        over: What is resampled or tested where there are several seeds.
        seed: Of the bootstrap.

    Raises:
        ValueError: If there is no such baseline, or ``over`` is neither word.
    """
    if over not in ("seeds", "bootstrap"):
        raise ValueError(f"`over` must be 'seeds' or 'bootstrap', got {over!r}.")
    pairing = pair(groups, baseline)
    names = pairing.groups
    if not names:
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
        sentence = f"Nothing can be compared. {' '.join(dict.fromkeys(pairing.refused.values()))}"
        return Comparison(empty, pairing.refused, None, (), (), "", sentence)
    test: Test = "wilcoxon" if len(pairing.seeds) == 1 else "paired t" if over == "seeds" else "bootstrap"
    outcomes = _outcomes(pairing, test, seed)
    first = names.index(baseline)
    others = [position for position in range(len(names)) if position != first]
    corrected = holm([outcomes[position, first].p for position in others])
    means = _means(pairing)
    mean = means.mean(0)
    best = None if higher_is_better is None else int(mean.argmax() if higher_is_better else mean.argmin())
    bold = np.zeros(len(names)) if best is None else _not_worse_than(best, outcomes, len(names))
    spread = pairing.scores[0] if test == "wilcoxon" else means.T
    rows = []
    for position, name in enumerate(names):
        outcome = outcomes.get((position, first))
        rows.append(
            {
                "group": name,
                "runs": len(pairing.seeds),
                "mean": mean[position],
                "spread": spread[position].std(ddof=1) if spread.shape[1] > 1 else np.nan,
                "difference": outcome.difference if outcome else np.nan,
                "low": outcome.low if outcome else np.nan,
                "high": outcome.high if outcome else np.nan,
                "p": outcome.p if outcome else np.nan,
                "p_holm": corrected[others.index(position)] if outcome else np.nan,
                "effect": outcome.effect if outcome else np.nan,
                "n": outcome.n if outcome else spread.shape[1],
                "zeros": outcome.zeros if outcome else spread.shape[1],
                "best": position == best,
                "bold": bool(bold[position]),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    images = tuple(scores.shape[1] for scores in pairing.scores)
    sentence = _sentence(table, pairing, test, baseline, metric)
    return Comparison(table, pairing.refused, test, pairing.seeds, images, _family(len(names), baseline), sentence)


def _means(pairing: Pairing) -> Floats:
    """(seeds, groups)."""
    return np.array([scores.mean(1) for scores in pairing.scores])


def _outcomes(pairing: Pairing, test: Test, seed: int) -> dict[tuple[int, int], _Outcome]:
    """For each two groups, both ways round."""
    means = _means(pairing)
    draws = hierarchical_bootstrap(pairing.scores, seed) if test == "bootstrap" else np.empty((0, means.shape[1]))
    outcomes = {}
    for one, other in combinations(range(len(pairing.groups)), 2):
        if test == "wilcoxon":
            scores = pairing.scores[0]
            rank = signed_rank(scores[one] - scores[other])
            outcome = _Outcome(rank.median, rank.low, rank.high, rank.p, rank.effect, rank.n, rank.zeros)
        else:
            differences = means[:, one] - means[:, other]
            student = paired_t(differences)
            low, high, p = student.low, student.high, student.p
            if test == "bootstrap":
                resampled = draws[:, one] - draws[:, other]
                (low, high), p = percentile_interval(resampled), bootstrap_p(resampled)
            zeros = int((np.abs(differences) < 1e-12).sum())
            outcome = _Outcome(student.mean, low, high, p, np.nan, student.n, zeros)
        outcomes[one, other] = outcome
        outcomes[other, one] = _Outcome(
            *(0 - outcome.difference, 0 - outcome.high, 0 - outcome.low, outcome.p),  # 0 minus, for -0.0 reads oddly
            *(0 - outcome.effect, outcome.n, outcome.zeros),
        )
    return outcomes


def _not_worse_than(best: int, outcomes: Mapping[tuple[int, int], _Outcome], count: int) -> Floats:
    pairs = list(combinations(range(count), 2))
    corrected = dict(zip(pairs, holm([outcomes[both].p for both in pairs]), strict=True))
    return np.array(
        [one == best or corrected[min(one, best), max(one, best)] >= ALPHA for one in range(count)], np.float64
    )


def _family(count: int, baseline: str) -> str:
    if count < 2:
        return ""
    pairs = count * (count - 1) // 2
    return (
        f"P-values are corrected by Holm's method for the {_number(count - 1, 'comparison')} with {baseline}; for what "
        f"is set in bold, for the {_number(pairs, 'comparison')} of every two."
    )


def _sentence(table: pd.DataFrame, pairing: Pairing, test: Test, baseline: str, metric: str) -> str:
    left_out = " ".join(dict.fromkeys(pairing.refused.values()))
    if len(table) < 2:
        return f"There is nothing to compare {baseline} with. {left_out}".rstrip()
    findings = "; ".join(_finding(row, test, baseline) for row in table.itertuples() if row.group != baseline)
    parts = [f"{_where(pairing, test)}, {metric}: {findings}."]
    n = int(table["n"].iloc[0])
    if (table.loc[table["group"] != baseline, "p_holm"] >= ALPHA).any():
        parts.append("No significant difference does not show that two are equal.")
    if test == "wilcoxon":
        if n < FEWEST_IMAGES:
            parts.append(f"With {_number(n, 'image')} no difference could be shown, however large.")
        count = "two" if len(table) == 2 else str(len(table))
        parts.append(
            f"Each was trained once, so this speaks of these {count} trained models only, not of the methods: trained "
            "again with another seed, their order may change."
        )
    else:
        if n < 5:
            parts.append(f"With {_number(n, 'seed')} only large differences can be shown.")
        if pairing.shared == "none":
            parts.append(
                "This speaks of the methods with these settings, trained again on this dataset with other seeds; not "
                "of other data, networks or settings."
            )
        else:
            # Seeds that share images share their chance as well, so they tell nothing about other images.
            parts.append(
                "This speaks of the methods with these settings, trained again with other seeds, on these test images "
                "only: seeds that share images say nothing of others, nor of other data, networks or settings."
            )
    return " ".join([*parts, *([left_out] if left_out else [])])


def _where(pairing: Pairing, test: Test) -> str:
    sizes = sorted({scores.shape[1] for scores in pairing.scores})
    images = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    if test == "wilcoxon":
        return "On one test image" if sizes == [1] else f"On the same {images} test images"
    seeds = ", ".join(to_text(seed) for seed in pairing.seeds)
    how = {
        "all": f"all tested on the same {images} images, each with its own first weights",
        "some": "tested on images that are partly the same, each with its own first weights",
        "none": "each with its own split and first weights",
    }
    return f"Over {len(pairing.seeds)} seeds ({seeds}), {how[pairing.shared]}"


def _finding(row: Any, test: Test, baseline: str) -> str:
    p = "p < 0.001" if row.p_holm < 0.001 else f"p = {row.p_holm:.3f}"
    if row.p_holm >= ALPHA:
        return f"no significant difference between {row.group} and {baseline} ({TESTS[test]}, Holm: {p})"
    # The test of ranks may find a lean to one side where the median is 0 or its interval, which is wider, holds 0.
    word = "higher" if (row.effect if test == "wilcoxon" else row.difference) > 0 else "lower"
    if test == "wilcoxon":
        size = f"median difference {row.difference:+z.3g}, rank-biserial {row.effect:+z.2f}"
    else:
        size = f"mean difference {row.difference:+z.3g}, 95 % interval {row.low:z.3g} to {row.high:z.3g}"
    return f"{row.group} scores {word} than {baseline} ({size}, {p})"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
