import os
import subprocess
import sys

import pytest

PROGRAM = "from dmf.cores import share_cores; share_cores(); import os; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("before", "chosen", "spins"),
    [
        ("", {}, "3000"),
        ("", {"GOMP_SPINCOUNT": "7"}, "7"),
        ("", {"OMP_WAIT_POLICY": "active"}, "None"),
        ("import sys; sys.modules['torch'] = None; ", {}, "None"),  # too late: OpenMP has read its settings
    ],
)
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(before, chosen, spins):
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run(
        [sys.executable, "-c", before + PROGRAM], env=environment | chosen, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == spins
