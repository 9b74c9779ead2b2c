import subprocess
import sys

from dmf import facts


def test_what_is_kept_is_what_methods_say_of_themselves():
    assert facts.FILE.read_text(encoding="utf-8") == facts.in_json(), "run: python -m dmf.facts"


def test_titles_are_known_without_torch():
    code = (
        "import sys; from dmf.facts import facts, title; assert title('imtl-l') == 'IMTL-L'; "
        "assert title('nope') == 'nope'; assert facts('weighting', 'mgda').watches and 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
