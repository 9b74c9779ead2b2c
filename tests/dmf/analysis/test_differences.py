import pandas as pd

from dmf.analysis.differences import differences, flat_config
from dmf.config import ExperimentConfig, FusionConfig, RunConfig


def config(fusion=None, **sections):
    run = FusionConfig(**fusion or {})
    experiment = ExperimentConfig(runs=(RunConfig(label="a", fusion=run),), **sections).model_dump(mode="json")
    return flat_config(experiment, run.recorded())


def test_a_configuration_is_flat_and_in_the_order_of_its_sections():
    flat = config(data={"dataset_options": {"seed": 1, "images": 24}})
    names = list(flat)
    assert names[:4] == ["data.dataset", "data.root", "data.dataset_options.images", "data.dataset_options.seed"]
    assert flat["data.dataset_options.images"] == 24
    assert flat["data.split"] == (0.70, 0.15, 0.15)
    assert flat["fusion.terms"] == ("ce", "iou", "dice")
    sections = [name.partition(".")[0] for name in names]
    assert list(dict.fromkeys(sections)) == ["data", "model", "training", "fusion"]
    assert "name" not in flat  # a name says nothing about what was done
    assert not any(name.startswith("runs") for name in names)
    assert all(hash(value) is not None for value in flat.values())


def test_only_what_differs_is_listed():
    frame = differences(
        {
            "r-1": config(),
            "r-2": config({"weighting": "mad", "terms": ("ce", "dice")}, training={"seed": 3}),
            "r-3": config({"weighting": "mad"}, data={"limit": 40}),
        }
    )
    assert list(frame.columns) == ["r-1", "r-2", "r-3"]
    assert list(frame.index) == ["data.limit", "training.seed", "fusion.terms", "fusion.weighting"]
    assert frame.index.name == "field"
    assert frame.loc["data.limit"].tolist() == [None, None, 40]
    assert frame.loc["training.seed"].tolist() == [0, 3, 0]
    assert frame.loc["fusion.terms"].tolist() == [("ce", "iou", "dice"), ("ce", "dice"), ("ce", "iou", "dice")]
    assert frame.loc["fusion.weighting"].tolist() == ["variance", "mad", "mad"]


def test_equal_runs_differ_in_nothing_and_so_does_one_run_or_none():
    assert differences({"r-1": config(), "r-2": config()}).shape == (0, 2)
    assert differences({"r-1": config()}).shape == (0, 1)
    assert differences({}).shape == (0, 0)


def test_what_a_run_did_not_record_is_not_made_up():
    frame = differences({"r-1": flat_config({}, {"terms": ["a", "b"]}), "r-2": flat_config({}, {"lr": 0.1})})
    assert list(frame.index) == ["fusion.terms", "fusion.lr"]  # known fields first
    assert frame.loc["fusion.terms", "r-1"] == ("a", "b")
    assert frame.loc["fusion.terms", "r-2"] is pd.NA
    assert frame.loc["fusion.lr"].tolist() == [pd.NA, 0.1]


def test_options_are_compared_one_by_one():
    frame = differences(
        {
            "r-1": config(data={"dataset_options": {"normal": True, "images": 4}}),
            "r-2": config(data={"dataset_options": {"images": 4, "artefacts": False}}),
        }
    )
    assert list(frame.index) == ["data.dataset_options.artefacts", "data.dataset_options.normal"]


def test_a_switch_is_not_a_number():
    frame = differences({"r-1": flat_config({}, {"x": True}), "r-2": flat_config({}, {"x": 1})})
    assert list(frame.index) == ["fusion.x"]
    assert frame.loc["fusion.x"].tolist() == [True, 1]
    assert differences({"r-1": flat_config({}, {"x": 1}), "r-2": flat_config({}, {"x": 1.0})}).empty
