"""What SQLite does when its file cannot be used, and where the store lies."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError

from dmf.errors import StoreError
from dmf.records import Event
from dmf.runs import RunStore
from dmf.runs.engine import Reach, explained, is_away, is_transient, open_engine, store_file, store_url


def test_a_store_is_named_by_argument_then_environment_then_default(monkeypatch):
    monkeypatch.delenv("DMF_STORE", raising=False)
    assert store_file(store_url()) == Path("data/runs.sqlite").absolute()
    monkeypatch.setenv("DMF_STORE", "elsewhere/x.sqlite")
    assert store_file(store_url()) == Path("elsewhere/x.sqlite").absolute()
    assert store_file(store_url(Path("/a/b.sqlite"))) == Path("/a/b.sqlite").absolute()
    assert store_file(store_url("sqlite:////a/b.sqlite")) == Path("/a/b.sqlite").absolute()
    assert store_file(store_url("postgresql://host/name")) is None


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", ":memory:"])
def test_a_store_in_memory_is_refused(url):
    with pytest.raises(StoreError, match="must be a file"):
        store_url(url)


def test_a_url_that_is_none_is_refused():
    with pytest.raises(StoreError, match=r"'://x' is no store.*sqlite:///data/runs.sqlite"):
        store_url("://x")


@pytest.mark.parametrize(
    "url",
    ["nosuchdb://host/name", "postgres://host/name", "postgresql+nosuch://host/x", "sqlite+nosuchdriver:///x.sqlite"],
)
def test_a_database_without_a_driver_names_what_can_be_used(url):
    with pytest.raises(StoreError, match=r"No driver for a .* store: .* Pass a file, or the URL of a PostgreSQL data"):
        open_engine(store_url(url))


def test_postgresql_without_its_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    with pytest.raises(StoreError, match=r"No driver for a postgresql\+psycopg store: .* pip install 'dmf\[scale\]'"):
        open_engine(store_url("postgresql://user@host/name"))


@pytest.mark.parametrize("invalidated", [True, False])
def test_a_server_that_drops_the_connection_may_be_tried_again(invalidated):
    dropped = Exception("terminating connection due to administrator command")
    kind = DatabaseError if invalidated else OperationalError
    said = pytest.raises(
        StoreError,
        match=r"is away since \d\d:\d\d:\d\d and cannot be reached: terminating connection.*Check that its server",
    )
    with said as caught, explained("postgresql://host/name"):
        raise kind("SELECT 1", {}, dropped, connection_invalidated=invalidated)
    assert is_transient(caught.value)
    assert is_away(caught.value.__cause__)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("57P01", "is away since"),  # shutting down
        ("08006", "is away since"),  # connection failure
        ("40P01", "is locked by another process"),  # deadlock
        ("53100", "disk is full"),
        ("28P01", "reports an error"),  # wrong password
    ],
)
def test_what_a_server_says_by_its_code_is_told_by_what_it_means(code, said):
    broken = type("Broken", (Exception,), {"sqlstate": code})("as it says")
    with pytest.raises(StoreError, match=said) as caught, explained("a server"):
        raise OperationalError("SELECT 1", {}, broken)
    assert is_transient(caught.value) is (code not in ("53100", "28P01"))


def test_since_when_a_server_is_away_stays_until_it_is_back(monkeypatch):
    reach, now = Reach(), [1_800_000_000.0]
    monkeypatch.setattr("dmf.runs.engine.time.time", lambda: now[0])

    def fail():
        with pytest.raises(StoreError, match="is away since") as caught, explained("a server", reach):
            raise OperationalError("SELECT 1", {}, Exception("connection refused.\n\tIs the server running?"))
        return str(caught.value)

    first = fail()
    assert "cannot be reached: connection refused. Check" in first
    now[0] += 5
    assert fail() == first
    with explained("a server", reach):
        pass
    assert fail() != first


def test_missing_folders_are_made(tmp_path):
    store = RunStore(tmp_path / "a" / "b" / "runs.sqlite")
    assert store.file.exists()
    store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match=r"Cannot make the folder .*file/x for the store: .* Choose another with `--store`"
    ):
        RunStore(tmp_path / "file" / "x" / "runs.sqlite")


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=f"The run store {tmp_path} cannot be opened"):
        RunStore(tmp_path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(StoreError, match=r"notes.txt is not an SQLite database. Choose another"):
        RunStore(path)
    assert path.read_text() == "not a database " * 100


def test_write_ahead_logging_and_foreign_keys_are_on(tmp_path):
    store = RunStore(tmp_path / "runs.sqlite")
    with store._reading() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
        assert pragmas == ["wal", 1]
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # normal
    store.close()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
connection.close()
"""


def test_of_those_who_open_a_store_for_the_first_time_the_later_ones_wait(tmp_path):
    file = tmp_path / "runs.sqlite"
    RunStore(file).close()
    first = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    first.execute("PRAGMA journal_mode = DELETE")  # as a new file is, and one that was copied
    first.execute("BEGIN")
    first.execute("SELECT * FROM meta").fetchall()
    done = []
    threading.Timer(0.3, lambda: (done.append("first"), first.rollback())).start()
    store = RunStore(file)
    assert done == ["first"]
    assert store.experiments() == []
    store.close()


def test_a_lock_held_by_another_process_is_one_clear_message_and_readers_go_on(tmp_path):
    store = RunStore(tmp_path / "runs.sqlite", busy_seconds=0.1)
    row = store.create_experiment({}, name="", labels=["a"], run_configs=[{}], environment={})
    run = row.runs[0].id
    command = [sys.executable, "-c", HOLD, str(store.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=r"runs.sqlite is locked by another process. Close what else") as caught:
            store.write([Event(run, 0, "note")], None)
        assert is_transient(caught.value)
        assert store.run(run).id == run
        process.communicate("go\n", timeout=30)
    store.write([Event(run, 0, "note")], None)
    store.close()


def test_a_read_only_store_is_read_but_not_written(tmp_path):
    path = tmp_path / "runs.sqlite"
    writer = RunStore(path)
    row = writer.create_experiment({}, name="", labels=["a"], run_configs=[{}], environment={})
    reader = RunStore(f"sqlite:///file:{path}?mode=ro&uri=true")

    assert reader.file == path
    assert reader.experiment(row.id) == row
    with pytest.raises(StoreError, match=r"runs.sqlite is read-only. Make the file and its folder writable") as caught:
        reader.add_command(row.runs[0].id, "stop")
    assert not is_transient(caught.value)
    reader.close()
    writer.close()


def create(store, size=1):
    row = store.create_experiment({"x": "x" * size}, name="n", labels=["a"], run_configs=[{}], environment={})
    return row.id


@pytest.fixture
def disk(tmp_path):
    """A disk of its own of 2 MB, mounted; and a way to make it read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only an administrator on Linux can mount a small disk")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full_is_one_clear_message_and_reading_goes_on(disk):
    store = RunStore(disk[0] / "runs.sqlite")
    made = [create(store)]

    def fill():
        while len(made) < 100:
            made.append(create(store, 100_000))

    with pytest.raises(StoreError, match=r"runs.sqlite cannot grow: the disk is full. Free some space, then resume"):
        fill()
    assert sorted(row.id for row in store.experiments()) == sorted(made)
    store.close()


def test_a_store_on_a_read_only_disk_is_read_but_not_written(disk):
    folder, make_read_only = disk
    store = RunStore(folder / "runs.sqlite")
    id = create(store)
    store.close()
    make_read_only()
    reader = RunStore(folder / "runs.sqlite")
    assert [row.id for row in reader.experiments()] == [row.id for row in reader.queue()] == [id]
    with pytest.raises(StoreError, match=r"runs.sqlite is read-only. Make the file and its folder writable"):
        reader.cancel(id)
    reader.close()
    with pytest.raises(StoreError, match=r"other.sqlite cannot be opened. Check that its folder exists and is writabl"):
        RunStore(folder / "other.sqlite")


@pytest.mark.parametrize("in_use", [False, True])
def test_a_store_of_someone_else_is_read_though_nothing_can_be_written_beside_it(tmp_path, monkeypatch, in_use):
    store = RunStore(tmp_path / "runs.sqlite")
    first = create(store)
    if not in_use:
        store.close()  # its log is gone then
    assert Path(f"{store.file}-wal").exists() is in_use
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    reader = RunStore(store.file)
    assert [row.id for row in reader.experiments()] == [first]
    with pytest.raises(StoreError, match="is read-only"):
        create(reader)
    second = create(store)  # what its owner writes meanwhile is seen
    assert [row.id for row in reader.experiments()] == [second, first]
    reader.close()
    store.close()


def test_a_full_disk_is_one_clear_message(tmp_path):
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    with store._reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"runs.sqlite cannot grow: the disk is full. Free some space, then resume"):
        store.create_experiment({"x": "x" * 100_000}, name="", labels=["a"], run_configs=[{}], environment={})
    assert store.experiments() == []
    store.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_deleted_or_replaced_while_in_use_is_noticed(tmp_path, replaced):
    store = RunStore(tmp_path / "runs.sqlite")
    # Renamed rather than deleted: a file made right after might get the same number.
    store.file.rename(tmp_path / "gone.sqlite")
    if replaced:
        sqlite3.connect(store.file).close()
        store.file.touch()
    for use in (store.experiments, lambda: store.write([Event("r", 0, "note")], None)):
        with pytest.raises(StoreError, match=r"runs.sqlite was deleted, moved or replaced.*Put it back"):
            use()
    store.close()


def test_a_damaged_store_is_one_clear_message(tmp_path):
    path = tmp_path / "runs.sqlite"
    RunStore(path).close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreError, match=r"runs.sqlite is damaged. Restore a copy"):
        RunStore(path)


def test_a_store_whose_header_was_overwritten_is_one_clear_message(tmp_path):
    path = tmp_path / "runs.sqlite"
    RunStore(path).close()
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])
    with pytest.raises(StoreError, match=r"runs.sqlite is not an SQLite database. Choose another"):
        RunStore(path)


def test_of_a_store_damaged_in_the_middle_the_rest_is_read(tmp_path):
    path = tmp_path / "runs.sqlite"
    store = RunStore(path)
    id = create(store)
    run = store.experiment(id).runs[0].id
    store.write([Event(run, 0, "note", {"text": "x" * 200_000})], None)
    with store._reading() as connection:
        page = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'events'").scalar()
    store.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)

    store = RunStore(path)
    assert store.experiment(id).name == "n"
    assert store.latest_step(run) == -1
    with pytest.raises(StoreError, match=r"runs.sqlite is damaged. Restore a copy"):
        store.events([run])
    store.close()
