"""``dmf study``: what it plans, trains and tells."""

import signal
import sys
import time
import types

import pytest

from dmf.cli.study_bars import study_bars
from dmf.errors import StoreError
from dmf.runs import RunStore

PLAN = """
repeats = 2
reference = "fixed"

[[axes]]
field = "weighting"
values = ["mad", "fixed"]

[base]
"""


@pytest.fixture
def plan(tmp_path, tiny_texts):
    """A file with the smallest study that learns."""
    file = tmp_path / "small.toml"
    file.write_text(PLAN + "".join(f'{name} = "{value}"\n' for name, value in tiny_texts.items()))
    return file


def test_a_dry_run_tells_cells_time_and_storage_and_keeps_nothing(dmf, plan, home):
    outcome = dmf("study", "plan", plan, "--json", "--repeats", 3)
    assert outcome.status == 0
    document = outcome.json()
    assert [cell["cell"] for cell in document["cells"]] == [f"phantom, seed {seed}" for seed in range(3)]
    assert all(cell["runs"] == ["mad", "fixed"] for cell in document["cells"])
    (seconds,) = {cell["seconds"] for cell in document["cells"]}
    assert 0 < seconds < 60
    assert document["seconds"] == pytest.approx(3 * seconds)
    assert document["bytes"] > 3 * 2 * 10_000  # a network of the smallest kind, twice
    store = RunStore()
    assert (store.experiments(), store.studies()) == ([], [])
    store.close()


def test_bars_stay_as_they_are_while_the_store_is_away(store, monkeypatch):
    def away(name):
        raise StoreError("away")

    with study_bars(store, "small") as bars, monkeypatch.context() as patch:
        patch.setattr(store, "study_cells", away)
        bars.look()


def test_a_dry_run_without_data_says_what_is_missing(dmf):
    outcome = dmf("study", "plan", "paper", "--dataset", "busi", "--repeats", 1)
    assert outcome.status == 0
    assert "busi, seed 0" in outcome.out
    assert "Not here: " in outcome.err
    assert "holds no images. Run `dmf data get busi`" in outcome.err
    assert "About" not in outcome.out


def test_a_dry_run_may_leave_out_the_probe(dmf):
    document = dmf("study", "plan", "paper", "--no-probe", "--json").json()
    assert len(document["cells"]) == 30
    assert (document["seconds"], document["bytes"]) == (None, None)


@pytest.fixture
def varied(tmp_path, tiny_texts):
    """Writes the plan of a study that varies one setting; returns its file."""

    def write(field, values):
        file = tmp_path / "varied.toml"
        base = "".join(f'{name} = "{value}"\n' for name, value in tiny_texts.items() if name not in ("seed", field))
        file.write_text(f'[[axes]]\nfield = "{field}"\nvalues = {values}\n\n[base]\n{base}')
        return file

    return write


@pytest.fixture
def untrained(monkeypatch):
    """Fails where a probe would train."""
    monkeypatch.setattr("dmf.studies.probe.estimate", lambda cells: pytest.fail("it trained"))


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("weighting", ["mad", "madd"], "Cell 'phantom, seed 0': Unknown weighting 'madd'."),
        ("auxiliary", ["none", "tversk"], "Cell 'phantom, seed 0': Unknown loss 'tversk'."),
        ("terms", ["ce,iou", "ce,diice"], "Cell 'phantom, seed 0': Unknown loss 'diice'."),
        ("model", ["unet", "unett"], "Cell 'phantom, model=unett, seed 0': Unknown model 'unett'."),
        ("optimizer", ["adam", "adamm"], "Cell 'phantom, optimizer=adamm, seed 0': Unknown optimizer 'adamm'."),
        ("dataset", ["phantom", "phantm"], "Cell 'phantom, dataset=phantm, seed 0': Unknown dataset 'phantm'."),
        ("image_size", [32, 33], "Cell 'phantom, image_size=33, seed 0': "),
    ],
)
def test_a_dry_run_refuses_a_value_that_cannot_be_before_it_trains(dmf, varied, field, values, said):
    for probe in ("--probe", "--no-probe"):
        outcome = dmf("study", "plan", varied(field, values), probe)
        assert outcome.status == 2
        assert said in outcome.err


def test_a_study_runs_and_its_state_can_be_asked(dmf, plan):
    outcome = dmf("study", "run", plan, "--configurations", "mad", "--epochs", 1, "--json")
    assert outcome.status == 0
    assert outcome.json()["counts"] == {"finished": 2}
    status = dmf("study", "status", "small", "--json").json()
    assert status.items() <= outcome.json().items()
    assert [row["configuration"] for row in outcome.json()["rows"]] == ["mad"]
    (listed,) = dmf("study", "status", "--json").json()
    assert listed == status
    said = dmf("study", "status", "small")
    assert "Study small: 2 cells, 2 finished" in said.out
    assert status["cells"][0]["experiment"] in said.out


def test_the_same_name_with_other_settings_is_refused(dmf, plan):
    assert dmf("study", "run", plan, "--repeats", 1).status == 0
    refused = dmf("study", "run", plan, "--repeats", 1, "--epochs", 3)
    assert refused.status == 2
    assert "training.epochs 2, not 3" in refused.err
    assert "--name" in refused.err
    assert dmf("study", "run", plan, "--repeats", 1, "--epochs", 3, "--name", "longer").status == 0


def test_mistakes_are_one_line(dmf, plan):
    for words, said in [
        (("run", "papre"), "There is no plan 'papre'"),
        (("run", plan, "--set", "speed"), "Expected field=value, got 'speed'"),
        (("run", "paper", "--root", "x"), "`--root` is the folder of one dataset, these are 3."),
        (("run", plan, "--configurations", "max"), "Unknown configuration 'max'"),
        (("resume", "nothing"), "No study 'nothing'"),
        (("status", "nothing"), "Begin one with: dmf study run paper"),
    ]:
        outcome = dmf("study", *words)
        assert outcome.status == 2, words
        assert said in outcome.err
    assert "No studies yet" in dmf("study", "status").err


def test_another_engine_is_refused_and_ray_says_how_to_get_it(dmf, plan, monkeypatch):
    refused = dmf("study", "run", plan, "--engine", "rai")
    assert refused.status == 2
    assert "Unknown engine 'rai'. Choose one of: local, ray. Did you mean 'ray'?" in refused.err
    monkeypatch.setitem(sys.modules, "ray", None)
    missing = dmf("study", "run", plan, "--engine", "ray")
    assert missing.status == 2
    assert "The engine ray needs Ray: pip install 'dmf[scale]'" in missing.err


def test_an_address_where_nobody_listens_is_told_at_once(dmf, plan, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
    refused = dmf("study", "run", plan, "--engine", "ray", "--address", "127.0.0.1:1")
    assert refused.status == 2
    assert "There is no Ray cluster at '127.0.0.1:1'" in refused.err


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_ctrl_c_stops_with_checkpoints_and_resume_goes_on(process, dmf, plan, home):
    started = process("study", "run", plan, "--epochs", "2000")
    store = RunStore()
    end = time.monotonic() + 120
    while not any(run.summary["epoch"] >= 1 for run in store.runs()):
        assert time.monotonic() < end
        assert started.poll() is None, started.communicate()
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    assert "Stopped. Go on with: dmf study resume small" in err
    assert "1 stopped, 1 waiting" in out
    assert all(any(file.kind == "checkpoint_last" for file in store.artifacts(run.id)) for run in store.runs())
    store.close()


def test_a_run_prints_the_table_which_can_be_written_in_every_format(dmf, plan, tmp_path):
    said = dmf("study", "run", plan, "--epochs", 1)
    assert "Study small: test images, mean ± standard deviation over repeats" in said.out
    assert "With 2 repeats nothing can be said" in said.out
    document = dmf("study", "table", "small", "--format", "json").json()
    assert [(row["weighting"], row["repeats"]) for row in document["rows"]] == [("mad", 2), ("fixed", 2)]
    assert {"mean", "std"} <= document["rows"][0]["dice"].keys()
    for format, beginning in [("csv", "dataset,"), ("latex", r"\begin{tabular}"), ("html", "<!doctype html>")]:
        file = tmp_path / f"table.{format}"
        assert dmf("study", "table", "small", "--format", format, "-o", file).status == 0
        assert file.read_text().startswith(beginning)
        assert dmf("study", "table", "small", "--format", format).out == file.read_text()
    assert "Unknown format 'pdf'" in dmf("study", "table", "small", "--format", "pdf").err
    assert "Text is for the terminal" in dmf("study", "table", "small", "-o", tmp_path / "x").err
