import csv

import numpy as np
import pytest

from dmf.config import FusionConfig
from dmf.jobs import Job, create_experiment
from dmf.records import SettingChange
from dmf.replay import read_losses, recorded_losses, replay

LOSSES = np.random.default_rng(0).uniform(0.1, 1.0, (40, 3))


@pytest.fixture
def losses(tmp_path):
    file = tmp_path / "losses.csv"
    with file.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["ce", "iou", "dice"])
        writer.writerows(LOSSES.tolist())
    return file


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--weighting", "variance"], {"weighting": "variance"}),
        (["--weighting", "mad", "--floor", "0", "--eps", "1e-7"], {"weighting": "mad", "floor": 0.0, "eps": 1e-7}),
        (["--weighting", "bayesian", "--rho", "0.5"], {"weighting": "bayesian", "rho": 0.5}),
        (["--weighting", "fixed", "--weights", "1:0:0"], {"weighting": "fixed", "weights": (1.0, 0.0, 0.0)}),
        (
            ["--weighting", "bayesian", "--history-min", "5", "--history-max", "15", "--median", "notebook",
             "--prior", "compound", "--floor", "0"],
            {"weighting": "bayesian", "history_min": 5, "history_max": 15, "median": "notebook", "prior": "compound",
             "floor": 0.0},
        ),
        (["--no-symlog", "--no-minmax"], {"weighting": "variance", "symlog": False, "minmax": False}),
    ],
)  # fmt: skip
def test_weights_of_a_file_come_back_with_full_precision(dmf, losses, tmp_path, options, settings):
    file = tmp_path / "weights.csv"
    result = dmf("replay", losses, *options, "-o", file)
    assert (result.status, result.out) == (0, ""), result.err
    names, weights = read_losses(file)
    assert names == ("ce", "iou", "dice")
    np.testing.assert_array_equal(weights, replay(LOSSES, FusionConfig.model_validate(settings)))


def test_any_names_and_any_number_of_losses_will_do(dmf, tmp_path):
    (tmp_path / "two.csv").write_text("adversarial,cycle\n1,2\n3,4\n")
    assert dmf("replay", tmp_path / "two.csv", "-o", tmp_path / "out.csv").status == 0
    assert (tmp_path / "out.csv").read_text() == "adversarial,cycle\n0.5,0.5\n0.5,0.5\n"


def test_a_single_step_is_told_as_one(dmf, tmp_path):
    (tmp_path / "two.csv").write_text("adversarial,cycle\n1,2\n")
    assert "Wrote 1 row of weights to" in dmf("replay", tmp_path / "two.csv", "-o", tmp_path / "out.csv").err


def test_what_is_read_is_not_written_over(dmf, losses, tmp_path, plugin):
    (tmp_path / "linked.csv").symlink_to(losses)
    before = losses.read_bytes()
    for output in (losses, tmp_path / "linked.csv", tmp_path / ".." / tmp_path.name / losses.name):
        result = dmf("replay", losses, "-o", output)
        assert result.status == 2
        assert f"{output} is read by this command. Choose another file with `-o`." in result.err
    assert losses.read_bytes() == before
    mine = plugin()
    assert dmf("replay", losses, "--plugin", mine, "-o", mine).status == 2
    assert "HeightWeighting" in mine.read_text()


def test_a_recorded_run_is_replayed_by_its_id(dmf, store, tiny, tmp_path):
    experiment = create_experiment(store, tiny("mad", epochs="3"))
    Job(store, experiment, "me").train()
    run, file = experiment.runs[0].id, tmp_path / "weights.csv"
    assert dmf("replay", run, "--weighting", "mad", "--history-min", 3, "--history-max", 6, "-o", file).status == 0
    recorded = store.telemetry(run, columns=["weight_ce", "weight_iou", "weight_dice"]).values
    np.testing.assert_allclose(read_losses(file)[1], recorded, rtol=2**-23)


@pytest.fixture
def changed(store, tiny):
    """A run that began with MAD and went on with the Bayesian rule."""
    experiment = create_experiment(store, tiny("mad", epochs="3"), {"mad": [SettingChange(5, "weighting", "bayesian")]})
    Job(store, experiment, "me").train()
    return store.run(experiment.runs[0].id)


def test_a_run_is_replayed_under_its_own_settings_and_changes_unless_told_otherwise(dmf, store, changed, tmp_path):
    file = tmp_path / "weights.csv"
    assert dmf("replay", changed.id, "-o", file).status == 0
    recorded = store.telemetry(changed.id, columns=["weight_ce", "weight_iou", "weight_dice"]).values
    np.testing.assert_allclose(read_losses(file)[1], recorded, rtol=2**-23)


@pytest.mark.parametrize("weighting", ["mad", "variance"])
def test_under_a_weighting_that_is_given_the_changes_of_a_run_do_not_act(dmf, store, changed, tmp_path, weighting):
    file = tmp_path / "weights.csv"
    assert dmf("replay", changed.id, "--weighting", weighting, "-o", file).status == 0
    config = FusionConfig.model_validate(changed.config | {"weighting": weighting})
    np.testing.assert_array_equal(read_losses(file)[1], replay(recorded_losses(store, changed.id)[1], config))


def test_what_is_given_replaces_a_setting_of_the_run(dmf, store, changed, tmp_path):
    file = tmp_path / "weights.csv"
    assert dmf("replay", changed.id, "--history-max", 4, "-o", file).status == 0
    config = FusionConfig.model_validate(changed.config | {"history_max": 4})
    losses, changes = recorded_losses(store, changed.id)[1], [SettingChange(5, "weighting", "bayesian")]
    np.testing.assert_array_equal(read_losses(file)[1], replay(losses, config, changes))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["losses.csv", "--weighting", "madd", "-o", "out.csv"], 2, "Unknown weighting 'madd'"),
        (["losses.csv", "--weighting", "famo", "-o", "out.csv"], 2, "`--weighting`): fixed, variance, mad"),
        (["losses.csv", "--rho", "1", "-o", "out.csv"], 2, "rho: "),
        (["losses.csv", "--weights", "1:0", "-o", "out.csv"], 2, "weights: expected 3 numbers"),
        (["none.csv", "-o", "out.csv"], 2, "No file none.csv"),
        (["r-none", "-o", "out.csv"], 2, "No run 'r-none'"),
        (["losses.csv", "--gamma", "1", "-o", "out.csv"], 2, "No such option: --gamma"),
        (["losses.csv"], 2, "Missing option"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(  # noqa: PLR0917
    dmf, losses, monkeypatch, arguments, status, words
):
    monkeypatch.chdir(losses.parent)
    result = dmf("replay", *arguments)
    assert (result.status, result.out) == (status, "")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err


def test_a_place_that_cannot_be_written_is_said_in_one_line(dmf, losses, tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = dmf("replay", losses, "-o", tmp_path / "file" / "weights.csv")
    assert (result.status, result.out) == (2, "")
    assert "Choose another file with `-o`" in result.err
    assert len(result.err.strip().splitlines()) == 1, result.err


def test_several_methods_share_one_file(dmf, losses, tmp_path):
    file = tmp_path / "weights.csv"
    methods = ("mad", "dwa", "fixed")
    options = [word for method in methods for word in ("--weighting", method)]
    assert dmf("replay", losses, *options, "--block-steps", 5, "--sum-to", "K", "-o", file).status == 0
    names, weights = read_losses(file)
    assert names == tuple(f"{method}:{loss}" for method in methods for loss in ("ce", "iou", "dice"))
    for number, method in enumerate(methods):
        config = FusionConfig(weighting=method, block_steps=5, sum_to="K")
        np.testing.assert_array_equal(weights[:, 3 * number : 3 * number + 3], replay(LOSSES, config))


def test_a_method_that_is_given_twice_is_refused(dmf, losses, tmp_path):
    result = dmf("replay", losses, "--weighting", "mad", "--weighting", "mad", "-o", tmp_path / "out.csv")
    assert result.status == 2
    assert "`--weighting` names a method twice: mad, mad." in result.err


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("cov --cov-mean decay --cov-decay 0.9 --cov-variance reference",
         {"cov_mean": "decay", "cov_decay": 0.9, "cov_variance": "reference"}),
        ("cov --cov-mean full --cov-variance corrected", {}),
        ("softadapt --softadapt-variant original --beta 0.5 --window 4 --slope least-squares",
         {"softadapt_variant": "original", "beta": 0.5, "window": 4, "slope": "least-squares"}),
        ("softadapt --softadapt-variant loss-weighted --slope reference --beta 0.1 --window 5",
         {"softadapt_variant": "loss-weighted", "slope": "reference"}),
        ("softadapt --softadapt-variant normalized --slope backward", {}),
        ("dwa --temperature 2 --block-steps 20", {}),
        ("dwa --temperature 0.5 --block-steps 3 --sum-to K", {"temperature": 0.5, "block_steps": 3, "sum_to": "K"}),
        ("random --weight-seed 3 --sum-to 1", {"weight_seed": 3}),
        ("geometric --weights 1:2:3", {"weights": (1, 2, 3)}),
        ("tchebycheff --mu 0.2 --ideal 0.1:0.0:-1", {"mu": 0.2, "ideal": (0.1, 0, -1)}),
        ("mad --base-weights 1:2:3 --max-change 0.05", {"base_weights": (1, 2, 3), "max_change": 0.05}),
    ],
)  # fmt: skip
def test_every_method_and_its_options(dmf, losses, tmp_path, options, settings):
    method, *words = options.split()
    file = tmp_path / "weights.csv"
    result = dmf("replay", losses, "--weighting", method, *words, "-o", file)
    assert result.status == 0, result.err
    expected = replay(LOSSES, FusionConfig.model_validate({"weighting": method, **settings}))
    np.testing.assert_array_equal(read_losses(file)[1], expected)
