"""Code that is edited while a race trains: the running server takes it up, and one thread goes on training."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]

COUNTER = """

def _count_threads() -> None:
    import os, pathlib, threading
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("dmf-train")]
    pathlib.Path(os.environ["DMF_HOME"], "told", "threads").write_text(" ".join(names))


_count_threads()
"""

SAYS = """

import os as _os, pathlib as _pathlib
_pathlib.Path(_os.environ["DMF_HOME"], "told", "loaded").touch()
"""

EDITED = "\n# edited\n"


def edit(file: Path, added: str) -> None:
    """Add to a file as editors do: whoever reads it meanwhile finds the whole of it, old or new."""
    new = file.with_suffix(".new")
    new.write_text(file.read_text("utf-8") + added, "utf-8")
    new.replace(file)


def test_a_training_outlives_edits_of_the_code_and_has_one_thread(
    app_server, dashboard, serve, watched, tmp_path
) -> None:
    store = dashboard.store
    project = tmp_path / "project"
    for part in ("app", "dmf", ".streamlit"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    watching = ("--server.fileWatcherType", "poll", "--server.runOnSave", "true")
    server = serve(*watching, project=project, home=dashboard.home)
    id = dashboard.race()
    seen = watched()
    seen.resume(server, id)
    seen.wait_step(5)
    run = store.experiment(id).runs[0]
    told = dashboard.home / "told"
    told.mkdir()
    loaded = told / "loaded"
    # The server forgets every module once it sees an edit, so that one which every page imports tells of all. One edit
    # at a time: it forgets them in the midst of the imports of a page that runs anew after an edit just before.
    files = ("dmf/jobs/manager.py", "dmf/jobs/job.py", "app/access/steering.py")
    edits = {"app/components/status.py": SAYS} | dict.fromkeys(files, EDITED)
    for file, added in edits.items():
        loaded.unlink(missing_ok=True)
        edit(project / file, added)
        seen.until(loaded.exists, f"the page to run anew after an edit of {file}")
        seen.wait_step(seen.step() + 3)
    edit(project / "app" / "pages" / "train.py", COUNTER)
    threads = told / "threads"
    seen.until(threads.exists, "the edited page to run")
    seen.press("Pause")
    seen.wait_state("paused")
    seen.press("Resume")
    seen.wait_state("running")
    assert store.run(run.id).attempt == run.attempt
    assert store.run(run.id).owner == run.owner
    seen.until(lambda: threads.read_text().split() == ["dmf-train-cpu"], "one thread that trains")
    # What is started now waits for what trains: it is the same manager.
    seen.start(None, Seeds=1)
    seen.until(lambda: seen.experiment != id, "the second experiment")
    seen.until(lambda: [experiment.id for experiment in store.queue()] == [id, seen.experiment], "the queue")
    seen.page.get_by_text("waiting for its turn").wait_for()
    assert seen.page.get_by_test_id("stException").count() == 0
