"""Charts of a scene: how its runs are called and drawn."""

from pathlib import Path

import pytest

from app.components.tour.charts import race_of, renamed, share_of_attention
from app.theme import DASHES, METHOD_DASHES
from dmf.analysis.playback import Playback
from dmf.analysis.progress import LiveExperiment
from dmf.examples import open_scenes, scene_stem
from dmf.runs import RunStore
from dmf.scenes import SCENES


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory):
    opened = open_scenes(Path(tmp_path_factory.mktemp("scenes")))
    yield opened
    opened.close()


def race(scenes: RunStore, name: str, seconds: float):
    scene = SCENES[name]
    source = Playback(scenes, LiveExperiment(scenes, f"e-{scene_stem(name)}").refresh())
    return race_of(scene, renamed(scene, source.at(seconds)))


def test_runs_are_called_as_the_scene_calls_them_and_told_apart_by_dash(scenes: RunStore) -> None:
    drawn = race(scenes, "early-help", 5)
    assert list(drawn.titles.values()) == ["With CB-Dice", "Without"]
    assert drawn.dashes == DASHES[:2]


def test_without_names_they_are_called_by_their_methods(scenes: RunStore) -> None:
    drawn = race(scenes, "spike", 5)
    assert list(drawn.titles.values()) == ["Variance", "MAD"]
    assert drawn.dashes == (METHOD_DASHES["variance"], METHOD_DASHES["mad"])


def test_attention_is_the_mean_over_pictures_and_places_after_each_epoch_so_far(scenes: RunStore) -> None:
    drawn = race(scenes, "rare-loss", 5)
    for run in drawn.snapshot.experiment.runs:
        steps, shares = share_of_attention(drawn, run)
        rows = [row for row in drawn.snapshot.samples if row.run == run.id and row.kind == "attention"]
        last = [row.score for row in rows if row.step == steps[-1]]
        assert len(last) == 4 * 3  # pictures, places
        assert shares[-1] == pytest.approx(sum(last) / len(last))
        assert len(steps) == max(row.epoch for row in rows) + 1 < 13


def test_the_end_of_the_training_is_marked_from_the_beginning(scenes: RunStore) -> None:
    ends = [mark.x for mark in race(scenes, "adapt", 1).marks if mark.text == "End of the training"]
    assert ends == [132]
