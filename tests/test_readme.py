"""The README tells the truth: its snippet runs, its names exist, its pictures and links are there."""

import re
from pathlib import Path
from typing import Any

import pytest

from dmf.data import DATASETS
from dmf.losses import LOSSES
from dmf.records import RunState
from dmf.runs import RunStore
from dmf.weighting import WEIGHTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_snippets_run_one_after_the_other(capsys: pytest.CaptureFixture[str], store: RunStore) -> None:
    loop, recorded = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(loop, "README.md, snippet 1", "exec"), names)
    assert "tensor" in capsys.readouterr().out
    exec(compile(recorded, "README.md, snippet 2", "exec"), names)
    assert capsys.readouterr().out == "finished\n"
    (run,) = store.runs()
    assert (run.label, run.state, run.summary["step"]) == ("my run", RunState.FINISHED, 19)


@pytest.mark.parametrize("name", [*WEIGHTINGS, *LOSSES, *DATASETS])
def test_every_method_loss_and_dataset_has_its_row(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", README, re.MULTILINE)


def test_every_linked_file_exists() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_cpu_only_line_names_the_pinned_pair() -> None:
    pins = re.findall(
        r"^(torch(?:vision)?==\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(pins) == 2
    assert " ".join(pins) in README
