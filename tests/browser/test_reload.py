"""Code that is edited while a race trains: the running server takes it up, and one thread goes on training."""

import shutil
from pathlib import Path

import pytest

from dmf.runs import RunStore

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]

COUNTER = """

def _count_threads() -> None:
    import os, pathlib, threading
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("dmf-train")]
    pathlib.Path(os.environ["DMF_HOME"], "threads.txt").write_text(" ".join(names))


_count_threads()
"""


def edit(file: Path, added: str) -> None:
    """Add to a file as editors do: whoever reads it meanwhile finds the whole of it, old or new."""
    new = file.with_suffix(".new")
    new.write_text(file.read_text("utf-8") + added, "utf-8")
    new.replace(file)


def test_a_training_outlives_edits_of_the_code_and_has_one_thread(serve, watched, tmp_path) -> None:
    project = tmp_path / "project"
    for part in ("app", "dmf"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    watching = ("--server.fileWatcherType", "poll", "--server.runOnSave", "true")
    server = serve(project / "app" / "main.py", *watching, project=project)
    store = RunStore(tmp_path / "home" / "runs.sqlite")
    seen = watched()
    id = seen.start(server)
    seen.wait_step(5)
    run = store.experiment(id).runs[0]
    for module in ("app/components/status.py", "dmf/jobs/manager.py", "dmf/jobs/job.py", "app/access/steering.py"):
        edit(project / module, f"\n# edited: {module}\n")
        seen.page.wait_for_timeout(2500)  # nothing on the page says so; the watcher looks every second or so
        seen.wait_step(seen.step() + 3)
    edit(project / "app" / "pages" / "train.py", COUNTER)
    threads = tmp_path / "home" / "threads.txt"
    seen.until(threads.exists, "the edited page to run")
    seen.press("Pause")
    seen.wait_state("paused")
    seen.press("Resume")
    seen.wait_state("running")
    assert store.run(run.id).attempt == 1
    assert store.run(run.id).owner == run.owner
    seen.until(lambda: threads.read_text().split() == ["dmf-train-cpu"], "one thread that trains")
    # What is started now waits for what trains: it is the same manager.
    seen.fill_in((), {"Seed": 1})
    seen.press("Start training")
    seen.until(lambda: seen.experiment != id, "the second experiment")
    seen.until(lambda: [experiment.id for experiment in store.queue()] == [id, seen.experiment], "the queue")
    seen.page.get_by_text("waiting for its turn").wait_for()
    assert seen.page.get_by_test_id("stException").count() == 0
