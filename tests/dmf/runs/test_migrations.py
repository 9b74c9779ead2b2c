import pytest
from sqlalchemy import inspect, select, text

from dmf.errors import StoreError
from dmf.runs import RunStore, migrations, schema


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
