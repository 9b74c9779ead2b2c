"""What is kept of where a segmenting network looks."""

import cv2
import numpy as np
import pytest
import torch

from dmf.jobs import Job, create_experiment
from dmf.tasks.segmentation.attention import MOST, attended


def decode(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


TRUTH = torch.tensor([[[0, 1, 2, 255], [0, 0, 0, 0]]])  # two pixels of the lesion and a void one


def test_each_map_is_kept_as_levels_with_its_share_on_the_lesion():
    even = torch.full((1, 1, 2, 4), 0.5)
    aimed = torch.tensor([[[[0.0, 0.3, 0.3, 0.2], [0.2, 0.0, 0.0, 0.0]]]])
    first, second = attended({"a.0": even, "a.1": aimed}, TRUTH)
    assert (first.part, second.part) == ("a.0 (2 × 4)", "a.1 (2 × 4)")
    assert first.score == pytest.approx(2 / 8)  # of attention that is the same everywhere: the share of the pixels
    assert second.score == pytest.approx(0.6)
    np.testing.assert_array_equal(decode(first.png), np.full((2, 4), 128))
    np.testing.assert_array_equal(decode(second.png), [[0, 76, 76, 51], [51, 0, 0, 0]])


@pytest.mark.parametrize(
    ("passes", "truth"),
    [(torch.full((1, 1, 2, 4), 0.5), TRUTH * 0), (torch.full((1, 1, 2, 4), torch.nan), TRUTH)],
)
def test_without_a_lesion_or_a_finite_map_there_is_no_share(passes, truth):
    (kept,) = attended({"a": passes}, truth)
    assert kept.score is None
    assert decode(kept.png).shape == (2, 4)


def test_a_fine_map_is_kept_coarser_and_measured_as_it_is():
    side = 2 * MOST
    passes, truth = torch.zeros(1, 1, side, side), torch.zeros(1, side, side, dtype=torch.int64)
    passes[..., 0, 0], truth[0, 0, 0] = 1, 1
    (kept,) = attended({"a": passes}, truth)
    assert kept.score == pytest.approx(1)
    assert kept.part == f"a ({side} × {side})"
    levels = decode(kept.png)
    assert levels.shape == (MOST, MOST)
    assert levels[0, 0] == 64  # a quarter of 255
    assert not levels[1:].any()


def pictures(store, config):
    made = create_experiment(store, config)
    Job(store, made, "test").train()
    return store.samples(made.id)


@pytest.mark.parametrize("attention", ["gate", "channel"])
def test_a_training_keeps_a_map_of_every_place_sample_and_epoch(store, tiny, attention):
    rows = pictures(store, tiny("mad", "variance", attention=attention))
    predictions = {(row.run, row.case, row.epoch) for row in rows if row.kind == "prediction"}
    maps = [row for row in rows if row.kind == "attention"]
    parts = {"attention.0 (16 × 16)", "attention.1 (32 × 32)"}
    assert {(row.run, row.case, row.epoch, row.part) for row in maps} == {
        (*key, part) for key in predictions for part in parts
    }
    assert len(maps) == len(predictions) * len(parts)
    assert all(row.score is None or 0 <= row.score <= 1 for row in maps)
    assert any(row.score for row in maps)


def test_a_network_without_attention_keeps_none(store, tiny):
    assert {row.kind for row in pictures(store, tiny("mad"))} == {"image", "truth", "prediction"}


@pytest.mark.parametrize("task", ["synthesis"], indirect=True)
def test_a_task_that_shows_no_attention_keeps_none(store, tiny):
    rows = pictures(store, tiny("fixed", attention="gate"))
    assert {row.kind for row in rows} == {"image", "truth", "prediction"}
