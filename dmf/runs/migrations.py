"""Brings a store of an older version of this project to the present tables.

``MIGRATIONS[i]`` turns version i + 1 into version i + 2, in one transaction with the new version number. A function
that stands here is never edited, because stores that it already changed are out there.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    column,
    false,
    inspect,
    select,
    table,
    text,
    update,
)
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from dmf.errors import StoreError
from dmf.runs.engine import one_at_a_time
from dmf.runs.schema import meta, metadata

Migration: TypeAlias = Callable[[Connection], None]


def _queue_in_the_store(connection: Connection) -> None:
    """Experiments get a place in the queue; those of before stay in the order in which they were made."""
    place = CreateColumn(Column("place", Float(53), nullable=False, server_default="0"))
    connection.execute(text(f"ALTER TABLE experiments ADD COLUMN {place.compile(dialect=connection.dialect)}"))
    experiments = table("experiments", column("place"), column("created"))
    connection.execute(update(experiments).values(place=experiments.c.created))


def _runs_are_managed(connection: Connection) -> None:
    """Runs can be archived; in SQLite, the id of a picture that was deleted is never given to another one."""
    archived = CreateColumn(Column("archived", Boolean, nullable=False, server_default=false()))
    connection.execute(text(f"ALTER TABLE runs ADD COLUMN {archived.compile(dialect=connection.dialect)}"))
    if connection.dialect.name != "sqlite":  # where ids come from a sequence
        return
    columns = 'id, experiment, run, "case", epoch, step, kind, dice, png'
    for statement in (
        """CREATE TABLE new_samples (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            experiment VARCHAR NOT NULL REFERENCES experiments (id),
            run VARCHAR REFERENCES runs (id),
            "case" VARCHAR NOT NULL,
            epoch INTEGER NOT NULL,
            step INTEGER NOT NULL,
            kind VARCHAR NOT NULL,
            dice FLOAT,
            png BLOB NOT NULL
        )""",
        f"INSERT INTO new_samples ({columns}) SELECT {columns} FROM samples",
        "DROP TABLE samples",
        "ALTER TABLE new_samples RENAME TO samples",
        'CREATE INDEX samples_by_key ON samples (experiment, run, epoch, "case", kind)',
    ):
        connection.execute(text(statement))


def _owners_are_watched(connection: Connection) -> None:
    """Readers note which heartbeats stand still, and files are known by their hash; neither is known of before."""
    for name, added in (("runs", Column("silent", Float(53))), ("artifacts", Column("sha256", String))):
        described = CreateColumn(added).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {described}"))


def _scores_have_names(connection: Connection) -> None:
    """Cases have scores of any name beside their counts, and what a picture scored is no longer called Dice."""
    scores = CreateColumn(Column("scores", Text)).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE case_scores ADD COLUMN {scores}"))
    connection.execute(text("ALTER TABLE samples RENAME COLUMN dice TO score"))


def _studies_are_planned(connection: Connection) -> None:
    """Studies and their cells; a cell holds at most one experiment, and an experiment belongs to at most one cell."""
    tables = MetaData()
    Table("experiments", tables, Column("id", String, primary_key=True))  # only to be referred to
    studies = Table(
        "studies",
        tables,
        Column("name", String, primary_key=True),
        Column("plan", Text, nullable=False),
        Column("paused", Boolean, nullable=False, server_default=false()),
        Column("created", Float(53), nullable=False),
    )
    cells = Table(
        "study_cells",
        tables,
        Column("study", String, ForeignKey("studies.name"), primary_key=True),
        Column("key", String, primary_key=True),
        Column("position", Integer, nullable=False),
        Column("config", Text, nullable=False),
        Column("experiment", String, ForeignKey("experiments.id")),
        Index("study_cells_by_experiment", "experiment", unique=True),
    )
    for new_table in (studies, cells):
        connection.execute(CreateTable(new_table))
        for index in new_table.indexes:
            connection.execute(CreateIndex(index))


def _pictures_have_parts(connection: Connection) -> None:
    """A run may have several pictures of one kind of a case, each of a part that is named; before, there was one."""
    part = CreateColumn(Column("part", String, nullable=False, server_default=""))
    connection.execute(text(f"ALTER TABLE samples ADD COLUMN {part.compile(dialect=connection.dialect)}"))


def _images_have_tags(connection: Connection) -> None:
    """People say something of single images, whatever runs look at them."""
    columns = (
        Column("images", String, primary_key=True),
        Column("case", String, primary_key=True),
        Column("tags", Text, nullable=False),
        Column("changed", Float(53), nullable=False),
    )
    connection.execute(CreateTable(Table("case_tags", MetaData(), *columns)))


MIGRATIONS: tuple[Migration, ...] = (
    _queue_in_the_store,
    _runs_are_managed,
    _owners_are_watched,
    _scores_have_names,
    _studies_are_planned,
    _pictures_have_parts,
    _images_have_tags,
)


def schema_version(connection: Connection, where: str) -> int | None:
    """Version of the tables, None for an empty database. ``where`` names the store in messages.

    Raises:
        StoreError: If the database holds tables, but not those of a run store.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    value = None
    if meta.name in tables:
        value = connection.scalar(select(meta.c.value).where(meta.c.key == "schema_version"))
    if value is None:
        raise StoreError(f"{where} holds tables of something else, not a run store. Choose another with `--store`.")
    return int(value)


def migrate(connection: Connection, where: str, migrations: Sequence[Migration] | None = None) -> None:
    """Create the tables of an empty database, or run the migrations that it lacks. Call inside a write transaction.

    Raises:
        StoreError: If the store was written by a newer version of this project, or is no run store.
    """
    steps = MIGRATIONS if migrations is None else migrations
    newest = len(steps) + 1
    one_at_a_time(connection, "tables")
    version = schema_version(connection, where)
    if version is None:
        metadata.create_all(connection)
        connection.execute(meta.insert().values(key="schema_version", value=str(newest)))
        return
    _refuse_newer(version, newest, where)
    for step in steps[version - 1 :]:
        step(connection)
    connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=str(newest)))


def is_current(connection: Connection, where: str) -> bool:
    """Whether the store needs no migration; cheaper than ``migrate``, because it only reads.

    Raises:
        StoreError: If the store was written by a newer version of this project, or is no run store.
    """
    newest = len(MIGRATIONS) + 1
    version = schema_version(connection, where)
    if version is not None:
        _refuse_newer(version, newest, where)
    return version == newest


def _refuse_newer(version: int, newest: int, where: str) -> None:
    if version > newest:
        raise StoreError(
            f"The run store {where} has version {version}, this program knows versions up to {newest}. Update the "
            "program, or choose another store with `--store`."
        )
