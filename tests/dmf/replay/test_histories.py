import numpy as np
import pytest

from dmf.config import FusionConfig
from dmf.errors import DataError, RunNotFoundError
from dmf.jobs import Job, create_experiment
from dmf.live_settings import changes_of
from dmf.records import SettingChange, TelemetryBlock
from dmf.replay import recorded_losses, replay


@pytest.mark.parametrize(
    "written",
    [
        *("variance", "mad", "bayesian", "fixed", "fixed,weights=3:0:1"),
        *("bayesian,prior=compound,floor=0.01", "mad,smoothing=0.5,weight_min=0.1", "variance,symlog=false,sum_to=K"),
        *("cov", "cov,cov_mean=decay", "softadapt", "softadapt,softadapt_variant=both,window=3", "dwa,block_steps=2"),
        *("random", "geometric", "tchebycheff"),
    ],
)
def test_replaying_a_run_gives_the_weights_it_had(store, tiny, written):
    experiment = create_experiment(store, tiny(written, epochs="4"))
    Job(store, experiment, "me").train()
    (run,) = store.experiment(experiment.id).runs
    names, losses = recorded_losses(store, run.id)
    assert names == ("ce", "iou", "dice")
    recorded = store.telemetry(run.id, columns=[f"weight_{name}" for name in names]).values
    replayed = replay(losses, FusionConfig.model_validate(run.config))
    # Both from the same float32 losses by the same float64 arithmetic, then stored as float32.
    np.testing.assert_allclose(recorded, replayed, rtol=2**-23, atol=1e-30)
    if "fixed" not in written:
        assert not np.allclose(recorded[-1], recorded[0])


CHANGES = [
    SettingChange(3, "weighting", "bayesian"),
    SettingChange(5, "lr", 0.01),
    SettingChange(6, "weighting", "mad"),
    SettingChange(6, "weighting", "bayesian"),  # begins its memory anew
    SettingChange(9, "weighting", "bayesian"),  # what it is already: nothing begins anew
    SettingChange(12, "weighting", "cov"),
    SettingChange(14, "weighting", "random"),
]


@pytest.mark.parametrize("label", ["mad smoothing=0.5", "fixed weights=3:0:1"])
def test_replaying_a_run_whose_weighting_changed_gives_the_weights_it_had(store, tiny, label):
    experiment = create_experiment(store, tiny(label.replace(" ", ","), epochs="4"), {label: CHANGES})
    Job(store, experiment, "me").train()
    (run,) = store.experiment(experiment.id).runs
    names, losses = recorded_losses(store, run.id)
    recorded = store.telemetry(run.id, columns=[f"weight_{name}" for name in names]).values
    config = FusionConfig.model_validate(run.config)
    replayed = replay(losses, config, changes_of(store.events([run.id])))
    np.testing.assert_allclose(recorded, replayed, rtol=2**-23, atol=1e-30)
    assert not np.allclose(recorded[3:], replay(losses, config)[3:], rtol=1e-3)


def stored(store, tiny, values):
    (run,) = create_experiment(store, tiny("mad,terms=ce:dice")).runs
    columns = ("loss_ce", "loss_dice", "weight_ce", "weight_dice", "auxiliary", "gamma", "total", "lr", "finite")
    store.write([TelemetryBlock(run.id, 1, 0, columns, np.array(values, np.float32), 0.0, 1.0)], None)
    return run.id


def test_losses_come_with_a_step_per_row(store, tiny):
    run = stored(store, tiny, [[1, 2, 0.5, 0.5, 9, 1, 3, 1e-3, 1], [3, 4, 0.5, 0.5, 9, 1, 7, 1e-3, 1]])
    names, losses = recorded_losses(store, run)
    assert names == ("ce", "dice")
    assert losses.dtype == np.float64
    np.testing.assert_array_equal(losses, [[1, 2], [3, 4]])


def test_a_skipped_step_is_nan_also_where_only_the_auxiliary_was_to_blame(store, tiny):
    run = stored(store, tiny, [[1, 2, 0.5, 0.5, 9, 1, 3, 1e-3, 1], [3, 4, 0.5, 0.5, np.nan, 1, 7, 1e-3, 0]])
    losses = recorded_losses(store, run)[1]
    np.testing.assert_array_equal(losses, [[1, 2], [np.nan, np.nan]])


def test_a_run_without_a_step_is_refused(store, tiny):
    (run,) = create_experiment(store, tiny()).runs
    with pytest.raises(DataError, match=r"has recorded no step yet\. Replay it once it has trained"):
        recorded_losses(store, run.id)


def test_an_unknown_run_is_refused(store):
    with pytest.raises(RunNotFoundError, match="No run 'r-none'"):
        recorded_losses(store, "r-none")
