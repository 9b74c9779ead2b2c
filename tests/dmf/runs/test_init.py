import subprocess
import sys

import dmf.runs


def test_the_public_surface_is_what_all_says():
    assert all(hasattr(dmf.runs, name) for name in dmf.runs.__all__)


def test_the_store_opens_without_torch():
    code = "import sys, dmf.runs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
