"""What is sent to nodes without a shared folder, and kept for them; on a real cluster in ``scale``."""

import pytest

from dmf.config import DataConfig
from dmf.data import build_dataset
from dmf.errors import ConfigError
from dmf.studies import sending
from dmf.studies.sending import Keeper, refuse_unsendable


def test_files_of_a_run_are_kept_as_they_are_where_it_trains(tmp_path):
    keeper = Keeper(str(tmp_path))
    keeper.keep(
        "run", ["last.safetensors", "best-1.safetensors"], {"last.safetensors": b"1", "best-1.safetensors": b"b"}
    )
    keeper.keep(
        "run", ["last.safetensors", "best-2.safetensors"], {"last.safetensors": b"2", "best-2.safetensors": b"c"}
    )
    keeper.keep("run", ["last.safetensors", "best-2.safetensors"], {})
    (tmp_path / "run" / "last.safetensors.kept.tmp").write_bytes(b"of a crash")
    assert keeper.files("run") == {"last.safetensors": b"2", "best-2.safetensors": b"c"}
    assert keeper.files("another") == {}


def test_every_file_of_a_folder_is_in_one_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "CHUNK", 4)
    contents = {"a": b"12", "b/c": b"345", "b/d": b"", "b/e/f": b"67890"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    chunks = list(sending._chunks(tmp_path))
    assert len(chunks) > 1
    assert {name: content for chunk in chunks for name, _, content in chunk} == contents
    assert sum(len(chunk) for chunk in chunks) == len(contents)


@pytest.mark.parametrize("named", [True, False])
def test_a_dataset_is_found_where_it_was_sent(named, tmp_path, home, monkeypatch):
    root = tmp_path / "pictures" if named else None
    config = DataConfig(dataset="folder", root=None if root is None else str(root))
    before = build_dataset(config).root
    place = tmp_path / "node" / sending._place_of(before, config.root)
    place.mkdir(parents=True)
    monkeypatch.setenv("DMF_HOME", str(tmp_path / "node" / "home"))
    monkeypatch.setenv("DMF_SENT", str(tmp_path / "node" / "sent"))
    assert build_dataset(config).root == place != before


def test_what_was_not_sent_is_where_it_always_was(tmp_path, monkeypatch):
    monkeypatch.setenv("DMF_SENT", str(tmp_path / "sent"))
    assert build_dataset(DataConfig(dataset="folder", root=str(tmp_path))).root == tmp_path


def test_a_file_cannot_be_the_store_of_nodes_that_share_no_folder(store):
    with pytest.raises(ConfigError, match=r"cannot reach the store .*runs\.sqlite\. Name a PostgreSQL server"):
        refuse_unsendable(store, "auto")


def test_only_a_machine_of_the_cluster_can_send(store, monkeypatch):
    monkeypatch.setattr(store, "file", None)  # as if it were a server
    with pytest.raises(ConfigError, match=r"'ray://head:10001' is reached from outside"):
        refuse_unsendable(store, "ray://head:10001")
    refuse_unsendable(store, "head:6379")
