"""The paper's 13 configurations of one repeat as a study, beside the same as ``dmf train`` one after another.

Both are commands, from start to end, with the same results.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, seconds
from dmf.studies import PLANS, StudyPlan, adapted

TARGET = 0.75
SHOWN = "dice"


def rows(quick: bool) -> list[Row]:
    wanted = {"epochs": 1 if quick else 4, "image_size": 32 if quick else 64}
    size = {"filters": 4 if quick else 8, "limit": 32 if quick else 200, "device": "cpu"}
    settings = [f"{name}={value}" for name, value in size.items()]
    plan = adapted(PLANS["paper"], dataset=("phantom",), repeats=1, settings=settings, **wanted)
    if quick:
        plan = plan.only(["mad/tversky", "fixed/none"])
    ours, beside = _Side(), _Side()
    set_all = [word for text in settings for word in ("--set", text)]
    mine = seconds(lambda: ours.study(plan, [*_words(wanted), *set_all]))
    other = seconds(lambda: beside.trainings(plan, _words({**wanted, **size})))
    assert ours.scores == beside.scores, f"a study scored {ours.scores}, the same trained alone {beside.scores}"
    ratio = mine / other
    return [
        Row(
            f"{len(ours.scores)} configurations of one repeat, {wanted['epochs']} epochs, {wanted['image_size']} px, "
            f"{size['filters']} filters: commands from start to end",
            f"study {mine:.1f} s",
            f"{len(beside.scores)} x dmf train {other:.1f} s",
            f"{ratio:.2f}",
            f"<= {TARGET}",
            ratio <= TARGET,
        )
    ]


class _Side:
    """Commands with a store and prepared images of their own; ``scores`` is what each configuration scored."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}

    def study(self, plan: StudyPlan, words: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            chosen = ";".join(name for name, _ in plan.named())
            once = ["--dataset", "phantom", "--repeats", "1", "--configurations", chosen]
            document = _dmf(folder, "study", "run", "paper", *once, *words)
        self.scores = {row["configuration"]: row[SHOWN]["values"]["0"] for row in document["rows"]}

    def trainings(self, plan: StudyPlan, words: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, settings in plan.named():
                own = _words({**settings, "seed": 0})
                (run,) = _dmf(folder, "train", "--dataset", "phantom", "--filter", *own, *words)["runs"]
                self.scores[name] = run["test"][SHOWN]


def _words(settings: dict[str, Any]) -> list[str]:
    """Options as they are typed."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def _dmf(folder: str, *words: str) -> Any:
    """The document that a command prints; it keeps everything in ``folder``."""
    places = {"DMF_HOME": folder, "DMF_STORE": str(Path(folder) / "runs.sqlite")}
    done = subprocess.run(
        [sys.executable, "-m", "dmf", *words, "--json"],
        env=os.environ | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return json.loads(done.stdout)
