"""Who may import whom. Every file under dmf/ and app/ is parsed; imports inside functions count like any other."""

import ast
import graphlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The bottom floor: everyone may import it, it imports nothing of ours but itself, and no torch.
FLOOR = {
    "dmf.errors",
    "dmf.registry",
    "dmf.config",
    "dmf.cores",
    "dmf.config_text",
    "dmf.declared",
    "dmf.facts",
    "dmf.fingerprint",
    "dmf.form_text",
    "dmf.former",
    "dmf.image_sets",
    "dmf.live_settings",
    "dmf.lr_schedules",
    "dmf.metric_info",
    "dmf.naming",
    "dmf.options",
    "dmf.presets",
    "dmf.probabilities",
    "dmf.recipes",
    "dmf.records",
    "dmf.scenes",
    "dmf.seeding",
    "dmf.paths",
    "dmf.schedule",
    "dmf.words",
}

# What each package or module may import of ours, besides itself and the floor. Nothing else is allowed.
MAY_IMPORT: dict[str, set[str]] = {
    **{name: set() for name in FLOOR},
    "dmf": {"dmf.fusion", "dmf.losses", "dmf.recording", "dmf.runs", "dmf.weighting"},  # its short names for them
    "app": set(),
    "dmf.data": set(),
    "dmf.models": set(),
    # Losses in general.
    "dmf.terms": set(),
    "dmf.weighting": set(),
    "dmf.optimizers": set(),
    "dmf.fusion": {"dmf.terms", "dmf.weighting"},
    # Tasks: what is true of all, then a room for each, which knows no other, then the registry.
    "dmf.tasks.base": {"dmf.tasks.pictures", "dmf.terms", "dmf.data"},
    "dmf.tasks.pictures": set(),
    "dmf.tasks.segmentation.losses": {"dmf.terms"},
    "dmf.tasks.segmentation.metrics": set(),
    "dmf.tasks.segmentation": {
        *("dmf.tasks.base", "dmf.tasks.pictures", "dmf.terms", "dmf.data"),
        *("dmf.tasks.segmentation.losses", "dmf.tasks.segmentation.metrics"),
        "dmf.models",  # how much of an attention lies on a mask
    },
    # Runs of it, looked at image by image: it reads the store, which no training does.
    "dmf.tasks.segmentation.inspection": {"dmf.analysis", "dmf.runs", "dmf.tasks.segmentation.metrics"},
    "dmf.tasks.synthesis": {"dmf.tasks.base", "dmf.tasks.pictures", "dmf.terms", "dmf.data"},
    "dmf.tasks": {"dmf.tasks.base", "dmf.tasks.segmentation", "dmf.tasks.synthesis"},
    "dmf.tasks.feed": {"dmf.data"},
    # Names under which loops of someone's own import losses and metrics of segmentation.
    "dmf.losses": {"dmf.terms", "dmf.tasks.segmentation.losses"},
    "dmf.metrics": {"dmf.tasks.segmentation", "dmf.tasks.segmentation.metrics"},
    "dmf.training": {"dmf.fusion", "dmf.optimizers", "dmf.tasks", "dmf.tasks.feed", "dmf.terms", "dmf.weighting"},
    "dmf.runs": {"dmf.data"},  # predictions made elsewhere are decoded as masks are
    "dmf.replay": {"dmf.weighting", "dmf.runs"},
    "dmf.analysis": {"dmf.runs", "dmf.tasks"},
    # Files of someone's own, whose classes join the registries.
    "dmf.plugins": {"dmf.data", "dmf.models", "dmf.optimizers", "dmf.terms", "dmf.weighting", "dmf.tasks"},
    "dmf.build": {
        "dmf.plugins",
        *("dmf.data", "dmf.models", "dmf.terms", "dmf.weighting", "dmf.fusion", "dmf.optimizers"),
        *("dmf.tasks", "dmf.tasks.feed"),
        *("dmf.training", "dmf.runs", "dmf.replay", "dmf.analysis"),
    },
    # What methods promise, and what they do.
    "dmf.methods": {
        *(
            "dmf.plugins",
            "dmf.data",
            "dmf.models",
            "dmf.optimizers",
            "dmf.terms",
            "dmf.weighting",
            "dmf.fusion",
            "dmf.tasks",
        ),
    },
    # Networks that were trained, back from their checkpoints.
    "dmf.trained": {
        *("dmf.plugins", "dmf.build", "dmf.data", "dmf.models", "dmf.tasks", "dmf.training", "dmf.runs"),
    },
    # Predictions made elsewhere, scored and recorded as runs.
    "dmf.importing": {"dmf.data", "dmf.tasks.segmentation.metrics", "dmf.runs"},
    "dmf.jobs": {"dmf.plugins", "dmf.build", "dmf.training", "dmf.runs"},
    # A loop of someone's own: it is recorded as training is, without what this program builds from configurations.
    "dmf.recording": {
        *("dmf.fusion", "dmf.terms", "dmf.tasks", "dmf.tasks.pictures", "dmf.training", "dmf.runs", "dmf.weighting"),
    },
    "dmf.integrations": {"dmf.fusion", "dmf.recording"},
    "dmf.studies": {"dmf.plugins", "dmf.build", "dmf.training", "dmf.runs", "dmf.jobs", "dmf.analysis", "dmf.tasks"},
    "dmf.examples": {"dmf.runs"},
    "dmf.examples.make": {"dmf.examples", "dmf.jobs", "dmf.runs"},
    "dmf.cli": {
        "dmf.examples",
        "dmf.methods",
        "dmf.plugins",
        *("dmf.jobs", "dmf.studies", "dmf.build", "dmf.replay", "dmf.analysis", "dmf.runs", "dmf.data"),
        "dmf.importing",
        "dmf.training",  # names a TrainingRun in annotations
        "dmf.tasks",  # which metrics a table of results shows
        "app",  # to find the script of the dashboard
    },
    "dmf.__main__": {"dmf.cli"},
    "app.charts": set(),
    # Plain data to be shown: pages and components name them, access makes them.
    "app.views": {"dmf.runs", "dmf.analysis", "dmf.replay", "dmf.data", "dmf.studies"},
    "app.components": {"app.views", "app.charts", "app.pictures", "app.state", "app.theme"},
    "app.state": {"app.charts", "app.components", "app.theme"},
    "app.theme": {"app.charts", "app.components", "app.state"},
    "app.access": {
        "app.views",
        "app.visitors",
        "dmf.studies",
        *("dmf.runs", "dmf.analysis", "dmf.replay", "dmf.jobs", "dmf.build", "dmf.tasks"),
        "dmf.examples",
        "dmf.methods",
        "dmf.plugins",
        "dmf.data",  # datasets are looked at before there is anything to build
        "dmf.trained",
    },
    # A room of pages for each task, which knows no other, then their registry, which pages ask.
    "app.tasks.base": {"app.views", "app.components", "app.state"},
    "app.tasks.segmentation": {
        *("app.tasks.base", "app.tasks.segmentation.access", "app.tasks.segmentation.views"),
        *("app.access", "app.views", "app.components", "app.charts", "app.state", "app.theme"),
        "dmf.tasks.segmentation.metrics",
    },
    "app.tasks.segmentation.views": {"app.views", "dmf.tasks.segmentation.metrics"},
    "app.tasks.segmentation.access": {
        *("app.tasks.segmentation.views", "app.access", "app.views", "app.visitors"),
        *("dmf.runs", "dmf.analysis", "dmf.build", "dmf.data", "dmf.importing"),
        *("dmf.tasks.segmentation.inspection", "dmf.tasks.segmentation.metrics"),
    },
    "app.tasks.synthesis": {
        *("app.tasks.base", "app.tasks.synthesis.access", "app.tasks.synthesis.views"),
        *("app.access", "app.views", "app.components", "app.charts", "app.state", "app.theme"),
        *("dmf.metric_info", "dmf.tasks.synthesis"),  # of which its info: what metrics are called and mean
    },
    "app.tasks.synthesis.views": {"app.views"},
    "app.tasks.synthesis.access": {
        *("app.tasks.synthesis.views", "app.access", "app.views"),
        *("dmf.runs", "dmf.analysis", "dmf.build", "dmf.data"),
    },
    "app.tasks": {"app.tasks.base", "app.tasks.segmentation", "app.tasks.synthesis", "dmf.tasks"},
    "app.pages": {
        *("app.access", "app.tasks", "app.views", "app.components", "app.charts", "app.state"),
        "app.broadcast",  # to say which parts are the same for all visitors
    },
    "app.__main__": set(),
    # Who may change something, and the gate before all pages.
    "app.visitors": set(),
    "app.shared": {"app.broadcast", "app.pictures", "app.visitors"},
    # What visitors see is worked out once and sent to all.
    "app.broadcast": {"app.visitors"},
    "app.pictures": {"app.visitors"},
    "app.main": {"app.access", "app.components", "app.charts", "app.state", "app.theme", "app.pages"},
}
NOT_EVEN_THE_FLOOR = {"app.charts"}

# What these may import of the outside world besides the standard library; the longest name that fits decides.
# Everything not named here may import all.
OUTSIDE: dict[str, set[str]] = {
    **{name: {"numpy", "pydantic", "pydantic_core"} for name in FLOOR},
    # they run on any GPU image
    "dmf.terms": {"torch", "numpy", "pydantic"},
    "dmf.losses": {"torch", "numpy", "pydantic"},
    "dmf.tasks.segmentation.losses": {"torch", "numpy", "pydantic"},
    "dmf.tasks.synthesis": {"torch", "numpy", "pydantic"},
    "dmf.weighting": {"torch", "numpy", "pydantic"},
    "dmf.optimizers": {"torch", "pydantic"},
    "dmf.weighting.aggregators": {"torch", "pydantic", "torchjd"},  # an extra, only once one of its methods is built
    "dmf.fusion": {"torch", "numpy", "pydantic"},
    "dmf.models.unet": {"torch", "numpy", "pydantic"},
    "dmf.training": {"torch", "numpy", "pydantic"},
    "dmf.training.checkpoint": {"torch", "numpy", "pydantic", "safetensors"},  # only once a checkpoint is written
    # a page shows, it does not compute
    "app.pages": {"streamlit", "pandas", "altair", "plotly"},
}

# What these may never import of the outside world.
NEVER: dict[str, set[str]] = {
    "dmf.runs": {"torch", "streamlit"},
    "dmf.analysis": {"torch", "streamlit"},
    "dmf.tasks.segmentation.inspection": {"torch", "streamlit"},
    "dmf": {"streamlit"},
    "app.charts": {"torch", "streamlit"},
    "app.views": {"streamlit"},
    "app": {"torch", "sqlalchemy"},
}

# Importing these must not import torch, so that pages and listings open at once.
LIGHT = ("dmf", "dmf.config", "dmf.records", "dmf.runs", "dmf.replay", "dmf.analysis", "dmf.studies", "dmf.cli")

# Importing these must work where only torch, numpy and pydantic are installed, so what they import may need no more
# either. (Training reaches OpenCV through tasks and data.)
PORTABLE = ("dmf.terms", "dmf.losses", "dmf.weighting", "dmf.fusion", "dmf.models.unet", "dmf.training")


@dataclass(frozen=True)
class Import:
    """``target`` is imported in line ``line`` of ``module``; a module of ours, or the top package of someone else's."""

    module: str
    target: str
    line: int
    at_import: bool


def modules_under(root: Path) -> dict[str, Path]:
    """Module name to file for everything under dmf/ and app/; a package is called by its own name."""
    found = {}
    for top in ("dmf", "app"):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import in the file, resolved to the deepest module of ours it names."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    lazy = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_type_checkers(block)
        for inner in ast.walk(block)
    }
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                ancestor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*ancestor, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
        else:
            continue
        for name in dict.fromkeys(names):
            target = name if name.split(".")[0] in ("dmf", "app") else name.split(".")[0]
            yield Import(module, target, node.lineno, id(node) not in lazy)


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def unit_of(module: str) -> str | None:
    """The line of the table a module of ours falls under: the longest that fits; None if there is none."""
    parts = module.split(".")
    names = [".".join(parts[:size]) for size in range(len(parts), 0, -1)]
    fitting = [name for name in names if name in MAY_IMPORT and (name not in ("dmf", "app") or name == module)]
    return fitting[0] if fitting else None


def covers(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def violations(root: Path) -> list[str]:
    """One sentence for each import, or file, the tables do not allow."""
    modules = modules_under(root)
    wrong = []
    for module, path in modules.items():
        unit = unit_of(module)
        if unit is None:
            wrong.append(f"{module} is not in the import table; add a line for it to MAY_IMPORT.")
            continue
        allowed = MAY_IMPORT[unit] | (set() if unit in NOT_EVEN_THE_FLOOR else FLOOR)
        for found in imports_of(module, path, modules):
            ours = found.target.split(".")[0] in ("dmf", "app")
            if ours:
                target = unit_of(found.target) or found.target
                if target not in {unit, "dmf", *allowed}:
                    wrong.append(
                        f"{module} imports {found.target} (line {found.line}); {unit} may import only "
                        f"{sorted(allowed - {unit})}"
                    )
                continue
            if found.target in sys.stdlib_module_names:
                continue
            strictest = max((name for name in OUTSIDE if covers(name, module)), key=len, default=None)
            if strictest is not None and found.target not in OUTSIDE[strictest]:
                wrong.append(
                    f"{module} imports {found.target} (line {found.line}); of the outside world {strictest} may import "
                    f"only {sorted(OUTSIDE[strictest])}"
                )
            for name, outside in NEVER.items():
                if covers(name, module) and found.target in outside:
                    wrong.append(f"{module} imports {found.target} (line {found.line}); {name} may never import it")
    return wrong


def test_every_import_is_allowed_by_the_table() -> None:
    wrong = violations(ROOT)
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_tables_name_only_each_other() -> None:
    assert set().union(*MAY_IMPORT.values()) <= MAY_IMPORT.keys()
    assert MAY_IMPORT.keys() >= FLOOR | NOT_EVEN_THE_FLOOR
    for name in (*OUTSIDE, *NEVER):
        assert unit_of(name) is not None, name


def test_the_table_of_the_library_has_no_cycle() -> None:
    graph = {unit: allowed for unit, allowed in MAY_IMPORT.items() if unit.startswith("dmf")}
    list(graphlib.TopologicalSorter(graph).static_order())  # raises on a cycle


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = modules_under(ROOT)
    graph = {
        module: {found.target for found in imports_of(module, path, modules) if found.at_import} - {module}
        for module, path in modules.items()
    }
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


@pytest.mark.parametrize(
    ("file", "code", "message"),
    [
        (
            "dmf/weighting/mad.py",
            "import math\n\nfrom dmf.training import lockstep\n",
            "dmf.weighting.mad imports dmf.training (line 3); dmf.weighting may import only ['dmf.config', ",
        ),
        ("dmf/losses/dice.py", "from ..metrics import dice", "dmf.losses.dice imports dmf.metrics (line 1); "),
        ("dmf/losses/dice.py", "import dmf.metrics.scores", "dmf.losses.dice imports dmf.metrics.scores (line 1); "),
        (
            "dmf/losses/dice.py",
            "def f():\n    import scipy.stats",
            "imports scipy (line 2); of the outside world dmf.losses",
        ),
        ("dmf/models/unet.py", "import torchvision", "of the outside world dmf.models.unet may import only ['numpy', "),
        (
            "dmf/runs/store.py",
            "def f():\n    from torch import nn",
            "dmf.runs.store imports torch (line 2); dmf.runs may never",
        ),
        (
            "dmf/errors.py",
            "import torch",
            "of the outside world dmf.errors may import only ['numpy', 'pydantic', 'pydantic_core']",
        ),
        (
            "dmf/errors.py",
            "from dmf.terms import Parts",
            "dmf.errors imports dmf.terms (line 1); dmf.errors may import",
        ),
        ("dmf/jobs/job.py", "import streamlit", "dmf.jobs.job imports streamlit (line 1); dmf may never import it"),
        ("dmf/new.py", "", "dmf.new is not in the import table; add a line for it to MAY_IMPORT."),
        ("app/charts/weights.py", "from dmf.config import FusionConfig", "app.charts may import only []"),
        ("app/charts/weights.py", "import streamlit as st", "app.charts may never import it"),
        ("app/pages/train.py", "from dmf.runs import RunStore", "app.pages may import only ['app.access', "),
        ("app/pages/train.py", "import numpy as np", "of the outside world app.pages may import only ['altair', "),
        (
            "app/access/reading.py",
            "from dmf import training",
            "app.access.reading imports dmf.training (line 1); app.access may import",
        ),
    ],
)
def test_a_planted_violation_is_caught(tmp_path: Path, file: str, code: str, message: str) -> None:
    for name in ("dmf/__init__.py", "dmf/training/__init__.py", "app/__init__.py", file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [line for line in violations(tmp_path) if "not in the import table" not in line] == []
    (tmp_path / file).write_text(code)
    found = violations(tmp_path)
    assert len(found) == 1
    assert message in found[0]


def test_what_is_allowed_is_not_caught(tmp_path: Path) -> None:
    (tmp_path / "dmf/losses").mkdir(parents=True)
    (tmp_path / "dmf/losses/dice.py").write_text(
        "import math\nimport torch\nfrom torch.nn import functional\nfrom dmf import __version__\n"
        "from dmf.config import FusionConfig\nfrom dmf.losses.base import Loss\nfrom . import base\n"
    )
    assert violations(tmp_path) == []


PACKAGES = [module for module, path in modules_under(ROOT).items() if path.name == "__init__.py"]


def public_names(module: str) -> set[str]:
    """Public names a package defines, or takes from its own modules."""
    path = modules_under(ROOT)[module]
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.level or covers(module, node.module or "")):
            taken = {alias.asname or alias.name for alias in node.names}
            names |= {name for name in taken if not name.isupper()}  # a constant may be for its own use
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_all_of_a_package_is_importable_and_complete(package: str) -> None:
    module = importlib.import_module(package)
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported), "named twice"
    missing = [name for name in exported if not hasattr(module, name)]
    assert not missing, f"{package}.__all__ names what does not exist: {missing}"
    forgotten = sorted(public_names(package) - set(exported))
    assert not forgotten, f"{package}.__all__ leaves out {forgotten}; name them, or begin them with an underscore"


def test_light_modules_do_not_import_torch() -> None:
    code = f"""
import importlib, sys
for module in {LIGHT}:
    importlib.import_module(module)
    assert "torch" not in sys.modules, f"import {{module}} imports torch"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_portable_modules_need_only_torch_numpy_and_pydantic() -> None:
    absent = ("pandas", "pyarrow", "sqlalchemy", "safetensors", "cv2", "typer", "rich", "tsdownsample", "torchvision")
    absent += ("torchjd", "qpsolvers", "quadprog")
    imports = "; ".join(f"import {module}" for module in PORTABLE)
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); {imports}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
