"""What is read of trained runs, and of runs without probabilities."""

from app.access import inspecting
from app.views import InspectedRun
from dmf.records import Event
from dmf.runs import RunStore


def test_runs_that_are_gone_are_named(runs: list[InspectedRun]) -> None:
    found, missing = inspecting.inspected_runs(["r-gone", runs[1].id])
    assert ([run.id for run in found], missing) == ([runs[1].id], ["r-gone"])


def test_a_run_knows_its_classes_and_whether_its_network_is_here(runs: list[InspectedRun]) -> None:
    assert [run.classes for run in runs] == [("lesion",)] * 2
    assert all(run.has_network for run in runs)
    assert (runs[0].fit, runs[0].absent) == ("stretch", "ignore")


def test_why_there_are_no_probabilities_is_said(store: RunStore, trained_runs: dict[str, list[str]]) -> None:
    (run,), _ = inspecting.inspected_runs(trained_runs["without probabilities"])
    assert "`keep_probabilities` was 'none'" in inspecting.missing_probabilities(run, "best")
    store.write([Event(run.id, 8, "not_kept", {"reason": "They take more than 64 MB."})], None)
    assert "They take more than 64 MB. Raise" in inspecting.missing_probabilities(run, "best")


def test_runs_with_probabilities_miss_none(runs: list[InspectedRun]) -> None:
    assert [inspecting.missing_probabilities(run, "best") for run in runs] == ["", ""]


def test_reliability_is_read_from_what_was_kept(runs: list[InspectedRun]) -> None:
    everywhere = inspecting.reliability_of(runs[0], "best", None)
    around = inspecting.reliability_of(runs[0], "best", 2)
    assert 0 <= everywhere.error <= 1
    assert around.count.sum() < everywhere.count.sum()


def test_room_is_told_with_what_bounds_it(runs: list[InspectedRun]) -> None:
    assert all(room > 0 for room in inspecting.stored_megabytes(runs).values())
    assert set(inspecting.kept_limits(runs).values()) == {64.0}
