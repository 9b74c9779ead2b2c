"""``import dmf.runs``, which every page does first, beside ``import torch``, which it must not do."""

import subprocess
import sys

from benchmarks.harness import Row, alternate, milliseconds


def rows(quick: bool) -> list[Row]:
    imports_torch = _python("import sys, dmf.runs; print('torch' in sys.modules)") == "True"
    rounds, warm_up = (1, 0) if quick else (7, 1)
    pair = alternate(
        lambda: _python("import dmf.runs"), lambda: _python("import torch"), rounds=rounds, warm_up=warm_up
    )
    empty = alternate(lambda: _python("pass"), lambda: _python("pass"), rounds=rounds, warm_up=warm_up).seconds[0]
    mine, other = (taken - empty for taken in pair.seconds)
    return [
        Row(
            "import dmf.runs",
            f"{milliseconds(mine)}, {'imports torch' if imports_torch else 'no torch'}",
            f"import torch {milliseconds(other)}",
            f"{mine / other:.2f}",
            "no torch imported",
            not imports_torch,
        )
    ]


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()
