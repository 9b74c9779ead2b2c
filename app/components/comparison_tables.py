"""Tables of the page Compare, as plain HTML that a phone can scroll and a screen reader can read."""

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from app.components.fields import label, named
from app.components.page_style import number, signed
from app.views import Behaviour, Comparison, NamedMetric, Results
from dmf.config_text import to_text


def table_html(headings: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], name: str) -> str:
    """A table: headings with their explanation, cells as HTML; ``name`` is read out."""
    head = "".join(
        f'<th><span class="term" title="{html.escape(about)}">{html.escape(title)}</span></th>'
        for title, about in headings
    )
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="race scores"><table aria-label="{html.escape(name)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def name_html(name: str, ids: Sequence[str]) -> str:
    """The name of a run or a group; pointing at it shows the ids."""
    return f'<span title="{html.escape(", ".join(ids))}">{html.escape(name)}</span>'


def differences_html(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Fields that differ between runs, one per line, and what each run has; see ``dmf.analysis.differences``."""
    rows = [
        [f'<span title="{html.escape(str(field))}">{html.escape(field_title(str(field)))}</span>']
        + [html.escape(value_text(value)) for value in row]
        for field, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    headings = [("Setting", "A setting that is not the same in all chosen runs.")]
    return table_html([*headings, *((titles[run], str(run)) for run in table.columns)], rows, "What differs")


def field_title(field: str) -> str:
    """``"fusion.weighting"`` as ``"Weighting method"``; an option keeps its name, ``"Dataset options: images"``."""
    _, _, rest = field.partition(".")
    name, _, option = rest.partition(".")
    return f"{label(name)}: {option}" if option else label(name)


def value_text(value: object) -> str:
    """A setting in words; a dash where it was not recorded."""
    if value is None or value is pd.NA:
        return "–"
    if isinstance(value, str):
        return named(value)
    return to_text(value)


def setting_words(field: str, value: object) -> str:
    """A setting and its value as part of a name: ``"seed 3"``, ``"auxiliary loss None"``; what is a name, alone."""
    if isinstance(value, str) and field in NAMES_ALONE:
        return value_text(value)
    title = field_title(field)
    is_word = title[1:2].islower()  # and not the name of a method, such as MAD
    return f"{title[0].lower() + title[1:] if is_word else title} {value_text(value)}"


NAMES_ALONE = ("fusion.weighting", "data.dataset", "model.model")
"""Settings whose values say by themselves what they are."""


def group_name(fields: Sequence[str], values: Sequence[object]) -> str:
    """What a group of runs is called by what they share: ``"MAD · seed 3"``."""
    return " · ".join(setting_words(field, value) for field, value in zip(fields, values, strict=True))


def results_html(
    results: Results, groups: Mapping[str, Sequence[str]], baseline: str, info: Callable[[str], NamedMetric]
) -> str:
    """Every test metric of every group as mean ± spread, with the difference to the baseline.

    Bold is the best and what shows no significant difference to it, where that can be tested.

    Args:
        results: What came out.
        groups: Names of the groups, in order, to the ids of their runs, which pointing at a name shows.
        baseline: Which of them the others are held against.
        info: Metric to its title and sentence.
    """
    summary = results.summary
    names = [name for name in dict.fromkeys(summary["metric"]) if "/" not in name]
    bold = {
        (row.group, metric)
        for metric, comparison in results.comparisons.items()
        for row in comparison.table.itertuples()
        if row.bold and len(comparison.table) > 1
    }
    spreads = {
        (row.group, metric): row.spread
        for metric, comparison in results.comparisons.items()
        for row in comparison.table.itertuples()
    }
    cells = {(row.group, row.metric): row for row in summary.itertuples()}
    rows = []
    for group in groups:
        counts = {cells[group, name].runs for name in names if (group, name) in cells}
        line = [name_html(group, groups[group]), str(max(counts, default=0))]
        for name in names:
            row = cells.get((group, name))
            if row is None:
                line.append("–")
                continue
            spread = row.sd if row.runs > 1 else spreads.get((group, name), float("nan"))
            mean = f"{number(row.mean)} ± {number(spread, 3)}" if math.isfinite(spread) else number(row.mean)
            mean = f"<b>{mean}</b>" if (group, name) in bold else mean
            known = group != baseline and math.isfinite(row.difference)
            line.append(f'{mean}<span class="how"> {signed(row.difference)}</span>' if known else mean)
        rows.append(line)
    headings = [("Group", "A run, or runs that were taken together."), ("Runs", "How many runs have a score.")]
    return table_html([*headings, *((info(name).title, info(name).sentence) for name in names)], rows, "Results")


def comparison_html(comparison: Comparison, baseline: str) -> str:
    """What a test says of one metric, a line per group; see ``dmf.analysis.comparison.Comparison``."""
    rows = []
    for row in comparison.table.itertuples():
        own = row.group == baseline
        mean = f"{number(row.mean)} ± {number(row.spread, 3)}"
        rows.append(
            [
                html.escape(row.group) + (" (baseline)" if own else ""),
                f"<b>{mean}</b>" if row.bold and len(comparison.table) > 1 else mean,
                "–" if own else signed(row.difference),
                "–" if own or math.isnan(row.low) else f"{number(row.low)} to {number(row.high)}",
                "–" if own else "&lt; 0.001" if row.p_holm < 0.001 else f"{row.p_holm:.3f}",
                signed(row.effect, 2),
                f"{row.n}" + (f" ({row.zeros} equal)" if row.zeros and not own else ""),
            ]
        )
    return table_html(COMPARED, rows, "Compared with the baseline")


COMPARED = (
    ("Group", "A run, or runs that were taken together."),
    (
        "Mean ± spread",
        "Spread: deviation over seeds; with one seed, over images. Bold: no significant difference to the best.",
    ),
    ("Difference", "To the baseline: with one seed the median over images, with several the mean over seeds."),
    ("95 % interval", "Where the difference may well lie."),
    ("p (Holm)", "How rare so large a difference would be if there were none; corrected for several comparisons."),
    ("Effect", "Rank-biserial correlation, from -1 (always lower than the baseline) to 1 (always higher)."),
    ("Pairs", "Images, or seeds, that were compared one by one."),
)


def behaviour_html(behaviours: Mapping[str, Behaviour], ids: Mapping[str, Sequence[str]]) -> str:
    """How the weights of each run or group behaved; see ``dmf.analysis.behaviour.Behaviour``.

    Args:
        behaviours: Name of each run or group to what its weights did.
        ids: Name to the ids of its runs.
    """
    rows = []
    for title, behaviour in behaviours.items():
        taken = (
            "never"
            if behaviour.first_taken is None
            else f"step {behaviour.first_taken:,} ({named(behaviour.taken_by or '')})"
        )
        rows.append(
            [
                name_html(title, ids[title]),
                f"{behaviour.steps:,}",
                "–"
                if behaviour.dominant is None
                else f"{html.escape(named(behaviour.dominant))} {behaviour.dominance:.3f}",
                _by_term(behaviour.terms, behaviour.mean_shares),
                number(behaviour.mean_entropy, 3),
                number(behaviour.restlessness, 5),
                taken if behaviour.steps else "–",
                _by_term(behaviour.terms, behaviour.loss_correlation, signed),
            ]
        )
    return table_html(BEHAVIOUR, rows, "Weight behaviour")


BEHAVIOUR = (
    ("Run", "A run, or the mean over runs that were taken together."),
    ("Steps", "Steps that count, of all runs together: all but those that changed nothing."),
    ("Dominant", "The loss with the largest mean share of the weight, and that share."),
    ("Mean shares", "The mean share of the weight that each loss had."),
    ("Entropy", "How even the weights were on average: 1 is all equal, 0 is one having all."),
    ("Mean absolute step change", "Half the sum of the absolute changes of all shares from step to step, on average."),
    ("First step with a weight above 0.9", "And the loss that had so much of the weight then."),
    (
        "Correlation of weight and loss",
        "Rank correlation of each weight with its own loss: +1 rises with it, -1 falls as it rises.",
    ),
)


def redundant_sentences(behaviours: Mapping[str, Behaviour]) -> list[str]:
    """Losses that say the same, one sentence each; runs that agree share one."""
    pairs: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
    for title, behaviour in behaviours.items():
        for pair in behaviour.redundant:
            one, other = map(named, pair.terms)
            pairs.setdefault((one, other, pair.reason), []).append((title, pair.correlation))
    return [
        f"{one} and {other} move together in {', '.join(title for title, _ in runs)} (rank correlation "
        f"{min(value for _, value in runs):.3f} or more), so one of them is redundant. {reason}".rstrip()
        for (one, other, reason), runs in pairs.items()
    ]


def _by_term(terms: Sequence[str], values: Any, written: Callable[[float, int], str] = number) -> str:
    return " · ".join(
        f"{html.escape(named(term))} {written(value, 2)}" for term, value in zip(terms, values, strict=True)
    )


def behaviour_frame(behaviours: Mapping[str, Behaviour], ids: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The same numbers, a row per run and loss; takes what :func:`behaviour_html` takes."""
    rows = [
        {
            **{
                "run": title,
                "id": ", ".join(ids[title]),
                "steps": behaviour.steps,
                "term": term,
                "mean_share": share,
                "loss_correlation": correlation,
            },
            **{"is_dominant": term == behaviour.dominant, "mean_entropy": behaviour.mean_entropy},
            **{
                "restlessness": behaviour.restlessness,
                "first_taken": behaviour.first_taken,
                "taken_by": behaviour.taken_by,
            },
        }
        for title, behaviour in behaviours.items()
        for term, share, correlation in zip(
            behaviour.terms, behaviour.mean_shares, behaviour.loss_correlation, strict=True
        )
    ]
    return pd.DataFrame(rows)


def settings_and_results(
    differing: pd.DataFrame,
    titles: Mapping[str, str],
    scores: pd.DataFrame,
    named_metric: Callable[[str], NamedMetric],
) -> pd.DataFrame:
    """A row per run: the settings that differ, then its scores at the best epoch, for parallel coordinates.

    Args:
        differing: See :func:`dmf.analysis.differences.differences`.
        titles: Run id to its title.
        scores: The rows of these runs in the table of all runs.
        named_metric: Metric to its title.
    """
    by_run = scores.set_index("run")
    table = pd.DataFrame(index=pd.Index(list(titles), name="run"))
    for field, row in zip(differing.index, differing.to_numpy(), strict=True):
        values = dict(zip(differing.columns, row, strict=True))
        plain = [values[id] for id in titles]
        table[field_title(str(field))] = [
            value if isinstance(value, int | float) and not isinstance(value, bool) else value_text(value)
            for value in plain
        ]
    own = by_run.reindex(list(titles))
    decides = {f"validation_{metric}" for metric in own["headline"].dropna()}
    for column in by_run.columns:
        split, _, metric = str(column).partition("_")
        if (column in decides or split == "test") and own[column].notna().any():
            table[f"{split.capitalize()} {named_metric(metric).title}"] = own[column]
    return table


def named_rows(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """The same with the names of the runs in place of their ids, which become the first column."""
    named_table = table.rename(index=titles)
    named_table.insert(0, "id", list(table.index))
    return named_table
