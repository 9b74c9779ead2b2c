"""What cannot work is refused with the field to blame, and what decides a result identifies it."""

import pytest
import torch
from pydantic import BaseModel

from dmf import build, declared
from dmf.config import DataConfig, FusionConfig, ModelConfig, PluginConfig, RunConfig, TrainingConfig
from dmf.config_text import experiment, field_info
from dmf.data.phantom import Phantom
from dmf.errors import ConfigError, DataError
from dmf.fingerprint import fingerprint


def test_choices_name_every_registered_member():
    choices = build.choices()
    assert {"phantom", "phantom-4", "busi"} <= set(choices["dataset"])
    assert choices["weighting"][:4] == ("fixed", "variance", "mad", "bayesian")
    assert {"cov", "softadapt", "dwa", "random", "geometric", "tchebycheff"} <= set(choices["weighting"])
    assert choices["auxiliary"] == ("none", *choices["terms"])
    assert "unet" in choices["model"]


def test_the_defaults_are_valid():
    build.validate(experiment({}))


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("dataset", "busy", "Unknown dataset 'busy'. Choose one of: .* Did you mean 'busi'"),
        ("dataset_options", "colour=true", "has no option 'colour'"),
        ("dataset_options", "images=many", "must be of type int, got 'many'"),
        ("device", "cuda:99", "There is no device 'cuda:99' here. Choose one of: auto, .*cpu"),
        ("model", "unett", "Unknown model 'unett'"),
        ("model", "smp:Unett/resnet18", "Unknown smp architecture 'unett'. Did you mean unet"),
        ("image_size", "50", "48"),
        ("terms", "ce:jaccard", "Unknown loss 'jaccard'. Choose one of: ce, iou"),
        ("auxiliary", "cbdice", "Unknown loss 'cbdice'. Choose one of: none, .* Did you mean 'cb-dice'"),
        ("weighting", "madd", "Unknown weighting 'madd'"),
    ],
)
def test_each_wrong_setting_is_refused_with_its_field(field, text, message):
    config = experiment({field: text} if field != "weighting" else {}, runs=[text if field == "weighting" else "mad"])
    with pytest.raises(ConfigError, match=message) as caught:
        build.validate(config)
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_hard_counts_without_any_gradient_are_refused():
    with pytest.raises(ConfigError, match="without gradient") as caught:
        build.validate(experiment({"terms": "iou:dice", "loss_counts": "hard"}, runs=["mad"]))
    assert caught.value.field == "loss_counts"


def test_auto_takes_the_best_device_there_is():
    available = build.devices()
    assert available[0] == "auto"
    assert available[-1] == "cpu"
    assert str(build.resolve_device("auto")) == available[1]


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(0, False, ("auto", "cpu")), (2, False, ("auto", "cuda:0", "cuda:1", "cpu")), (0, True, ("auto", "mps", "cpu"))],
)
def test_devices_are_those_of_the_machine(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert build.devices() == expected
    assert str(build.resolve_device("auto")) == expected[1]


def test_cuda_without_a_number_is_the_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert build.resolve_device("cuda") == torch.device("cuda:0")
    assert build.resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="There is no device 'cuda:2' here") as caught:
        build.resolve_device("cuda:2")
    assert caught.value.field == "device"


@pytest.mark.parametrize(
    ("device", "precision", "memory_format", "expected"),
    [
        ("cpu", "float32", "auto", True),
        ("cpu", "float32", "contiguous", False),
        ("cuda", "float32", "auto", False),
        ("cuda", "float32", "channels_last", True),
        ("cuda", "tf32", "auto", True),
        ("cuda", "bfloat16", "auto", True),
        ("mps", "float32", "auto", False),
    ],
)
def test_the_faster_memory_format_of_a_device_is_taken(monkeypatch, device, precision, memory_format, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    config = experiment({"device": device, "precision": precision, "memory_format": memory_format})
    assert build.numerics(config).channels_last is expected


def test_tf32_needs_a_cuda_device():
    with pytest.raises(ConfigError, match="Precision tf32 needs a cuda device, this is cpu; choose float32") as caught:
        build.numerics(experiment({"device": "cpu", "precision": "tf32"}))
    assert caught.value.field == "precision"


def test_a_decay_per_epoch_becomes_steps():
    per_epoch = build.build_fusion(FusionConfig(decay_rate=0.05), steps_per_epoch=20)
    every_20 = build.build_fusion(FusionConfig(decay_rate=0.05, decay_every=20), steps_per_epoch=3)
    assert [per_epoch.schedule(step) for step in (0, 10, 40)] == [every_20.schedule(step) for step in (0, 10, 40)]
    assert per_epoch.schedule(0) > per_epoch.schedule(40)


# Other valid values of every field that is no number; numbers move by a little.
OTHERS = {
    "split_seed": 3,
    "seeds": (1, 2),
    "folds": 5,
    "fold": 1,
    "oversample": "class",
    "augment": ("flip",),
    "augment_strength": 0.5,
    "normalize": "zscore",
    "dataset": "busi",
    "root": "elsewhere",
    "dataset_options": {"images": 5},
    "model_options": {"depth": 3},
    "limit": 9,
    "fit": "pad",
    "duplicates": "group",
    "split": (0.6, 0.2, 0.2),
    "model": "smp:Unet/resnet18",
    "attention": "gate",
    "device": "cpu",
    "precision": "bfloat16",
    "memory_format": "contiguous",
    "test_at": "last",
    "absent": "zero",
    "metrics_over": "batch",
    "focal_of": "precision",
    "keep_probabilities": "none",
    "gradients": "logits",
    "terms": ("ce", "iou", "focal"),
    "weighting": "mad",
    "weights": (1.0, 0.0, 0.0),
    "floor": 0.5,
    "median": "notebook",
    "prior": "fixed",
    "prior_weights": (1.0, 2.0, 3.0),
    "weight_max": 0.9,
    "sum_to": "K",
    "cov_mean": "decay",
    "cov_variance": "reference",
    "softadapt_variant": "both",
    "slope": "reference",
    "ideal": (0.5, 0.0, 0.0),
    "max_change": 0.25,
    "base_weights": (1.0, 2.0, 3.0),
    "lower_bounds": (0.5, 0.0, 0.0),
    "weights_lr": 0.01,
    "uncertainty_form": "classification",
    "gradient_of": "logits",
    "auxiliary": "tversky",
    "schedule": "linear",
    "decay_every": 7,
    "loss_counts": "hard",
    "cb_weights": "inverse",
    "cb_ratios": "batch",
    "rare": "1:3",
    "sizes": (64, 128),
    "optimizer": "sgd",
    "lr_schedule": "cosine",
    "patience": 4,
    "watch": "iou",
}


@pytest.fixture
def other(another_value):
    """Gives a value other than the default of a field or option."""

    def value(model: type[BaseModel], name: str):
        default = field_info(model, name).get_default(call_default_factory=True)
        found = OTHERS[name] if name in OTHERS else another_value(model, name)
        assert found != default
        return found

    return value


FIELDS = [
    (section, model, name)
    for section, model in (("data", DataConfig), ("model", ModelConfig), ("training", TrainingConfig))
    for name in model.model_fields
]


def fingerprints(config):
    return [fingerprint(config, run) for run in config.runs]


@pytest.mark.parametrize(("section", "model", "name"), FIELDS)
def test_every_shared_setting_changes_the_fingerprint(section, model, name, other):
    config = experiment({})
    changed = config.model_copy(update={section: model.model_validate({name: other(model, name)})})
    for one, another in zip(fingerprints(config), fingerprints(changed), strict=True):
        assert one != another


@pytest.mark.parametrize("name", [*(name for name in FusionConfig.model_fields if name != "spare"), *declared.words()])
def test_every_setting_of_a_run_changes_its_fingerprint(name, other):
    about = declared.words().get(name)
    place = {"loss": "auxiliary"}
    chosen = {place.get(about.kind, about.kind): about.methods[0]} if about else {}
    config = experiment({}, runs=["variance"])
    run, changed = (
        RunConfig(label="r", fusion=FusionConfig.model_validate({**chosen, **own}))
        for own in ({}, {name: other(FusionConfig, name)})
    )
    assert fingerprint(config, run) != fingerprint(config, changed)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("mad", "fd956e3cc757fd5b7225f2f3a609d4735d922c89be51741cef2ea735be23ff02"),
        ("mad,schedule=linear", "c5306bca39852caf288726a7878e5afc0bda954a7165760b8acc838cebd2fcbd"),
        ("mad,decay_rate=0.1,decay_every=100", "484b6b548c85a83b134d0eb0513d0db55a2c9e19db56c957bdabc71307fc053b"),
        (
            "mad,schedule=cosine,decay_rate=0.25,gamma=3",
            "2544dbb1be68a5abcd98c4a67d9e8ac9e68e9b268d4dfa031e62171d777e7267",
        ),
        ("mad,schedule=constant", "3f23659da589d3365499e538d23e135f687b4411b88ff7982fb5cfef475f89ad"),
        ("mad,schedule=constant,decay_rate=0.3", "f532f6c1067aa61fd8a0f8a54ca9a04a927215e2721a735cca37c40a948a7b4d"),
        ("cov,decay=0.8,decay_every=7", "114c3725b94275f4d3096e12bf9804fc70293f166133c5fb724ef457a98ff8b7"),
        ("mad,auxiliary=none,decay_rate=1", "638dad7849ccea31169992414ae93dcb19051dffbb63e43ff06ec4753b190755"),
    ],
)
def test_fingerprints_are_those_of_before_schedules_had_options(run, expected):
    config = experiment({"lr": "0.01"}, runs=[run])
    assert fingerprints(config) == [expected]


def test_names_and_the_other_runs_do_not_change_the_fingerprint():
    config = experiment({}, runs=["mad", "variance"], name="one")
    alone = experiment({}, runs=["mad"], name="another")
    renamed = alone.model_copy(update={"runs": (alone.runs[0].model_copy(update={"label": "the best"}),)})
    assert {fingerprint(each, each.runs[0]) for each in (config, alone, renamed)} == {fingerprints(config)[0]}


def test_what_plugins_hold_changes_the_fingerprint_and_where_they_lie_does_not():
    def made_with(*plugins):
        stored = tuple(PluginConfig(path=path, sha256=sha256 * 64) for path, sha256 in plugins)
        return fingerprints(experiment({}, runs=["mad"]).model_copy(update={"plugins": stored}))

    assert made_with(("/x.py", "a")) == made_with(("/y.py", "a"))
    assert made_with(("/x.py", "a"), ("/y.py", "b")) == made_with(("/y.py", "b"), ("/x.py", "a"))
    assert made_with(("/x.py", "a")) != made_with(("/x.py", "b"))
    assert made_with(("/x.py", "a")) != made_with()


def test_what_stands_at_its_default_is_left_out_of_the_fingerprint():
    said = {"rho": "0.9", "absent": TrainingConfig().absent, "history_max": "100", "terms": "ce:iou:dice"}
    assert fingerprints(experiment(said, runs=["bayesian"])) == fingerprints(experiment({}, runs=["bayesian"]))


def test_an_option_that_no_chosen_method_has_does_not_change_the_fingerprint():
    assert fingerprints(experiment({"rho": "0.5"}, runs=["mad"])) == fingerprints(experiment({}, runs=["mad"]))


def test_every_run_starts_from_the_same_network_and_another_seed_from_another(tiny, tmp_path):
    workbench, other_bench = build.build_workbench(tiny("mad", "variance")), build.build_workbench(tiny(seed="1"))
    one, two = (workbench.run("r", run, tmp_path).model.state_dict() for run in workbench.config.runs)
    assert all(torch.equal(one[name], two[name]) for name in one)
    three = other_bench.run("r", other_bench.config.runs[0], tmp_path).model.state_dict()
    assert not all(torch.equal(one[name], three[name]) for name in one)


def test_a_workbench_shows_validation_images(tiny):
    workbench = build.build_workbench(tiny())
    assert len(workbench.samples) == 3  # all there are, at most 4
    validation = {
        workbench.feed.case_id(int(position))
        for batch in workbench.feed.evaluation("validation")
        for position in batch.index
    }
    assert {sample.case for sample in workbench.samples} == validation


def test_every_class_is_among_the_validation_images_that_are_shown(tiny):
    # With seed 0 the first four of 24 validation images are all benign.
    config = tiny(dataset="phantom-4", dataset_options="images=256", limit="160")
    samples = build.build_workbench(config).samples
    assert len(samples) == build.SAMPLES
    kinds = [set(sample.batch.target.unique().tolist()) for sample in samples]
    assert sorted(kinds[:3], key=max) == [{0, 1}, {0, 2}, {0, 3}]
    assert kinds[3] == {0, 2}  # then the first of the rest


def test_class_shares_are_those_of_the_training_split(tiny):
    workbench = build.build_workbench(tiny())
    pixels = torch.cat([batch.target.flatten() for batch in workbench.feed.evaluation("train")])
    expected = torch.bincount(pixels, minlength=2) / pixels.numel()
    assert workbench.task.ratios == pytest.approx(expected.tolist(), rel=1e-6)


class HalfVoid(Phantom):
    """Nobody said what the lower half of any image shows."""

    name, ignore = "half-void", 255

    def load(self, case):
        pair = super().load(case)
        pair.mask[len(pair.mask) // 2 :] = self.ignore
        return pair


def test_void_pixels_of_a_dataset_reach_neither_shares_nor_losses_nor_scores(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(build.DATASETS._members, "half-void", HalfVoid)
    config = tiny("mad", dataset="half-void")
    workbench = build.build_workbench(config)
    assert sum(workbench.task.ratios) == pytest.approx(1)
    assert len(workbench.task.ratios) == 2
    assert workbench.facts()["ignore"] == 255
    run = workbench.run("r", config.runs[0], tmp_path)
    batch = workbench.feed.training_batch(0)
    logits = torch.randn(4, 2, 32, 32, requires_grad=True)
    parts = run.bank(logits, batch.target)
    (gradient,) = torch.autograd.grad(parts.terms.sum() + parts.auxiliary, logits)
    assert not gradient[:, :, 16:].any()
    assert gradient[:, :, :16].any()
    scored = workbench.task.evaluate(run.predict, workbench.feed.evaluation("validation"))
    assert (scored.counts[:, :, [0, 2]].sum((1, 2)) == 32 * 16).all()
    plain = build.build_workbench(tiny("mad"))
    assert plain.run("r", config.runs[0], tmp_path).bank.ignore is plain.task.ignore is None  # nobody looks


def test_what_is_foreseen_is_what_comes(tiny):
    for config in (tiny(), tiny(limit="10"), tiny(batch_size="17")):
        feed = build.build_workbench(config).feed
        assert build.estimate_steps(config) == {**feed.images, "steps_per_epoch": feed.steps_per_epoch}


def test_a_batch_that_cannot_be_filled_is_foreseen_in_the_same_words(tiny):
    config = tiny(batch_size="18")
    with pytest.raises(ConfigError, match="the largest batch size that works is 17") as foreseen:
        build.estimate_steps(config)
    with pytest.raises(ConfigError) as met:
        build.build_workbench(config)
    assert (str(foreseen.value), foreseen.value.field) == (str(met.value), "batch_size")


def test_a_dataset_that_is_not_there_is_foreseen(tiny, tmp_path):
    with pytest.raises(DataError, match="busi"):
        build.estimate_steps(tiny(dataset="busi", dataset_options="", root=str(tmp_path / "nowhere")))


def test_options_and_title_of_a_dataset_are_told():
    assert list(build.dataset_options("phantom").model_fields) == ["images"]
    assert build.dataset_title("phantom") == "Simulated breast ultrasound"
    for tell in (build.dataset_options, build.dataset_title):
        with pytest.raises(ConfigError, match=r"Unknown dataset 'fantom'.*Did you mean 'phantom'"):
            tell("fantom")


def test_images_made_ahead_are_found_by_the_experiment(tiny):
    config = tiny("mad", dataset_options="images=26", seed="11")
    build.prepare_ahead(config.data, config.training.seed)
    build.build_workbench(config, on_progress=lambda *_: pytest.fail("made again"))


def test_what_is_foreseen_is_what_the_experiment_gets(tiny):
    config = tiny("mad")
    feed = build.build_workbench(config).feed
    assert build.estimate_steps(config) == {**feed.images, "steps_per_epoch": feed.steps_per_epoch}


def test_one_original_case_is_read_from_every_form_of_a_configuration(home):
    config = experiment({"seed": "5", "dataset_options": "images=3"})
    one = build.original_case(config, "phantom-00001")
    assert one.image.shape == one.truth.shape == (128, 128)
    assert (build.original_case(config.model_dump(mode="json"), "phantom-00001").image == one.image).all()
    assert (build.original_case(config.data, "phantom-00001").image != one.image).any()  # data alone has seed 0
    assert build.case_labels(config)["phantom-00001"] == one.label


def test_a_case_of_a_dataset_that_was_not_recorded_cannot_be_read(home):
    for config in ({}, {"data": {"image_size": 64}}):
        with pytest.raises(DataError, match="Which dataset its images are from was not recorded"):
            build.original_case(config, "a")
    with pytest.raises(ConfigError, match="Unknown dataset 'mine'"):
        build.original_case({"data": {"dataset": "mine"}, "training": {"seed": None}}, "a")
    with pytest.raises(ConfigError, match="dataset_options"):
        build.original_case({"data": {"dataset": "phantom", "dataset_options": 3}}, "a")
