"""What is read of trained runs of any task."""

from app.access import inspecting
from app.views import InspectedRun


def test_runs_that_are_gone_are_named(runs: list[InspectedRun]) -> None:
    found, missing = inspecting.inspected_runs(["r-gone", runs[1].id])
    assert ([run.id for run in found], missing) == ([runs[1].id], ["r-gone"])


def test_a_run_knows_whether_its_network_is_here(runs: list[InspectedRun]) -> None:
    assert all(run.has_network for run in runs)
    assert runs[0].fit == "stretch"


def test_room_is_told_with_what_bounds_it(runs: list[InspectedRun]) -> None:
    assert all(room > 0 for room in inspecting.stored_megabytes(runs).values())
    assert set(inspecting.kept_limits(runs).values()) == {64.0}
