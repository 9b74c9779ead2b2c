"""A trained network looks at pictures of any size."""

import numpy as np
import pytest
from PIL import Image

from dmf import build
from dmf import trained as of_training
from dmf.data.files import read_grey
from dmf.data.filtering import preprocess
from dmf.errors import CheckpointError, ConfigError
from dmf.jobs import Job, create_experiment
from dmf.trained import load_trained, network_diagram


def trained_run(store, experiment):
    made = create_experiment(store, experiment)
    Job(store, made, "me").train()
    return made.runs[0].id


def test_the_best_network_of_a_run_sees_what_was_kept_of_it(store, tiny):
    run = trained_run(store, tiny("mad"))
    trained = load_trained(store, run)
    kept = store.probabilities(run, "best")
    assert (trained.epoch, trained.class_names, trained.channels) == (kept.epoch, ("background", "lesion"), 1)
    case = kept.cases[0]
    image = build.original_case(trained.config, case).image
    found = trained.predict(image)
    assert (found.shape, found.dtype) == ((1, 32, 32), np.uint8)
    # A batch of one may round the last digits otherwise than one of four.
    np.testing.assert_allclose(found.astype(int), kept.read(case).astype(int), atol=1)


def test_a_colour_picture_is_seen_in_grey_by_a_network_that_learned_from_grey(store, tiny):
    trained = load_trained(store, trained_run(store, tiny("mad")))
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    np.testing.assert_array_equal(trained.predict(np.stack([grey] * 3, axis=-1)), trained.predict(grey))


def test_colours_become_the_same_grey_as_in_training(store, tiny, monkeypatch, tmp_path):
    network = load_trained(store, trained_run(store, tiny("mad")))
    colours = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)  # of some, both greys are as near
    seen = []
    monkeypatch.setattr(of_training, "preprocess", lambda image, data: (seen.append(image), preprocess(image, data))[1])
    network.predict(colours)
    Image.fromarray(colours).save(tmp_path / "colours.png")
    np.testing.assert_array_equal(seen[0], read_grey(tmp_path / "colours.png").pixels)


@pytest.mark.parametrize("image", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros(4, np.uint8)])
def test_a_network_refuses_what_is_no_picture(store, tiny, image):
    trained = load_trained(store, trained_run(store, tiny("mad")))
    with pytest.raises(ValueError, match="must be uint8 of shape"):
        trained.predict(image)


def test_a_run_without_a_network_cannot_look_at_pictures(store, tiny):

    run = create_experiment(store, tiny("mad")).runs[0].id
    with pytest.raises(CheckpointError, match="No network of run 'mad' is kept here"):
        load_trained(store, run)


def test_a_network_whose_file_is_gone_is_told(store, tiny):
    run = trained_run(store, tiny("mad"))
    for file in store.artifact_folder(run).glob("best-*.safetensors"):
        file.unlink()
    with pytest.raises(CheckpointError, match="No checkpoint at"):
        load_trained(store, run)


def test_the_network_of_a_run_is_drawn_before_anything_is_trained_or_fetched(store, tiny):
    config = tiny("mad").model_dump(mode="json")
    config["model"] |= {"model": "smp:unet/resnet18", "pretrained": True}
    waiting = store.create_experiment(config, name="mine", labels=["run"], run_configs=[{}], environment={})
    drawn = network_diagram(waiting)
    assert (drawn.image, drawn.output) == ((1, 32, 32), (2, 32, 32))
    assert ("encoder.layer3", "decoder.blocks.0") in drawn.skips


def test_a_network_that_nobody_recorded_cannot_be_drawn(store):
    config = {"recorded": True}
    recorded = store.create_experiment(config, name="mine", labels=["run"], run_configs=[{}], environment={})
    with pytest.raises(ConfigError, match="Its network was not recorded"):
        network_diagram(recorded)
