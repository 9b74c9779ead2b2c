import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from dmf.errors import CheckpointError
from dmf.records import Artifact, SettingChange
from dmf.training.checkpoint import (
    Progress,
    Saved,
    load,
    optimizer_tensors,
    read,
    remove_drafts,
    restore_optimizer,
    save,
    sweep,
    under_prefix,
    with_prefix,
)

TENSORS = {"model/weight": torch.arange(6.0).reshape(2, 3), "model/count": torch.tensor(7)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "last.safetensors"


def test_tensors_and_progress_come_back_bit_for_bit(file):
    changes = (SettingChange(2, "lr", 0.1 + 0.2), SettingChange(2, "weighting", "mad"))
    progress = Progress(step=5, best_epoch=2, best_score=0.1 + 0.2, bad_in_row=3, changes=changes)
    saved = save(file, TENSORS, progress, "me")
    tensors, found = load(file, "me")
    assert found == progress
    assert saved == Saved(file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
    assert all(
        torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items()
    )


def test_a_checkpoint_of_a_program_without_knobs_is_read(file):
    file.parent.mkdir()
    progress = '{"step": 5, "best_epoch": 1, "best_score": 0.5, "bad_in_row": 0}'
    save_file(TENSORS, file, {"format": "1", "fingerprint": "me", "progress": progress})
    assert load(file, "me")[1] == Progress(step=5, best_epoch=1, best_score=0.5, changes=())


def test_a_channels_last_tensor_keeps_its_values(file):
    images = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save(file, {"x": images}, Progress(), "me")
    assert torch.equal(load(file, "me")[0]["x"], images)


def test_the_file_is_no_pickle(file):
    save(file, TENSORS, Progress(), "me")
    assert not zipfile.is_zipfile(file)
    raw = file.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])  # safetensors: length, JSON, bytes
    assert header["__metadata__"]["fingerprint"] == "me"


def test_a_crash_while_writing_leaves_the_old_file(file, monkeypatch):
    save(file, TENSORS, Progress(step=1), "me")

    def crash(self, target):
        raise SystemExit("the power went")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(SystemExit):
        save(file, TENSORS, Progress(step=2), "me")
    assert load(file, "me")[1].step == 1


def test_a_full_disk_leaves_the_old_file_and_no_draft(file, monkeypatch):
    save(file, TENSORS, Progress(step=1), "me")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        CheckpointError, match=r"Cannot write checkpoint .*: No space left on device\. Check the folder and the free"
    ):
        save(file, TENSORS, Progress(step=2), "me")
    assert [entry.name for entry in file.parent.iterdir()] == ["last.safetensors"]
    assert load(file, "me")[1].step == 1


def test_a_disk_that_refuses_is_a_checkpoint_error(file, monkeypatch):
    def refuse(tensors, target, metadata):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", refuse)
    with pytest.raises(CheckpointError, match=r"Cannot write checkpoint .*No space left on device \(os error 28\)\."):
        save(file, TENSORS, Progress(), "me")


def test_a_folder_that_cannot_be_made_is_a_checkpoint_error(tmp_path):
    (tmp_path / "folder").write_text("a file is in the way")
    with pytest.raises(CheckpointError, match="Cannot write checkpoint"):
        save(tmp_path / "folder" / "last.safetensors", TENSORS, Progress(), "me")


def test_drafts_that_a_kill_left_are_removed_and_nothing_else(file):
    save(file, TENSORS, Progress(), "me")
    for name in ("last.safetensors.4711.tmp", ".tmpINOuOK", "best-3.safetensors"):
        (file.parent / name).write_bytes(b"half of it")
    remove_drafts(file.parent)
    assert {left.name for left in file.parent.iterdir()} == {"last.safetensors", "best-3.safetensors"}
    remove_drafts(file.parent / "nowhere")


def test_a_missing_file_is_refused(file):
    with pytest.raises(CheckpointError, match=r"No checkpoint at .*; the run cannot be continued\. Start a new run"):
        load(file, "me")


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_damaged_file_is_refused(file, keep):
    save(file, TENSORS, Progress(), "me")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"is damaged \(.*\)\. Start a new run"):
        load(file, "me")


def test_a_checkpoint_of_another_configuration_is_refused(file):
    save(file, TENSORS, Progress(), "me")
    with pytest.raises(CheckpointError, match=r"was made under another configuration\. Start a new run"):
        load(file, "you")


def test_a_file_of_another_format_is_refused(file):
    file.parent.mkdir()
    save_file(TENSORS, file)
    with pytest.raises(CheckpointError, match="has format None, expected '1'"):
        load(file, "me")


def test_prefixes_go_on_and_come_off():
    both = with_prefix("model", {"a/b": 1}) | with_prefix("modelled", {"a": 2})
    assert both == {"model/a/b": 1, "modelled/a": 2}
    assert under_prefix("model", both) == {"a/b": 1}


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_an_optimizer_goes_on_bit_for_bit(file, memory_format):
    def convolution():
        torch.manual_seed(0)
        return torch.nn.Conv2d(3, 5, 3).to(memory_format=memory_format)

    def step(model, optimizer, number):
        images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        model(images.to(memory_format=memory_format)).square().mean().backward()
        optimizer.step()

    one = convolution()
    optimizer = torch.optim.Adam(one.parameters(), lr=0.1, fused=True)
    for number in range(3):
        step(one, optimizer, number)
    save(file, optimizer_tensors(optimizer), Progress(), "me")
    other = convolution()
    other.load_state_dict(one.state_dict())
    resumed = torch.optim.Adam(other.parameters(), lr=0.1, fused=True)
    restore_optimizer(resumed, load(file, "me")[0])
    for number in range(3, 6):
        step(one, optimizer, number)
        step(other, resumed, number)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


def test_one_flipped_byte_of_tensor_data_is_found(file):
    save(file, TENSORS, Progress(step=1), "me")
    raw = bytearray(file.read_bytes())
    raw[-10] ^= 1
    file.write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"is damaged: it does not hold what was written into it. Put a copy"):
        load(file, "me")


def test_another_file_than_is_recorded_is_refused_but_a_later_one_is_not(file):
    def recorded(step, saved):
        return Artifact("r", "checkpoint_last", 0, step, file.name, saved.bytes, saved.sha256)

    known = recorded(5, save(file, TENSORS, Progress(step=5), "me"))
    assert load(file, "me", known)[1].step == 5
    save(file, TENSORS, Progress(step=4), "me")  # a copy of before
    with pytest.raises(CheckpointError, match="is not the file that the store knows"):
        load(file, "me", known)
    # Those whose writer was killed before it could record them: of a later step, or of a change at the same one.
    save(file, TENSORS, Progress(step=6), "me")
    assert load(file, "me", known)[1].step == 6
    save(file, TENSORS, Progress(step=5, changes=(SettingChange(5, "lr", 0.1),)), "me")
    assert load(file, "me", known)[1].changes == (SettingChange(5, "lr", 0.1),)


def test_a_file_that_says_no_hash_of_what_it_holds_must_be_the_one_that_is_recorded(file):
    saved = save(file, TENSORS, Progress(step=5), "me")
    known = Artifact("r", "checkpoint_last", 0, 5, file.name, saved.bytes, saved.sha256)
    with safe_open(file, framework="pt") as opened:
        said = {key: text for key, text in opened.metadata().items() if key != "content"}
    save_file(TENSORS, file, said)
    assert load(file, "me")[1].step == 5  # as earlier programs wrote them
    with pytest.raises(CheckpointError, match="is not the file that the store knows"):
        load(file, "me", known)


def test_a_file_tells_what_is_to_be_recorded_of_it(file):
    saved = save(file, TENSORS, Progress(step=9), "me")
    assert read(file, "checkpoint_last", "r", 4) == Artifact(
        "r", "checkpoint_last", 2, 9, "last.safetensors", saved.bytes, saved.sha256
    )
    file.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(file, "checkpoint_last", "r", 4)


def test_what_no_record_names_is_swept(tmp_path):
    kept = ["last.safetensors", "best-2.safetensors", "probabilities-best.zip", "mine.txt"]
    for name in (*kept, "best-1.safetensors", "probabilities-last.zip", "last.safetensors.7.tmp"):
        (tmp_path / name).touch()
    sweep(tmp_path, {"best-2.safetensors", "probabilities-best.zip"})
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(kept)
