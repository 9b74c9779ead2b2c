"""What is read of runs of image synthesis: their scores, and outputs that are made anew."""

import numpy as np
import pytest

from app.access.inspecting import inspected_runs
from app.tasks.synthesis import access
from app.views import InspectedRun
from dmf.runs import RunStore
from dmf.tasks.synthesis.metrics import image_scores


@pytest.fixture
def runs(store: RunStore, synthesis: str) -> list[InspectedRun]:
    return inspected_runs([run.id for run in store.experiment(synthesis).runs])[0]


def test_the_table_holds_what_was_stored_of_each_image(store: RunStore, runs: list[InspectedRun]) -> None:
    table = access.case_table(runs, "test")
    (scores,) = store.case_scores(runs[1].id, "test")
    own = table[table["run"] == runs[1].id]
    assert list(own["case"]) == list(scores.cases)
    for name in access.SCORES:
        np.testing.assert_array_equal(own[name], scores.scores[name])
    spread = table.groupby("case")["psnr"].agg(lambda values: values.max() - values.min())
    np.testing.assert_allclose(own.set_index("case")["disagreement"], spread[own["case"]])


def test_an_output_made_anew_scores_what_was_stored(store: RunStore, runs: list[InspectedRun]) -> None:
    import torch

    (scores,) = store.case_scores(runs[0].id, "test")
    view = access.view_case(runs, scores.cases[1])
    assert view.note == ""
    output = view.outputs[0]
    assert output.image is not None
    assert output.target is not None
    pair = (torch.from_numpy(np.ascontiguousarray(each))[None, None] for each in (output.image, output.target))
    psnr, ssim, rmse, *_ = image_scores(*pair)[0].tolist()
    for name, value in (("psnr", psnr), ("ssim", ssim), ("rmse", rmse)):
        assert value == pytest.approx(scores.scores[name][1], abs=1e-4)
    np.testing.assert_array_equal(output.target, view.target)


def test_without_a_network_the_kept_sample_stands_in(store: RunStore, runs: list[InspectedRun]) -> None:
    kept = next(row for row in store.samples(runs[0].experiment.id) if row.kind == "prediction")
    bare = [InspectedRun(run.run, run.experiment, has_network=False) for run in runs]
    output = access.view_case(bare, kept.case).outputs[0]
    assert output.image is not None
    assert output.note.startswith("sample of epoch")
    assert output.note.endswith("its network is not here (any more)")


def test_of_a_case_that_is_not_here_nothing_is_shown_and_said_why(runs: list[InspectedRun]) -> None:
    view = access.view_case(runs, "contrast-9999-00")
    assert view.source is None
    assert "Nothing of this image is here" in view.note
    assert all(output.image is None and output.note for output in view.outputs)


def test_another_image_of_the_same_name_is_not_compared(
    runs: list[InspectedRun], monkeypatch: pytest.MonkeyPatch, store: RunStore
) -> None:
    from dataclasses import replace

    first = access.original_of(runs[0], (case := store.case_scores(runs[0].id, "test")[0].cases[0]))
    other = replace(first, image=first.image + np.uint16(1))
    monkeypatch.setattr(access, "original_of", lambda run, case: first if run.id == runs[0].id else other)
    assert access.view_case(runs, case).outputs[1].note == access.ANOTHER


def test_a_small_output_is_no_larger_than_asked(store: RunStore, runs: list[InspectedRun]) -> None:
    case = store.case_scores(runs[0].id, "test")[0].cases[0]
    small = access.small_output(runs[0], case, 10)
    assert small is not None
    assert small.shape == (10, 10)
