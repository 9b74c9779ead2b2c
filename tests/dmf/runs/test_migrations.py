import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, create_mock_engine, inspect, select, text

from dmf.errors import StoreError
from dmf.records import RunState, Sample
from dmf.runs import RunStore, migrations, schema

STORES = Path(__file__).parents[2] / "data" / "stores"
NEWEST = str(len(migrations.MIGRATIONS) + 1)


def version(store):
    with store._reading() as connection:
        return migrations.schema_version(connection, "here")


def columns(store):
    with store._reading() as connection:
        return {column["name"] for column in inspect(connection).get_columns("runs")}


def add_colour(connection):
    connection.execute(text("ALTER TABLE runs ADD COLUMN colour VARCHAR"))


def fill_colour(connection):
    connection.execute(text("UPDATE runs SET colour = 'blue'"))


def fail(connection):
    connection.execute(text("ALTER TABLE runs ADD COLUMN shade VARCHAR"))
    raise ValueError("half way")


def test_a_new_store_has_every_table_and_the_newest_version(store):
    assert version(store) == len(migrations.MIGRATIONS) + 1
    with store._reading() as connection:
        assert set(inspect(connection).get_table_names()) >= set(schema.metadata.tables)


def test_an_older_store_is_brought_up_to_date_in_order_on_opening(location, store, experiment, monkeypatch):
    start = version(store)
    store.close()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_colour, fill_colour))

    store = RunStore(location, clock=lambda: experiment.created)

    assert version(store) == start + 2
    with store._reading() as connection:
        assert connection.scalars(text("SELECT colour FROM runs")).all() == ["blue", "blue"]
    store.close()

    # Opened again, nothing runs twice: adding the column a second time would fail.
    store = RunStore(location)
    assert version(store) == start + 2
    store.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(location, store, monkeypatch):
    start, before = version(store), columns(store)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_colour, fail))
    with pytest.raises(ValueError, match="half way"):
        RunStore(location)
    assert version(store) == start
    assert columns(store) == before


def test_a_store_of_a_newer_program_is_refused_untouched(location, store):
    with store._writing() as connection:
        connection.execute(schema.meta.update().values(value="99"))
    with pytest.raises(StoreError, match=r"has version 99, this program knows versions up to \d+. Update the program"):
        RunStore(location)
    with store._reading() as connection:
        assert connection.scalar(select(schema.meta.c.value)) == "99"


@pytest.mark.parametrize("table", ["notes", "meta"])
def test_a_database_of_something_else_is_refused(location, store, table):
    with store._writing() as connection:
        schema.metadata.drop_all(connection)
        connection.execute(text(f"CREATE TABLE {table} (key VARCHAR, value VARCHAR)"))
    with pytest.raises(StoreError, match=r"holds tables of something else, not a run store. Choose another"):
        RunStore(location)


# From version 1: a store that it wrote


@pytest.fixture
def version_1(tmp_path):
    """A copy of the committed store of version 1."""
    return shutil.copy(STORES / "v1" / "runs.sqlite", tmp_path / "runs.sqlite")


def raw(file):
    """The version and the columns of experiments, read past the store."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        version = connection.scalar(select(schema.meta.c.value))
        columns = {column["name"] for column in inspect(connection).get_columns("experiments")}
    engine.dispose()
    return version, columns


def test_a_store_of_version_1_opens_and_keeps_all_it_held(version_1):
    assert raw(version_1)[0] == "1"
    store = RunStore(version_1)
    assert raw(version_1)[0] == NEWEST

    stopped, finished = store.experiments()
    assert (finished.name, stopped.name) == ("Finished by version 1", "Stopped by version 1")
    assert [run.state for run in finished.runs] == [RunState.FINISHED] * 2
    (run,) = stopped.runs
    assert (run.state, run.summary["step"]) == (RunState.STOPPED, 4)
    # 6 steps of two runs, 5 steps of one
    for row, steps in [(finished.runs[0], 6), (finished.runs[1], 6), (run, 5)]:
        telemetry = store.telemetry(row.id)
        np.testing.assert_array_equal(telemetry.steps, np.arange(steps))
        assert np.isfinite(telemetry.values).all()
    metrics = store.epoch_metrics([row.id for row in (*finished.runs, run)])
    assert len(metrics) == 288
    last = metrics.query("run == @finished.runs[0].id and split == 'test' and metric == 'dice'").value.item()
    assert last == finished.runs[0].summary["metrics"]["test"]["dice"]
    assert len(store.events([row.id for row in (*finished.runs, run)])) == 9
    pictures = [picture for experiment in (finished, stopped) for picture in store.samples(experiment.id)]
    assert len(pictures) == 36
    assert all(png.startswith(b"\x89PNG") for png in store.sample_pngs([picture.id for picture in pictures]).values())
    assert [scores.epoch for scores in store.case_scores(run.id, "validation")] == [0, 1]
    assert {artifact.kind for artifact in store.artifacts(run.id)} == {"checkpoint_last", "checkpoint_best"}
    store.close()


def test_experiments_of_version_1_are_in_the_order_of_their_making_and_new_ones_after_them(version_1):
    store = RunStore(version_1)
    new = store.create_experiment({}, name="new", labels=["a"], run_configs=[{}], environment={})
    old = [row for row in store.experiments() if row.id != new.id]
    assert [row.place for row in old] == [row.created for row in old]
    assert new.place > max(row.place for row in old)
    store.close()


@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v4", "v6"])
def test_a_migrated_store_has_the_tables_of_a_new_one(version, tmp_path):
    def described(file):
        engine = create_engine(f"sqlite:///{file}")
        found = inspect(engine)
        tables = {
            table: (
                {
                    (column["name"], str(column["type"]), column["nullable"], column["default"])
                    for column in found.get_columns(table)
                },
                sorted((index["name"], tuple(index["column_names"])) for index in found.get_indexes(table)),
                sorted((key["constrained_columns"], key["referred_table"]) for key in found.get_foreign_keys(table)),
                found.get_pk_constraint(table)["constrained_columns"],
            )
            for table in found.get_table_names()
        }
        engine.dispose()
        return tables

    old = shutil.copy(STORES / version / "runs.sqlite", tmp_path / "old.sqlite")
    RunStore(old).close()
    RunStore(tmp_path / "new.sqlite").close()
    assert described(old) == described(tmp_path / "new.sqlite")


def test_a_second_opening_migrates_no_more(version_1, monkeypatch):
    RunStore(version_1).close()
    monkeypatch.setattr(migrations, "MIGRATIONS", (fail,) * len(migrations.MIGRATIONS))
    RunStore(version_1).close()


OPEN = """
import sys
from dmf.runs import RunStore
print("ready", flush=True)
sys.stdin.readline()
store = RunStore(sys.argv[1])
print(len(store.experiments()))
"""


def test_of_processes_that_open_an_old_store_at_once_one_migrates_it(version_1):
    command = [sys.executable, "-c", OPEN, str(version_1)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("2\n", "")] * 3
    assert raw(version_1)[0] == NEWEST


KILLED = """
import os, signal, sys
from dmf.runs import RunStore, migrations

def die(connection):
    migrations._queue_in_the_store(connection)
    os.kill(os.getpid(), signal.SIGKILL)

migrations.MIGRATIONS = (die,)
RunStore(sys.argv[1])
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_migration_that_is_killed_leaves_the_old_version_whole(version_1):
    before = raw(version_1)
    process = subprocess.run([sys.executable, "-c", KILLED, str(version_1)], timeout=500, check=False)
    assert process.returncode == -signal.SIGKILL
    assert raw(version_1) == before
    store = RunStore(version_1)
    assert len(store.experiments()) == 2
    store.close()


def test_a_database_server_gets_the_same_migration_in_its_own_words():
    said = []
    engine = create_mock_engine("postgresql://", lambda sql, *_: said.append(str(sql.compile(dialect=engine.dialect))))
    migrations._queue_in_the_store(engine)
    assert said == [
        "ALTER TABLE experiments ADD COLUMN place FLOAT(53) DEFAULT '0' NOT NULL",
        "UPDATE experiments SET place=experiments.created",
    ]
    said.clear()
    migrations._runs_are_managed(engine)
    assert said == ["ALTER TABLE runs ADD COLUMN archived BOOLEAN DEFAULT false NOT NULL"]
    said.clear()
    migrations._owners_are_watched(engine)
    assert said == ["ALTER TABLE runs ADD COLUMN silent FLOAT(53)", "ALTER TABLE artifacts ADD COLUMN sha256 VARCHAR"]
    said.clear()
    migrations._scores_have_names(engine)
    assert said == [
        "ALTER TABLE case_scores ADD COLUMN scores TEXT",
        "ALTER TABLE samples RENAME COLUMN dice TO score",
    ]
    said.clear()
    migrations._studies_are_planned(engine)
    assert [statement.split(" (")[0].strip() for statement in said] == [
        *("CREATE TABLE studies", "CREATE TABLE study_cells"),
        "CREATE UNIQUE INDEX study_cells_by_experiment ON study_cells",
    ]
    said.clear()
    migrations._images_have_tags(engine)
    assert [statement.split(" (")[0].strip() for statement in said] == ["CREATE TABLE case_tags"]


def test_an_old_store_that_cannot_be_written_says_so(version_1):
    with pytest.raises(StoreError, match=r"runs.sqlite is read-only. Make the file and its folder writable"):
        RunStore(f"sqlite:///file:{version_1}?mode=ro&uri=true")


def test_a_newer_store_that_cannot_be_written_is_refused_for_its_version(version_1):
    store = RunStore(version_1)
    with store._writing() as connection:
        connection.execute(schema.meta.update().values(value="99"))
    store.close()
    with pytest.raises(StoreError, match="has version 99"):
        RunStore(f"sqlite:///file:{version_1}?mode=ro&uri=true")


# From version 2


@pytest.fixture
def version_2(tmp_path, hasty):
    """The committed store of version 2, a copy, opened and watched for a while by the present program."""
    store = RunStore(shutil.copy(STORES / "v2" / "runs.sqlite", tmp_path / "runs.sqlite"), monotonic=hasty)
    store.runs()
    yield store
    store.close()


def test_a_store_of_version_2_opens_and_keeps_all_it_held(version_2):
    assert version(version_2) == int(NEWEST)
    queued, stopped, finished = version_2.experiments()
    names = [experiment.name for experiment in (finished, stopped, queued)]
    assert names == ["Finished by version 2", "Stopped by version 2", "Queued by version 2"]
    # What waited is waiting for an owner that is no more.
    assert [run.state for run in queued.runs] == [RunState.INTERRUPTED]
    assert [run.state for run in finished.runs] == [RunState.FINISHED] * 2
    assert [experiment.place for experiment in (finished, stopped, queued)] == [1, 2, 3]
    runs = [run for experiment in (finished, stopped, queued) for run in experiment.runs]
    assert not any(run.archived for run in runs)
    assert [len(version_2.telemetry(run.id).steps) for run in runs] == [6, 6, 5, 0]
    assert [(event.run, event.step, event.data["value"]) for event in changes(version_2, runs)] == [
        (finished.runs[0].id, 3, 0.5),
        (stopped.runs[0].id, 2, 0.0005),
        (stopped.runs[0].id, 8, "variance"),
    ]


def changes(store, runs):
    return [event for event in store.events([run.id for run in runs]) if event.kind == "knob"]


def test_pictures_of_version_2_keep_their_ids_which_are_never_given_again(version_2):
    engine = create_engine(f"sqlite:///file:{STORES / 'v2' / 'runs.sqlite'}?mode=ro&immutable=1&uri=true")
    with engine.connect() as connection:
        before = dict(connection.execute(text("SELECT id, png FROM samples")).all())
    engine.dispose()
    assert version_2.sample_pngs(list(before)) == before

    _, stopped, finished = version_2.experiments()
    version_2.delete_runs([run.id for experiment in (stopped, finished) for run in experiment.runs])
    (queued,) = version_2.experiments()
    version_2.claim([queued.runs[0].id], "me")
    version_2.write([Sample(queued.id, queued.runs[0].id, "case", 0, 0, "image", b"png")], "me")
    (new,) = version_2.samples(queued.id)
    assert new.id > max(before)


# From version 3


def test_a_store_of_version_3_opens_and_what_was_killed_under_it_can_be_taken_over(tmp_path, hasty):
    store = RunStore(shutil.copy(STORES / "v3" / "runs.sqlite", tmp_path / "runs.sqlite"), monotonic=hasty)
    assert version(store) == int(NEWEST)
    assert [run.state for run in store.runs()] == [
        *(RunState.RUNNING, RunState.STOPPED, RunState.FINISHED, RunState.FINISHED)
    ]
    killed, stopped, *finished = store.runs()
    assert killed.state is RunState.INTERRUPTED
    assert store.claim([killed.id], "me") == [killed.id]
    assert [len(store.telemetry(run.id).steps) for run in (stopped, *finished)] == [5, 6, 6]
    files = store.artifacts(finished[0].id)
    assert {file.kind for file in files} >= {"checkpoint_last", "checkpoint_best", "probabilities_best"}
    assert {file.sha256 for file in files} == {None}
    store.close()


# From version 4


def test_a_store_of_version_4_keeps_its_counts_and_what_its_pictures_scored(tmp_path):
    file = shutil.copy(STORES / "v4" / "runs.sqlite", tmp_path / "runs.sqlite")
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        before = dict(connection.execute(text("SELECT id, dice FROM samples")).all())
        counts = connection.scalars(text("SELECT counts FROM case_scores ORDER BY run, epoch, split")).all()
    engine.dispose()
    assert any(score is not None for score in before.values())

    store = RunStore(file)
    assert version(store) == int(NEWEST)
    experiments = store.experiments()
    assert [row.name for row in experiments] == ["Stopped by version 4", "Finished by version 4"]
    pictures = [picture for row in experiments for picture in store.samples(row.id)]
    assert {picture.id: picture.score for picture in pictures} == before
    assert {row.task for row in experiments} == {"segmentation"}
    kept = [
        scores
        for run in sorted(store.runs(), key=lambda run: run.id)
        for split in ("test", "validation")
        for scores in store.case_scores(run.id, split)
    ]
    kept.sort(key=lambda scores: (scores.run, scores.epoch, scores.split))
    assert [scores.counts.astype("<i8").tobytes() for scores in kept] == counts
    assert all(scores.scores == {} for scores in kept)
    store.close()


# From version 6


def test_pictures_of_a_store_of_version_6_have_no_parts_and_new_ones_may(tmp_path):
    file = shutil.copy(STORES / "v6" / "runs.sqlite", tmp_path / "runs.sqlite")
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        before = connection.execute(text("SELECT id, kind, score FROM samples ORDER BY id")).all()
    engine.dispose()
    assert before

    store = RunStore(file)
    assert version(store) == int(NEWEST)
    (made,) = store.experiments()
    kept = sorted(store.samples(made.id), key=lambda row: row.id)
    assert [(row.id, row.kind, row.score) for row in kept] == [tuple(row) for row in before]
    assert {row.part for row in kept} == {""}
    assert store.tag_case("images", "case", ["motion"]) == ("motion",)  # of which no version before 8 knew
    store.close()
