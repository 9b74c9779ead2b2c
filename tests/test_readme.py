"""The README tells the truth: its snippet runs, its names exist, its pictures and links are there."""

import re
from pathlib import Path

import pytest

from dmf.data import DATASETS
from dmf.losses import LOSSES
from dmf.weighting import WEIGHTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_snippet_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out


@pytest.mark.parametrize("name", [*WEIGHTINGS, *LOSSES, *DATASETS])
def test_every_method_loss_and_dataset_has_its_row(name: str) -> None:
    assert f"| `{name}` |" in README


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
