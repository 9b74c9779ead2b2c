"""The table of a study: from a store, by hand, and in every format."""

import csv
import io
import json
import statistics
from html.parser import HTMLParser

import pytest

from dmf.errors import ConfigError
from dmf.records import EpochMetrics, Event, RunState, StateChange
from dmf.studies import StudyPlan, cells
from dmf.studies.formats import FILES, as_csv, as_html, as_latex, cells_of, headings, ranked, written
from dmf.studies.published import Figure, Published
from dmf.studies.results import study_table, table_document

CONFIGURATIONS = ({"weighting": "mad"}, {"weighting": "fixed"}, {"weighting": "variance"})
GAIN = {"mad": 0.02, "fixed": 0.0, "variance": -0.01}


def dice(label, seed):
    """Some scores whose differences spread."""
    return 0.7 + GAIN[label] + 0.01 * seed + 0.001 * ((seed * 7 + len(label)) % 5)


@pytest.fixture
def filled(store):
    """Makes a study whose runs scored what :func:`dice` says, as if they were trained."""

    def make(repeats, finished=None):
        plan = StudyPlan(name="rules", configurations=CONFIGURATIONS, repeats=repeats, reference="fixed")
        dumped = {key: config.model_dump(mode="json") for key, config in cells(plan).items()}
        store.save_study("rules", plan.model_dump(mode="json"), dumped)
        for seed in range(repeats if finished is None else finished):
            experiment = store.experiment(store.begin_cell("rules", "me", {}))
            for run in experiment.runs:
                metrics = {"dice": dice(run.label, seed), "iou": dice(run.label, seed) - 0.1, "images": 15.0}
                store.write(
                    [
                        Event(run.id, 0, "prepared", {"images": {"train": 70, "validation": 15, "test": 15}}),
                        EpochMetrics(run.id, 1, 3, "test", 15, metrics),
                        StateChange(run.id, 4, RunState.FINISHED),
                    ],
                    "me",
                )
            store.release([run.id for run in experiment.runs], "me")
        return study_table(store, "rules")

    return make


def test_means_and_deviations_are_over_repeats(filled):
    table = filled(4)
    assert [(row.configuration, row.dataset, row.repeats) for row in table.rows] == [
        *(("mad", "phantom", 4), ("fixed", "phantom", 4), ("variance", "phantom", 4)),
    ]
    values = [dice("mad", seed) for seed in range(4)]
    assert table.rows[0].mean("dice") == pytest.approx(statistics.fmean(values))
    assert table.rows[0].std("dice") == pytest.approx(statistics.stdev(values))
    assert table.metrics == ("dice", "iou")


def test_below_five_repeats_no_word_of_significance_is_said(filled):
    table = filled(4)
    document = table_document(table)
    assert all(one["p"] is None and one["p_holm"] is None and one["low"] is None for one in document["differences"])
    assert document["ranks"]["p"] is None
    assert any("With 4 repeats nothing can be said" in note for note in table.notes)
    assert cells_of(table, table.rows[0])[-2:] == [f"{table.differences['phantom']['mad'].mean:+.3f}", ""]


def test_from_five_repeats_on_differences_are_tested_with_the_share_of_the_split(filled):
    table = filled(6)
    document = table_document(table)
    assert {one["configuration"] for one in document["differences"]} == {"mad", "variance"}
    found = next(one for one in document["differences"] if one["configuration"] == "mad")
    differences = [dice("mad", seed) - dice("fixed", seed) for seed in range(6)]
    variance = (1 / 6 + 15 / 70) * statistics.variance(differences)
    assert found["t"] == pytest.approx(statistics.fmean(differences) / variance**0.5)
    assert found["p"] <= found["p_holm"] < 1
    assert document["ranks"]["mean"] == {"mad": 1.0, "fixed": 2.0, "variance": 3.0}
    assert document["ranks"]["blocks"] == [f"phantom, seed {seed}" for seed in range(6)]
    assert document["ranks"]["p"] is not None
    json.dumps(document, allow_nan=False)


def test_ranks_describe_with_their_blocks_and_without_significance_below_five_repeats(filled):
    order, statistic = ranked(filled(4))
    assert order == "Mean rank by dice (1 is the best): mad 1.00, fixed 2.00, variance 3.00."
    assert statistic == (  # 12 / (4 * 3 * 4) * (4² + 8² + 12²) - 3 * 4 * 4
        "Friedman statistic 8.00 with 2 degrees of freedom; blocks: phantom, seed 0; phantom, seed 1; phantom, seed 2; "
        "phantom, seed 3."
    )


def test_one_block_has_no_ranks_worth_telling(filled):
    assert ranked(filled(1)) == []


def test_with_five_repeats_the_friedman_test_says_that_its_p_is_no_test(filled):
    assert "freedom, p 0.007 if blocks were independent, which they are not" in ranked(filled(5))[1]  # exp(-5)


def test_every_file_has_the_rows_and_another_format_is_refused(filled):
    table = filled(2)
    texts = {format: written(table, format) for format in FILES}
    assert all("variance" in text for text in texts.values())
    assert json.loads(texts["json"]) == table_document(table)
    with pytest.raises(ConfigError, match=r"Unknown format 'cvs'. Choose one of: csv, latex, html, json. Did you mean"):
        written(table, "cvs")


def test_what_has_not_come_to_its_end_is_told_and_left_out(filled):
    table = filled(3, finished=1)
    assert [row.repeats for row in table.rows] == [1, 1, 1]
    assert "2 of 3 cells have not come to their end; the table is of what has." in table.notes
    assert table_document(table)["rows"][0]["dice"]["std"] is None
    assert table_document(filled(3, finished=0))["rows"][0]["repeats"] == 1


def test_a_study_of_which_nothing_has_begun_is_an_empty_table(filled):
    table = filled(2, finished=0)
    assert (table.rows, table.metrics, table.ranks.mean) == ((), (), {})
    assert table_document(table)["rows"] == []
    assert as_latex(table).count(r"\\") == 1


def test_a_run_that_was_renamed_keeps_its_place(filled, store):
    filled(1)
    (experiment,) = store.experiments()
    store.update_run(experiment.runs[0].id, name="my favourite")
    assert [row.configuration for row in study_table(store, "rules").rows] == ["mad", "fixed", "variance"]


def test_another_metric_can_decide_and_an_unknown_one_is_refused(filled, store):
    filled(1)
    assert study_table(store, "rules", metric="iou").metric == "iou"
    with pytest.raises(ConfigError, match=r"has no metric 'dise'. Choose one of: dice, iou"):
        study_table(store, "rules", metric="dise")


def test_published_figures_stand_beside_and_what_is_far_from_them_is_told(filled, store):
    filled(3)
    figures = {("phantom", "cb-dice", "mad"): {"dice": Figure(0.95, 0.01), "iou": Figure(0.96, None)}}
    published = Published(figures, "Somebody, Journal 1.")
    table = study_table(store, "rules", published=published)
    rows = table_document(table)["rows"]
    assert rows[0]["paper"] == {"dice": {"mean": 0.95, "std": 0.01}, "iou": {"mean": 0.96, "std": None}}
    assert rows[1]["paper"] is None
    assert cells_of(table, table.rows[0])[5:7] == ["0.950 ± 0.010", "0.960"]
    assert cells_of(table, table.rows[1])[5:7] == ["–", "–"]
    assert any("a mean IoU of 0.96 is printed beside a mean Dice of 0.95" in note for note in table.notes)
    assert "Published figures are those of Somebody, Journal 1." in table.notes
    assert any("phantom, mad: dice 0.7" in note and "Likely reasons" in note for note in table.notes)


def test_without_the_figures_of_an_article_it_is_told_how_to_have_them(store):
    plan = StudyPlan(name="cited", configurations=CONFIGURATIONS, article="Somebody, Journal 1")
    store.save_study("cited", plan.model_dump(mode="json"), {})
    (note,) = study_table(store, "cited").notes
    assert "The figures of Somebody, Journal 1 do not come with this program" in note
    assert "--published FILE" in note
    assert study_table(store, "cited", published=Published({})).notes == ()


def test_csv_holds_every_number(filled):
    rows = list(csv.DictReader(io.StringIO(as_csv(filled(3)))))
    assert len(rows) == 3 * 2 * 3  # configurations, metrics, repeats
    first = rows[0]
    assert (first["configuration"], first["metric"], first["seed"]) == ("mad", "dice", "0")
    assert float(first["value"]) == dice("mad", 0)


def test_latex_has_a_line_per_row_and_nothing_it_would_trip_over(filled):
    table = filled(6)
    text = as_latex(table)
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == 3
    assert {line.count(" & ") for line in body} == {len(headings(table)) - 1}
    assert r"0.747 $\pm$" in body[0]
    assert "_" not in text.replace(r"\_", "").partition(r"\end{tabular}")[0]


class Texts(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_html_is_a_page_that_fetches_nothing(filled):
    text = as_html(filled(6))
    parser = Texts()
    parser.feed(text)
    assert parser.tags.count("tr") == 4
    assert "mad" in parser.texts
    assert "http" not in text
    assert "<script" not in text
