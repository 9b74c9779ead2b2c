"""The file of the example runs is made by a script."""

import zipfile
from pathlib import Path

import pytest

from dmf.examples import MEMBER, make
from dmf.examples.make import STEM, config
from dmf.runs import RunStore


def test_a_short_training_becomes_a_file_with_the_ids_it_always_has(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = config(epochs=1)
    small = small.model_copy(
        update={
            "data": small.data.model_copy(update={"limit": 20, "image_size": 32}),
            "model": small.model.model_copy(update={"filters": 4}),
        }
    )
    monkeypatch.setattr(make, "config", lambda: small)
    file = tmp_path / "made.zip"
    make.main([str(file)])
    assert capsys.readouterr().out.startswith(f"Wrote {file}, 0.")
    zipfile.ZipFile(file).extract(MEMBER, tmp_path)
    made = RunStore(tmp_path / MEMBER)
    (experiment,) = made.experiments()
    assert experiment.id == f"e-{STEM}"
    assert {run.experiment for run in experiment.runs} == {experiment.id}
    assert len(made.telemetry(f"r-{STEM}-04").steps) == 1  # 14 of 20 images train: one batch of 8
    assert {sample.run for sample in made.samples(experiment.id)} == {None, *(run.id for run in experiment.runs)}
    made.close()
