"""What came out of a study, as one table: means over repeats, differences, ranks. Opens without torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

import numpy as np

from dmf.analysis.statistics import LEVEL
from dmf.config import ExperimentConfig
from dmf.config_text import to_text
from dmf.errors import ConfigError
from dmf.records import RunState
from dmf.runs import CellRow, RunStore
from dmf.studies.inference import LEAST_REPEATS, Difference, Ranks, planned_differences, ranks
from dmf.studies.plan import StudyPlan, places
from dmf.studies.published import Figure, Published, impossible
from dmf.tasks import known_metric, task_named

METRICS = ("dice", "iou", "f1", "precision", "recall", "cb_dice", "lesion_dice")
"""Columns of a table where a study has them, in this order; else those of its task."""


@dataclass(frozen=True)
class Row:
    """One configuration on one dataset.

    Attributes:
        scores: Metric to seed to score on the test images.
        paper: Metric to published figure; empty where there is none.
    """

    configuration: str
    auxiliary: str
    weighting: str
    dataset: str
    scores: Mapping[str, Mapping[int, float]]
    paper: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """Repeats that have come to their end."""
        return len({seed for scores in self.scores.values() for seed in scores})

    def mean(self, metric: str) -> float:
        """Mean over repeats; NaN without any."""
        values = self._values(metric)
        return fmean(values) if values else math.nan

    def std(self, metric: str) -> float:
        """Standard deviation over repeats (n - 1); NaN for fewer than two."""
        values = self._values(metric)
        return stdev(values) if len(values) > 1 else math.nan

    def _values(self, metric: str) -> list[float]:
        return [value for value in self.scores.get(metric, {}).values() if math.isfinite(value)]


@dataclass(frozen=True)
class StudyTable:
    """What came out of a study.

    Attributes:
        metrics: Columns.
        metric: The one that differences and ranks are of.
        rows: By dataset, configurations in the order of the plan.
        differences: Dataset to configuration to its difference to the reference.
        ranks: Of all configurations, over all blocks.
        choices: What was chosen where the paper leaves it open, and whatever else decides the numbers.
        notes: What a reader must know, as sentences.
    """

    name: str
    reference: str
    metrics: tuple[str, ...]
    metric: str
    rows: tuple[Row, ...]
    differences: Mapping[str, Mapping[str, Difference]]
    ranks: Ranks
    choices: Mapping[str, str]
    notes: tuple[str, ...]


def study_table(
    store: RunStore, study: str, *, metric: str | None = None, published: Published | None = None
) -> StudyTable:
    """The table of a study, of what has come to its end so far.

    Args:
        store: Where it is kept.
        study: Its name.
        metric: What differences and ranks are of; by default the first column.
        published: What a paper printed, to stand beside.

    Raises:
        RunNotFoundError: If no study is called so.
        ConfigError: If it has no such metric.
    """
    plan, cells = StudyPlan.model_validate(store.study(study).plan), store.study_cells(study)
    rows = _rows(plan, cells, published)
    there = list(dict.fromkeys(name for row in rows for name in row.scores))
    wanted = METRICS if any(name in there for name in METRICS) else task_named(plan.base.get("task")).columns
    metrics = tuple(name for name in wanted if name in there)
    chosen = metric or (metrics[0] if metrics else METRICS[0])
    if metrics and chosen not in there:
        raise ConfigError(f"Study {study!r} has no metric {chosen!r}. Choose one of: {', '.join(metrics)}.", "metric")
    differences = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        scores = {row.configuration: row.scores.get(chosen, {}) for row in rows if row.dataset == dataset}
        if plan.reference in scores:
            share = _test_share(store, plan, cells, dataset)
            differences[dataset] = planned_differences(scores, plan.reference, share)
    ranked = _ranks(rows, chosen)
    return StudyTable(
        name=study,
        reference=plan.reference,
        metrics=metrics,
        metric=chosen,
        rows=tuple(rows),
        differences=differences,
        ranks=ranked,
        choices=_choices(plan, cells),
        notes=(*_notes(plan, cells, rows, ranked, chosen), *_beside_the_paper(plan, rows, published)),
    )


def _rows(plan: StudyPlan, cells: Sequence[CellRow], published: Published | None) -> list[Row]:
    printed = {} if published is None else published.figures
    where = places(plan)
    scores: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    methods: dict[str, tuple[str, str]] = {}
    for cell in cells:
        dataset, seed = where.get(cell.key, (str(cell.config["data"]["dataset"]), cell.config["training"]["seed"]))
        for run in cell.experiment.runs if cell.experiment is not None else ():
            name = cell.config["runs"][run.position]["label"]  # a run may be called otherwise by now
            methods[name] = run.config["auxiliary"], run.config["weighting"]
            own = scores.setdefault((dataset, name), {})
            if run.state is RunState.FINISHED:
                for metric, value in run.summary["metrics"].get("test", {}).items():
                    own.setdefault(metric, {})[seed] = math.nan if value is None else float(value)
    titles = [plan.title(dataset) for dataset in plan.datasets]
    return [
        Row(name, *methods[name], dataset, scores[dataset, name], printed.get((dataset, *methods[name]), {}))
        for dataset in titles
        for name, _ in plan.named()
        if (dataset, name) in scores
    ]


def _test_share(store: RunStore, plan: StudyPlan, cells: Sequence[CellRow], dataset: str) -> float:
    """Test images over training images, as they were split; by the plan's shares where nobody recorded it."""
    where = places(plan)
    for cell in cells:
        if where.get(cell.key, ("", 0))[0] == dataset and cell.experiment is not None:
            for event in store.events([cell.experiment.runs[0].id]):
                if event.kind == "prepared":
                    images = event.data["images"]
                    return float(images["test"]) / float(images["train"])
            shares = cell.config["data"]["split"]
            return float(shares[2]) / float(shares[0])
    raise AssertionError(f"nothing of {dataset} was begun, so it has no rows")


def _ranks(rows: Sequence[Row], metric: str) -> Ranks:
    names = list(dict.fromkeys(row.configuration for row in rows))
    by_block: dict[str, dict[str, float]] = {}
    for row in rows:
        for seed, value in row.scores.get(metric, {}).items():
            by_block.setdefault(f"{row.dataset}, seed {seed}", {})[row.configuration] = value
    table = np.array([[block.get(name, math.nan) for name in names] for block in by_block.values()], np.float64)
    lower = known_metric(metric).better == "lower"
    return ranks(names, list(by_block), table.reshape(len(by_block), len(names)), lower=lower)


def _choices(plan: StudyPlan, cells: Sequence[CellRow]) -> dict[str, str]:
    """What decides the numbers and the paper does not say."""
    if not cells:
        return {}
    config = ExperimentConfig.model_validate(cells[0].config)
    fusion, data, training = config.runs[0].fusion, config.data, config.training
    words = {word: value for run in reversed(config.runs) for word, value in run.fusion.recorded().items()}
    words |= {word: value for run in config.runs for word, value in run.fusion.flat(changed=True).items()}
    filtered = (
        f"diameter {data.filter_diameter}, sigmas {data.filter_sigma_space:g} and {data.filter_sigma_intensity:g}"
    )
    over = {"split": "pooled over the test images", "batch": "means over the batches of test images"}
    return {
        "mode": plan.mode,
        "fixed weights": "equal" if words.get("weights") is None else to_text(words["weights"]),
        "losses": f"{', '.join(fusion.term_names)}; gamma_0 {fusion.gamma:g}, decay {words['decay_rate']:g} per "
        f"{words['decay_every']}; Tversky {words['fp_weight']:g} on false positives and {words['fn_weight']:g} on "
        f"false negatives; Focal gamma {words['focal_gamma']:g}, alpha {words['focal_alpha']:g}, "
        f"of {words['focal_of']}",
        "history": f"{words['history_min']} to {fusion.history_max} steps",
        "training": f"{training.epochs} epochs, batch {training.batch_size}, lr {training.lr:g}, tested at the "
        f"{training.test_at} epoch",
        "images": f"{data.image_size} pixels, {data.fit}, filter {filtered if data.filter else 'off'}, duplicates: "
        f"{data.duplicates}; what a dataset has of its own stands in its name",
        "metrics": f"{over[training.metrics_over]}, an absent class: {training.absent}",
    }


def _notes(plan: StudyPlan, cells: Sequence[CellRow], rows: Sequence[Row], ranked: Ranks, metric: str) -> list[str]:
    notes = []
    left = sum(cell.state is not RunState.FINISHED for cell in cells)
    if left:
        notes.append(f"{left} of {len(cells)} cells have not come to their end; the table is of what has.")
    repeats = min((row.repeats for row in rows), default=0)
    if plan.reference and repeats < LEAST_REPEATS:
        notes.append(
            f"With {repeats} {'repeat' if repeats == 1 else 'repeats'} nothing can be said about whether differences "
            f"to {plan.reference} are more than chance; it takes at least {LEAST_REPEATS}."
        )
    elif plan.reference:
        notes.append(
            f"Differences of {metric} to {plan.reference} within each repeat: corrected t-test of Nadeau and Bengio, "
            "because repeats share cases, then Holm's correction over the configurations of a dataset; intervals of "
            f"{LEVEL:.0%} are not corrected for their number."
        )
    if len(ranked.blocks) >= 2 and len(ranked.mean) >= 2:
        notes.append(
            f"Ranks are within {len(ranked.blocks)} blocks, each a dataset and a seed. They describe: blocks of one "
            "dataset share their cases, so they are no independent sample."
        )
    return notes


def _beside_the_paper(plan: StudyPlan, rows: Sequence[Row], published: Published | None) -> list[str]:
    if published is None:
        absent = (
            f"The figures of {plan.article} do not come with this program, so none stand beside these; those of a CSV "
            "file do: dmf study table --published FILE."
        )
        return [absent] if plan.article else []
    notes = [f"Published figures are those of {published.citation}"] if published.citation else []
    notes += [f"Of the published figures: {sentence}" for sentence in impossible(published)]
    apart = []
    for row in rows:
        for metric, figure in row.paper.items():
            spread = math.hypot(figure.std or 0.0, row.std(metric) if math.isfinite(row.std(metric)) else 0.0)
            if abs(row.mean(metric) - figure.mean) > 2 * spread:
                apart.append(
                    f"{row.dataset}, {row.configuration}: {metric} {row.mean(metric):.3f} here, {figure.mean:.3f} there"
                )
    if apart:
        notes.append(
            "Further from the published figure than twice both standard deviations: "
            + "; ".join(apart)
            + ". Likely reasons are what the paper leaves open (see the choices above), soft losses in place of hard "
            "counts, and other splits."
        )
    return notes


def table_document(table: StudyTable) -> dict[str, Any]:
    """The table as plain data for JSON; a number that there is not is None."""
    return {
        "study": table.name,
        "rows": [
            {
                "configuration": row.configuration,
                "auxiliary": row.auxiliary,
                "weighting": row.weighting,
                "dataset": row.dataset,
                "repeats": row.repeats,
                **{
                    metric: {
                        "mean": _number(row.mean(metric)),
                        "std": _number(row.std(metric)),
                        "values": {str(seed): _number(value) for seed, value in row.scores.get(metric, {}).items()},
                    }
                    for metric in table.metrics
                },
                "paper": {m: {"mean": figure.mean, "std": figure.std} for m, figure in row.paper.items()} or None,
            }
            for row in table.rows
        ],
        "metric": table.metric,
        "reference": table.reference or None,
        "differences": [
            {
                "dataset": dataset,
                "configuration": name,
                **{key: _number(value) for key, value in vars(one).items()},
            }
            for dataset, by_name in table.differences.items()
            for name, one in by_name.items()
        ],
        "ranks": {
            "mean": table.ranks.mean,
            "blocks": list(table.ranks.blocks),
            "friedman": _number(table.ranks.friedman),
            "p": _number(table.ranks.p) if has_enough(table) else None,
        },
        "choices": dict(table.choices),
        "notes": list(table.notes),
    }


def has_enough(table: StudyTable) -> bool:
    """Whether every row has the repeats that it takes to speak of significance."""
    return min((row.repeats for row in table.rows), default=0) >= LEAST_REPEATS


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
