"""The library without the dashboard: an environment of its own, which holds what a wheel asks for and nothing more.

The wheel's requirements are linked from here, distribution by distribution, so it needs no network and little time.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.processes


def requirements_of(name: str, seen: set[str], extras: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of the distributions that one asks for, directly or through others, without what markers exclude."""
    for text in importlib.metadata.requires(name) or ():
        wanted = Requirement(text)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            continue
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if f"{key}{sorted(wanted.extras)}" in seen:
            continue
        seen.add(f"{key}{sorted(wanted.extras)}")
        yield key
        yield from requirements_of(key, seen, frozenset(wanted.extras))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of that environment."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=300)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    for name in requirements_of("dmf", set()):
        distribution = importlib.metadata.distribution(name)
        here = Path(str(distribution.locate_file("")))
        for top in {Path(file).parts[0] for file in distribution.files or ()}:
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(here / top)
    source = folder / "source"
    for package in ("app", "dmf"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    (site / "dmf.pth").write_text(str(source))
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def run(alone: Path, tmp_path: Path):
    """Runs that Python in a folder of its own."""

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"DMF_HOME": str(tmp_path), "DMF_STORE": str(tmp_path / "runs.sqlite"), "COLUMNS": "200"}
        return subprocess.run(
            [str(alone), *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return start


def test_every_module_is_imported_without_a_dashboard(run) -> None:
    code = (
        "import importlib, pkgutil, sys, dmf\n"
        "names = [found.name for found in pkgutil.walk_packages(dmf.__path__, 'dmf.')]\n"
        "own = [name for name in names if not name.startswith('dmf.integrations.') and not name.endswith('__main__')]\n"
        "for name in own: importlib.import_module(name)\n"
        "assert not {'streamlit', 'plotly', 'altair'} & set(sys.modules)\n"
        "print(len(own), importlib.util.find_spec('streamlit'))\n"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    count, streamlit = done.stdout.split()
    assert int(count) > 150
    assert streamlit == "None"


def test_it_trains_and_lists_its_runs(run) -> None:
    tiny = "--image-size 32 --filters 4 --batch-size 4 --epochs 1 --threads 1 --device cpu --dataset-options images=24"
    done = run("-m", "dmf", "train", *tiny.split(), "--run", "mad", "--history-min", "3", "--history-max", "6")
    assert done.returncode == 0, done.stderr
    assert "finished" in run("-m", "dmf", "runs").stdout


def test_the_dashboard_says_what_to_install(run) -> None:
    done = run("-m", "dmf", "app")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "Error The dashboard needs streamlit, plotly, altair, segno, which are not installed: pip install 'dmf[app]'"
    )
