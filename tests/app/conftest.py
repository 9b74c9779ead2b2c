"""Pages are tested as people meet them: through the entry, whichever page is asked for."""

import functools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from dmf.config_text import experiment
from dmf.runs import RunStore

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@pytest.fixture(scope="session", autouse=True)
def packages_are_scanned_once() -> Iterator[None]:
    """Each AppTest looks through all installed packages for components, which takes longer than most pages."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def entry_runs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest forgets before each run that the entry has called ``st.navigation``, and would run a page alone."""
    own = PagesManager.__init__

    def remembering(self: PagesManager, *args: Any, **options: Any) -> None:
        own(self, *args, **options)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", remembering)


@pytest.fixture
def visit() -> Callable[..., AppTest]:
    """Opens a page by its name with a query in its address: ``visit("train", experiment=id)``.

    It is the first page of the visit. ``switch_page`` finds it before the entry has run since no page has an address
    other than its file's name.
    """

    def open_page(name: str, **query: str) -> AppTest:
        test = AppTest.from_file(MAIN, default_timeout=300)
        if name != "home":
            test.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            test.query_params[key] = value
        test.run()
        assert not test.exception
        return test

    return open_page


@pytest.fixture(scope="session")
def trained(data_folder: Path, tmp_path_factory: pytest.TempPathFactory, tiny_texts: dict[str, str]) -> Path:
    """A folder with a store of trained experiments: "race" of MAD and Variance, the others of MAD alone."""
    from dmf.jobs import Job, create_experiment

    folder = tmp_path_factory.mktemp("trained")
    store = RunStore(folder / "runs.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMF_HOME", str(data_folder))
        for name, runs, texts in (
            ("race", ("mad", "variance"), {}),
            ("four classes", ("mad",), {"dataset": "phantom-4"}),
            ("another seed", ("mad",), {"seed": "7"}),
            ("without probabilities", ("mad",), {"keep_probabilities": "none"}),
        ):
            made = create_experiment(store, experiment(tiny_texts | texts, runs=runs, name=name))
            Job(store, made, "test").train()
    store.close()
    return folder


@pytest.fixture
def trained_runs(store: RunStore, trained: Path) -> dict[str, list[str]]:
    """The ids of the runs of each trained experiment, by its name; they are in the store as if trained there."""
    with closing(sqlite3.connect(trained / "runs.sqlite")) as source, closing(sqlite3.connect(store.file)) as target:
        source.backup(target)
    shutil.copytree(trained / "artifacts", store.file.parent / "artifacts")
    return {each.name: [run.id for run in each.runs] for each in store.experiments()}


@pytest.fixture
def synthesis(store: RunStore, home: Path, tiny_texts: dict[str, str], task_texts: dict[str, dict[str, str]]) -> str:
    """The id of a trained experiment with a run of CoV and one of equal weights."""
    from dmf.jobs import Job, create_experiment

    texts = tiny_texts | task_texts["synthesis"]
    made = create_experiment(store, experiment(texts, runs=("cov", "fixed"), name="late from early"))
    Job(store, made, "test").train()
    return made.id
