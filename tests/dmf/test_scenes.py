"""The scenes of the tour: races that can be started, and sentences that are true of the runs that show them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dmf import build
from dmf.config import DataConfig, FusionConfig, ModelConfig, TrainingConfig
from dmf.config_text import run_changes
from dmf.errors import UnknownNameError
from dmf.examples import open_scenes, scene_stem
from dmf.live_settings import Settings
from dmf.records import RunState
from dmf.replay import replay
from dmf.runs import RunRow, RunStore, Telemetry
from dmf.scenes import SCENES, SPIKE, find_scene


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunStore]:
    opened = open_scenes(tmp_path_factory.mktemp("scenes"))
    yield opened
    opened.close()


def runs_of(store: RunStore, name: str) -> tuple[RunRow, ...]:
    return store.experiment(f"e-{scene_stem(name)}").runs


def column(telemetry: Telemetry, name: str) -> Any:
    return telemetry.values[:, telemetry.columns.index(name)]


def columns(store: RunStore, run: RunRow, kind: str) -> Any:
    """Losses or weights (S, K) of a run."""
    telemetry = store.telemetry(run.id)
    return np.stack([column(telemetry, f"{kind}_{term}") for term in run.config["terms"]], axis=1)


def replayed(store: RunStore, name: str, run: RunRow, **changes: object) -> Any:
    """Weights (S, K) that other settings would have made of the losses of a run."""
    (config,) = (each for each in SCENES[name].preset.config().runs if each.label == run.label)
    return replay(columns(store, run, "loss"), config.fusion.replace(**changes))


def decode(png: bytes) -> Any:
    """A map of classes, (H, W)."""
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)


def scores(store: RunStore, run: RunRow, metric: str) -> Any:
    """A validation score after each epoch, that of the untrained network first."""
    rows = store.epoch_metrics([run.id])
    chosen = rows[(rows["metric"] == metric) & (rows["split"] == "validation")]
    return chosen.sort_values("epoch")["value"].to_numpy()


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_a_race_that_can_work(name: str) -> None:
    scene = find_scene(name)
    config = scene.preset.config()
    build.validate(config)
    assert config.name == scene.title
    assert len(config.runs) == 2  # one against the other
    labels = {run.label: run.fusion for run in config.runs}
    for label, changes in scene.changes.items():
        Settings(config.training.lr, labels[label]).after(changes)
    for method in scene.methods:
        run_changes(method)


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_told_in_two_sentences_and_a_question(name: str) -> None:
    scene = SCENES[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    for sentence in (*scene.sentences, scene.answer, scene.hint):
        assert sentence.endswith(".")
        assert len(re.findall(r"[.?!](?: [A-Z]|$)", sentence)) == 1
    assert scene.question.endswith("?")
    assert not scene.watch.endswith(".")
    assert bool({"scores", "classes"} & set(scene.charts)) == bool(scene.metrics)
    assert len(scene.names) in (0, len(scene.preset.runs))
    assert set(scene.focus) <= set(scene.preset.config().runs[0].fusion.terms)


def test_an_unknown_scene_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown scene 'spikes'. Choose one of: .* Did you mean 'spike'\?"):
        find_scene("spikes")


@pytest.mark.parametrize("name", SCENES)
def test_the_example_of_a_scene_is_its_race(examples: RunStore, name: str) -> None:
    experiment = examples.experiment(f"e-{scene_stem(name)}")
    config = SCENES[name].preset.config()
    assert [run.label for run in experiment.runs] == [run.label for run in config.runs]
    # Settings that came later stand at their defaults, with which the runs were trained.
    assert [FusionConfig.model_validate(run.config) for run in experiment.runs] == [run.fusion for run in config.runs]
    on_cpu = config.training.model_copy(update={"device": "cpu"})
    assert DataConfig.model_validate(experiment.config["data"]) == config.data
    assert ModelConfig.model_validate(experiment.config["model"]) == config.model
    assert TrainingConfig.model_validate(experiment.config["training"]) == on_cpu
    for run in experiment.runs:
        assert run.state is RunState.FINISHED
        assert run.archived
        turned = [event.data["value"] for event in examples.events([run.id]) if event.kind == "knob"]
        assert turned == [change.value for change in SCENES[name].changes.get(run.label, ())]


def test_weights_go_from_the_loss_that_is_done_to_the_one_that_falls(examples: RunStore) -> None:
    fixed, variance = runs_of(examples, "adapt")
    ce, dice, focal = range(3)
    losses, weights = columns(examples, variance, "loss"), columns(examples, variance, "weight")
    fallen = (losses[0] - losses[20]) / (losses[0] - losses[-20:].mean(0))
    assert fallen[focal] > 0.95  # nearly done after 20 steps
    assert fallen[dice] < 0.3  # and this one is not
    assert losses[110:].mean(0)[dice] < 0.5 * losses[20][dice]
    assert np.allclose(columns(examples, fixed, "weight"), 1 / 3)
    assert weights[80:, dice].min() > 0.4
    assert weights[80:, focal].max() < 0.25
    assert (weights[80:, dice] > weights[80:, ce]).all()


def test_with_a_short_memory_the_weights_get_nervous(examples: RunStore) -> None:
    _, variance = runs_of(examples, "adapt")
    calm, nervous = (replayed(examples, "adapt", variance, history_max=steps) for steps in (100, 20))
    assert np.allclose(calm, columns(examples, variance, "weight"), atol=1e-5)
    moves = [np.abs(np.diff(weights, axis=0)).mean() for weights in (calm, nervous)]
    assert moves[1] > 2 * moves[0]
    leads = [int((np.diff(weights.argmax(1)) != 0).sum()) for weights in (calm, nervous)]
    assert leads[1] > 3 * leads[0]


def test_on_a_spike_variance_gives_less_weight_and_mad_more(examples: RunStore) -> None:
    variance, mad = runs_of(examples, "spike")
    focal = 2
    after = SPIKE + 1  # the step at SPIKE was taken too far, which the next one shows
    for run in (variance, mad):
        loss = columns(examples, run, "loss")[:, focal]
        assert loss[after] > 4 * np.median(loss[SPIKE - 10 : after])
    less, more = (columns(examples, run, "weight")[:, focal] for run in (variance, mad))
    assert less[after] < 0.8 * less[SPIKE]
    assert more[after] > 1.5 * more[SPIKE]
    assert more[after] > 0.7
    assert more[SPIKE + 31 :].mean() < 0.45  # the window of 30 steps has left the spike behind


def test_among_a_hundred_values_a_spike_moves_the_weights_less(examples: RunStore) -> None:
    for run in runs_of(examples, "spike"):
        short, long = (replayed(examples, "spike", run, history_max=steps)[:, 2] for steps in (30, 100))
        jumps = [abs(weights[SPIKE + 1] - weights[SPIKE]) for weights in (short, long)]
        assert jumps[1] < 0.5 * jumps[0]


def test_a_compounding_prior_takes_all_and_a_tempered_one_does_not(examples: RunStore) -> None:
    tempered, compound = (columns(examples, run, "weight") for run in runs_of(examples, "compound"))
    assert compound[-1].max() > 0.999
    assert np.sort(compound[-1])[:2].max() < 1e-3
    assert tempered.max() < 0.6
    ce, dice = 0, 2
    assert compound[20, dice] > 0.9  # which takes nearly all at first
    assert compound[-1].argmax() == ce


@pytest.mark.parametrize(
    ("rho", "low", "high"), [(0.5, 0.45, 0.6), (0.9, 0.75, 0.9), (0.95, 0.9, 0.98), (0.99, 0.99, 1)]
)
def test_the_longer_the_memory_the_more_one_loss_takes(examples: RunStore, rho: float, low: float, high: float) -> None:
    for run in runs_of(examples, "compound"):
        assert low < replayed(examples, "compound", run, prior="tempered", rho=rho).max() <= high


def test_the_auxiliary_loss_helps_early_and_fades(examples: RunStore) -> None:
    with_it, without = runs_of(examples, "early-help")
    telemetry = examples.telemetry(with_it.id)
    gamma = column(telemetry, "gamma")
    share = column(telemetry, "auxiliary") * gamma / column(telemetry, "total")
    assert gamma[0] == 3
    assert gamma[-1] < 0.02
    assert share[:10].mean() > 0.8
    assert share[-10:].mean() < 0.15
    first, second = (scores(examples, run, "lesion_dice") for run in (with_it, without))
    assert np.argmax(second > 0.5) - np.argmax(first > 0.5) >= 2  # epochs
    assert first[5] > 2 * second[5]
    assert abs(first[-1] - second[-1]) < 0.06  # and in the end both have arrived


def test_with_class_balance_the_rare_class_is_found(examples: RunStore) -> None:
    without, balanced = runs_of(examples, "rare-class")
    assert scores(examples, without, "dice/cyst")[-1] < 0.1
    assert scores(examples, balanced, "dice/cyst")[-1] > 0.5
    for kind in ("cyst", "benign", "malignant"):
        one, other = (run.summary["metrics"]["test"][f"dice/{kind}"] for run in (without, balanced))
        assert other > max(0.6, one + 0.1)
    (prepared, *_) = examples.events([balanced.id])
    shares = dict(zip(prepared.data["class_names"], prepared.data["class_shares"], strict=True))
    assert shares["cyst"] == min(shares.values()) < 0.02


def test_the_pictures_show_the_difference(examples: RunStore) -> None:
    without, balanced = runs_of(examples, "rare-class")
    cyst, benign, malignant = range(1, 4)
    rows = [row for row in examples.samples(without.experiment) if row.kind == "truth" or row.epoch == 12]
    assert SCENES["rare-class"].metrics == ("dice/cyst", "dice/benign", "dice/malignant")  # coloured in this order
    maps = {(row.run, row.case): decode(examples.sample_png(row.id)) for row in rows}
    shown = list(dict.fromkeys(row.case for row in rows))
    assert len(shown) == SCENES["rare-class"].samples
    truths = [maps[None, case] for case in shown]
    assert [truth.max() for truth in truths] == [benign, benign, malignant, cyst]  # which is the last picture
    found = {
        run.id: [
            float((maps[run.id, case] == truth)[truth > 0].mean()) for case, truth in zip(shown, truths, strict=True)
        ]
        for run in (without, balanced)
    }
    for place in (0, 1, 3):
        assert found[without.id][place] < 0.3
        assert found[balanced.id][place] > 0.7
    assert max(found[without.id][2], found[balanced.id][2]) < 0.5  # most of the malignant lesion is not, on both sides
    taken_for = maps[balanced.id, shown[2]][truths[2] > 0]
    assert np.isin(taken_for, (cyst, benign)).mean() > 0.3  # a good part of it for another kind


def test_with_ssim_edges_come_nearer_to_those_of_the_target(examples: RunStore) -> None:
    alone, with_it = runs_of(examples, "blur")
    one, other = (scores(examples, run, "ssim") for run in (alone, with_it))
    assert (other[2:] > one[2:]).all()  # ahead from the second epoch on
    assert other[-1] > one[-1] + 0.04
    squared = [scores(examples, run, "rmse")[-1] for run in (alone, with_it)]
    assert squared[1] < squared[0]  # even the squared error ends lower
    np.testing.assert_allclose(columns(examples, with_it, "weight"), 0.5)
    rows = [row for row in examples.samples(alone.experiment) if row.kind == "truth" or row.epoch == 12]
    pictures = {(row.run, row.case): decode(examples.sample_png(row.id)).astype(float) for row in rows}
    for case in dict.fromkeys(row.case for row in rows):
        truth, one, other = (steepness(pictures[run, case]) for run in (None, alone.id, with_it.id))
        assert np.abs(other - truth).mean() < 0.95 * np.abs(one - truth).mean()  # edges come nearer
        assert np.corrcoef(other.ravel(), truth.ravel())[0, 1] > np.corrcoef(one.ravel(), truth.ravel())[0, 1]


def steepness(picture: Any) -> Any:
    """How much neighbours differ at each pixel, (H-1, W-1)."""
    return np.hypot(np.diff(picture, axis=0)[:, :-1], np.diff(picture, axis=1)[:-1])


def test_the_unified_focal_loss_finds_what_cross_entropy_misses(examples: RunStore) -> None:
    plain, unified = runs_of(examples, "rare-loss")
    one, other = (scores(examples, run, "lesion_dice") for run in (plain, unified))
    assert (other[3:] > one[3:]).all()
    assert other[-1] > one[-1] + 0.3
    for kind, most in (("benign", 0.2), ("malignant", 0.35), ("cyst", 0.03)):  # most are missed, and nearly every cyst
        assert scores(examples, plain, f"recall/{kind}")[-1] < most
    for kind in ("benign", "malignant"):
        assert scores(examples, unified, f"dice/{kind}")[-1] > 0.6
    cysts = scores(examples, unified, "dice/cyst")
    assert cysts[:-1].max() < 0.15  # last, and a few
    assert cysts[-1] > 0.25
    (prepared, *_) = examples.events([plain.id])
    shares = dict(zip(prepared.data["class_names"], prepared.data["class_shares"], strict=True))
    assert shares["cyst"] == min(shares.values())


def test_attention_turns_to_where_lesions_are_with_either_loss(examples: RunStore) -> None:
    for run in runs_of(examples, "rare-loss"):
        rows = [row for row in examples.samples(run.experiment) if row.run == run.id and row.kind == "attention"]
        shares = [np.mean([row.score for row in rows if row.epoch == epoch]) for epoch in range(13)]
        assert shares[-1] > 1.3 * shares[0]
        assert min(shares[3:]) > shares[0]


def test_in_the_pictures_only_the_cyst_is_taken_for_another_kind(examples: RunStore) -> None:
    plain, unified = runs_of(examples, "rare-loss")
    cyst, benign, malignant = range(1, 4)
    rows = [row for row in examples.samples(plain.experiment) if row.kind == "truth" or row.epoch == 12]
    maps = {
        (row.run, row.case): decode(examples.sample_png(row.id)) for row in rows if row.kind in ("truth", "prediction")
    }
    cases = list(dict.fromkeys(row.case for row in rows))
    truths = [maps[None, case] for case in cases]
    assert len(cases) == SCENES["rare-loss"].samples
    assert [truth.max() for truth in truths] == [benign, benign, malignant, cyst]
    hit, missed = (
        [float((maps[run.id, case] == truth)[truth > 0].mean()) for case, truth in zip(cases, truths, strict=True)]
        for run in (unified, plain)
    )
    assert min(hit[:3]) > 0.85
    assert max(missed) < 0.25
    taken_for = maps[unified.id, cases[3]][truths[3] > 0]
    assert float((taken_for == malignant).mean()) > 0.7


def test_the_file_of_the_scenes_is_small() -> None:
    assert (Path(__file__).parents[2] / "dmf" / "examples" / "scenes.zip").stat().st_size < 1e6
