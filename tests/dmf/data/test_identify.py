import pytest

from dmf.data import identify
from dmf.data.sniffing import annotation_format
from dmf.errors import ConfigError


@pytest.mark.parametrize("name", ["busi", "pets", "folder", "coco", "labelme", "cvat", "ddti"])
def test_a_folder_is_told_by_its_files(name, request):
    root = request.getfixturevalue(f"fake_{name}")
    assert identify(root).dataset == name
    assert identify(root.parent).dataset == name  # with a folder around it


def test_a_folder_that_no_dataset_reads_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(ConfigError, match="Or name the dataset with --dataset"):
        identify(tmp_path)
    with pytest.raises(ConfigError, match="is no folder"):
        identify(tmp_path / "nowhere")


def test_files_without_a_sign_are_of_no_format():
    assert annotation_format([], lambda _: b"") is None
