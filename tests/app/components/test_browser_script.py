"""Scripts joined from modules do what the modules do; and the modules' own tests, in the runtime that checks them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.components.browser_script import joined_script

ROOT = Path(__file__).parents[3]
COMPONENTS = ROOT / "app" / "components"
ENTRIES = sorted(file for file in (ROOT / "app").rglob("*.js") if "\nexport default" in file.read_text("utf-8"))
DENO = Path(sys.executable).with_name("deno.exe" if os.name == "nt" else "deno")


def deno(*words: str | Path, folder: Path) -> str:
    """What it printed; it reaches no network and keeps what it compiles in ``folder``."""
    environment = os.environ | {"DENO_DIR": str(folder), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [DENO, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def module(tmp_path):
    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def value(tmp_path):
    """What the default export of a script returns, where it is run."""

    def run(script):
        (tmp_path / "script.mjs").write_text(script)
        (tmp_path / "run.mjs").write_text('import run from "./script.mjs";\nconsole.log(run());\n')
        return deno("run", "--no-config", tmp_path / "run.mjs", folder=tmp_path / "deno").strip()

    return run


def test_modules_keep_their_own_names_and_are_run_once(module, value):
    module("deep/count.js", "let all = 0;\n\nexport function next() {\n  all += 1;\n  return all;\n}\n")
    module(
        "one.js", 'import { next } from "./deep/count.js";\n\nconst all = "one";\nnext();\nexport const ONE = all;\n'
    )
    entry = module(
        "entry.js",
        'import { ONE } from "./one.js";\nimport {\n  next,\n} from "./deep/count.js";\n\n'
        "const all = next();\n\nexport default () => `${GREETING} ${ONE} ${all} ${LIBRARY}`;\n",
    )
    library = module("library.js", "var LIBRARY=3;\n")
    script = joined_script(entry, {"GREETING": 'a "b"\n`'}, (library,))
    assert value(script) == 'a "b"\n` one 2 3'


def test_every_line_stays_a_line(module):
    module("one.js", "// A.\n\nexport const one = 1;\n")
    entry = module("entry.js", 'import { one } from "./one.js";\n\n// B.\nexport default () => one;\n')
    lines = joined_script(entry).splitlines()
    start = lines.index("// A.")
    assert lines[start : start + 3] == ["// A.", "", "const one = 1;"]
    assert lines[lines.index("// entry.js") + 1 :][1:4] == ["", "// B.", "export default () => one;"]
    assert lines[-1] == "//# sourceURL=dmf/entry.js"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import { two } from "./one.js";', r"imports \['two'\], which one.js does not export"),
        ('import { one as two } from "./one.js";', "not a form of import or export that can be joined"),
        ('import one from "./one.js";', "not a form of import"),
        ('import { one } from "https://example.com/one.js";', "not a form of import"),
        ("export { one };", "not a form of import"),
        ('import { back } from "./circle.js";', "modules in a circle"),
    ],
)
def test_what_cannot_be_joined_is_refused(module, text, message):
    module("one.js", "export const one = 1;\n")
    module("circle.js", 'import { other } from "./other.js";\nexport const back = 1;\n')
    module("other.js", 'import { back } from "./circle.js";\nexport const other = 1;\n')
    with pytest.raises(ValueError, match=message):
        joined_script(module("entry.js", f"{text}\nexport default () => 1;\n"))


def test_a_default_export_belongs_to_the_entry_alone(module):
    module("one.js", "export const one = 1;\nexport default one;\n")
    with pytest.raises(ValueError, match=r"one\.js: 'export default one;' is not a form"):
        joined_script(module("entry.js", 'import { one } from "./one.js";\nexport default () => one;\n'))


def test_every_component_has_a_script_the_browser_can_read(tmp_path):
    assert {file.name for file in ENTRIES} >= {"live_chart.js", "case_viewer.js", "run_picker.js", "controls.js"}
    files = []
    for entry in ENTRIES:
        files.append(tmp_path / f"{entry.stem}.js")
        files[-1].write_text(joined_script(entry, {"STYLES": ""}))
    deno(
        "lint",
        "--no-config",
        "--rules-exclude=no-window,no-window-prefix,no-unused-vars",
        *files,
        folder=tmp_path / "deno",
    )


def test_every_module_is_part_of_a_script():
    scripts = "".join(joined_script(entry) for entry in ENTRIES)
    for file in COMPONENTS.rglob("browser/**/*.js"):
        assert f'/{file.name}"] = (() => {{' in scripts, f"no component imports {file.name}"


def test_the_modules_pass_their_own_tests(tmp_path):
    said = deno("test", "--no-check", "tests", folder=tmp_path / "deno")
    (passed,) = re.findall(r"^ok \| (\d+) passed \| 0 failed", said, re.MULTILINE)
    assert int(passed) >= 37
