"""What is read of runs of segmentation, with probabilities and without."""

from app.access.inspecting import inspected_runs
from app.tasks.segmentation.access import cases
from app.tasks.segmentation.views import SegmentedRun
from dmf.records import Event
from dmf.runs import RunStore


def test_a_run_knows_its_classes(runs: list[SegmentedRun]) -> None:
    assert [run.classes for run in runs] == [("lesion",)] * 2
    assert runs[0].absent == "ignore"


def test_why_there_are_no_probabilities_is_said(store: RunStore, trained_runs: dict[str, list[str]]) -> None:
    (run,) = cases.segmented(inspected_runs(trained_runs["without probabilities"])[0])
    assert "`keep_probabilities` was 'none'" in cases.missing_probabilities(run, "best")
    store.write([Event(run.id, 8, "not_kept", {"reason": "They take more than 64 MB."})], None)
    assert "They take more than 64 MB. Raise" in cases.missing_probabilities(run, "best")


def test_runs_with_probabilities_miss_none(runs: list[SegmentedRun]) -> None:
    assert [cases.missing_probabilities(run, "best") for run in runs] == ["", ""]


def test_reliability_is_read_from_what_was_kept(runs: list[SegmentedRun]) -> None:
    everywhere = cases.reliability_of(runs[0], "best", None)
    around = cases.reliability_of(runs[0], "best", 2)
    assert 0 <= everywhere.error <= 1
    assert around.count.sum() < everywhere.count.sum()
