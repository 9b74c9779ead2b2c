"""The probabilities of the test images are kept at the end of a run, and keeping them changes nothing."""

import numpy as np
import pytest
import torch

from dmf import build
from dmf.probabilities import ProbabilityFile, found
from dmf.records import Artifact, CaseScores, RunState
from dmf.tasks.segmentation.metrics.scores import dice


@pytest.fixture
def best_at(monkeypatch):
    """Makes the network of one epoch the best."""

    def choose(epoch):
        own = build.TrainingRun.score
        monkeypatch.setattr(
            build.TrainingRun,
            "score",
            lambda self, at, value, is_better: own(self, at, 1.0 if at == epoch else 0.5 / at, is_better),
        )

    return choose


def kept(result, run="mad"):
    """Epoch and file by kind."""
    rows = [row for row in result.sink.of(Artifact, run) if row.kind.startswith("probabilities")]
    folder = result.runs[run].folder
    assert all(row.bytes == (folder / row.path).stat().st_size for row in rows)
    return {row.kind: (row.epoch, ProbabilityFile(folder / row.path)) for row in rows}


def counts_of(file, truths):
    """(cases, 2, 3) of the maps of two classes at one half."""
    rows = []
    for case in file.cases:
        label, truth = found(file.read(case)), truths[case]
        rows.append(
            [
                [
                    ((label == k) & (truth == k)).sum(),
                    ((label == k) & (truth != k)).sum(),
                    ((label != k) & (truth == k)).sum(),
                ]
                for k in (0, 1)
            ]
        )
    return np.array(rows)


@pytest.fixture
def truths(tiny):
    data = build.build_workbench(tiny()).data
    return {case.id: mask for case, mask in zip(data.cases, data.targets, strict=True)}


def test_best_and_last_are_kept_and_are_those_networks(race, tiny, best_at):
    best_at(1)
    files = kept(race(tiny()))
    assert {kind: epoch for kind, (epoch, _) in files.items()} == {"probabilities_best": 1, "probabilities_last": 2}
    best, last = (file for _, file in files.values())
    assert (best.epoch, last.epoch, best.split, best.cases) == (1, 2, "test", last.cases)
    assert any((best.read(case) != last.read(case)).any() for case in best.cases)


def test_a_last_network_that_is_the_best_is_kept_once(race, tiny, best_at):
    best_at(2)
    assert {kind: epoch for kind, (epoch, _) in kept(race(tiny())).items()} == {"probabilities_best": 2}


@pytest.mark.parametrize(
    ("wanted", "kinds"), [("best", ["probabilities_best"]), ("last", ["probabilities_last"]), ("none", [])]
)
def test_only_what_is_wanted_is_kept(race, tiny, best_at, wanted, kinds):
    best_at(1)
    assert list(kept(race(tiny(keep_probabilities=wanted)))) == kinds


@pytest.mark.parametrize("wanted", ["best", "last"])
def test_a_last_network_that_is_the_best_is_kept_whichever_is_wanted(race, tiny, best_at, wanted):
    best_at(2)
    assert list(kept(race(tiny(keep_probabilities=wanted)))) == ["probabilities_best"]


def test_without_any_score_only_the_last_is_kept(race, tiny, monkeypatch):
    monkeypatch.setattr(build.TrainingRun, "score", lambda self, epoch, value, is_better: False)
    assert list(kept(race(tiny()))) == ["probabilities_last"]


@pytest.mark.parametrize("test_at", ["best", "last"])
def test_at_one_half_they_give_the_counts_that_are_stored(race, tiny, best_at, truths, test_at):
    best_at(8)
    result = race(tiny(test_at=test_at, epochs="9", lr="0.01"))
    (scores,) = [row for row in result.sink.of(CaseScores) if row.split == "test"]
    epoch, file = kept(result)[f"probabilities_{test_at}"]
    assert (epoch, file.cases) == (scores.epoch, scores.cases)
    np.testing.assert_array_equal(counts_of(file, truths), scores.counts)
    assert (dice(scores.counts)[:, 1] > 0).any()  # there is something to agree on


@pytest.mark.parametrize("test_at", ["best", "last"])
def test_keeping_them_changes_no_step_no_score_and_no_network(race, tiny, best_at, test_at, assert_same_bits):
    best_at(1)
    with_them, without = (
        race(tiny("mad", "variance", test_at=test_at, keep_probabilities=wanted)) for wanted in ("both", "none")
    )
    state = torch.get_rng_state()
    assert len(kept(with_them)) == 2
    for run in ("mad", "variance"):
        np.testing.assert_array_equal(with_them.telemetry(run), without.telemetry(run))
        assert_same_bits(with_them.network(run), without.network(run))
        for one, other in zip(with_them.sink.of(CaseScores, run), without.sink.of(CaseScores, run), strict=True):
            np.testing.assert_array_equal(one.counts, other.counts)
    race(tiny())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_takes_too_much_room_is_told_and_the_run_finishes(race, tiny, best_at):
    best_at(1)
    result = race(tiny(probabilities_mb="0.001"))  # 1,000 bytes for 4 maps of 32 x 32
    assert kept(result) == {}
    assert result.states == {"mad": RunState.FINISHED}
    best, last = result.sink.events("mad", "not_kept")
    assert best.data == {
        "what": "probabilities_best",
        "reason": "The probabilities of the best network on 4 test images were not kept: they take more than the "
        "0.0 MB left of 0.001 MB for one run.",
    }
    assert last.data["what"] == "probabilities_last"


def test_the_best_comes_first_where_there_is_room_for_one(race, tiny, best_at):
    best_at(1)
    sizes = [row.bytes for row in race(tiny()).sink.of(Artifact) if row.kind.startswith("probabilities")]
    result = race(tiny(probabilities_mb=str((sum(sizes) - 1) / 1e6)))
    assert list(kept(result)) == ["probabilities_best"]
    assert [event.data["what"] for event in result.sink.events("mad", "not_kept")] == ["probabilities_last"]


def test_a_best_checkpoint_that_is_gone_is_told_where_only_they_needed_it(race, tiny, best_at, monkeypatch):
    best_at(1)
    own = build.TrainingRun.save_last

    def lose(self, epoch):
        artifact = own(self, epoch)
        if epoch == 2:
            (self.folder / "best-1.safetensors").unlink()
        return artifact

    monkeypatch.setattr(build.TrainingRun, "save_last", lose)
    result = race(tiny(test_at="last"))
    assert result.states == {"mad": RunState.FINISHED}
    assert list(kept(result)) == ["probabilities_last"]
    (event,) = result.sink.events("mad", "not_kept")
    assert event.data["reason"].startswith("The probabilities of the best network were not kept: No checkpoint at")
