import subprocess
import sys
from pathlib import Path

import pytest

import dmf.data
from dmf.config import DataConfig
from dmf.data import build_dataset
from dmf.errors import ConfigError, UnknownNameError


def test_everything_named_public_can_be_imported() -> None:
    assert sorted(dmf.data.__all__) == sorted(set(dmf.data.__all__))
    for name in dmf.data.__all__:
        assert hasattr(dmf.data, name)


def test_a_configuration_decides_name_root_and_options() -> None:
    config = DataConfig(dataset="busi", root="~/scans", dataset_options={"normal": True})
    dataset = build_dataset(config, seed=3)
    assert (dataset.name, dataset.root, dataset.seed) == ("busi", Path.home() / "scans", 3)
    assert dataset.options == {"normal": True}


def test_an_unknown_dataset_is_refused_with_the_closest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown dataset 'phantm'.*Did you mean 'phantom'"):
        build_dataset(DataConfig(dataset="phantm"))


def test_an_option_of_another_dataset_is_refused() -> None:
    with pytest.raises(ConfigError, match="'phantom' has no option 'normal'"):
        build_dataset(DataConfig(dataset_options={"normal": True}))


def test_looking_at_data_does_not_need_torch() -> None:
    code = "import sys, dmf.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_folder_for_a_dataset_that_reads_none_is_refused():
    with pytest.raises(ConfigError, match=r"'phantom' is built in and reads no folder, got 'somewhere'") as caught:
        build_dataset(DataConfig(root="somewhere"))
    assert caught.value.field == "root"


@pytest.mark.parametrize(
    ("root", "why"),
    [("x" * 5000, "is longer than a path can be"), ("a\0b", "holds a character that no name can"),
     ("scans\udce9", "is not UTF-8, so it cannot be stored")],
)  # fmt: skip
def test_a_folder_that_cannot_be_is_refused_in_one_sentence(root: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        build_dataset(DataConfig(dataset="folder", root=root))
    assert caught.value.field == "root"
    assert len(str(caught.value)) < 200
