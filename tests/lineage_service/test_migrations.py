"""Promise: the schema goes up and down, is what the code takes it for, and guards what is evidence."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from lineage_service.audit_log import LOG
from lineage_service.domain import Lineage
from lineage_service.repository import PostgresLineageStore
from lineage_service.tables import metadata
from services import migrations
from services.database import Database, UnitsOfWork
from tests.fixtures.postgres import Postgres, TestDatabase
from tests.lineage_service.builders import NOON, a_report, an_access, received

TABLES = {
    "lineage_records",
    "lineage_parts",
    "openlineage_pushes",
    "openlineage_receiver",
    "lineage_logs",
    "lineage_log_words",
    "lineage_accesses",
    "lineage_access_counts",
    "lineage_holds",
    "lineage_expiries",
    *LOG.tables[2:],
}


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[TestDatabase]:
    made = postgres.empty("lineage")
    yield made
    postgres.drop(made)


def tables(database: TestDatabase) -> set[str]:
    async def read() -> set[str]:
        connection = await asyncpg.connect(database.superuser_url)
        try:
            rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {row["tablename"] for row in rows}
        finally:
            await connection.close()

    return asyncio.run(read())


def test_the_schema_goes_up_down_and_up_again(empty: TestDatabase) -> None:
    migrations.upgrade("lineage_service", empty.owner_url)
    assert tables(empty) == TABLES | {"alembic_version"}
    migrations.downgrade("lineage_service", empty.owner_url, "base")
    assert tables(empty) == {"alembic_version"}
    migrations.upgrade("lineage_service", empty.owner_url)
    migrations.upgrade("lineage_service", empty.owner_url)
    assert tables(empty) == TABLES | {"alembic_version"}


async def test_the_tables_are_what_the_code_takes_them_for(lineage_database: TestDatabase) -> None:
    def differences(connection: Connection) -> list[Any]:
        def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
            # The log's tree comes from a library, which checks it for itself.
            return kind != "table" or name not in LOG.tables[2:]

        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(make_url(lineage_database.owner_url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.fixture
async def app(lineage_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the application, to a database that holds one lineage and one access to it."""
    database = Database(lineage_database.url, name="test")
    sent = a_report(b"one", b"two")
    async with received(sent) as payload, UnitsOfWork(database, PostgresLineageStore).write() as store:
        await store.add_if_absent(
            Lineage(sent.facts, payload.log_gzip_size, payload.inputs_gzip_sha256, NOON), payload
        )
        await store.note(an_access(sent))
    await database.close()
    connection = await asyncpg.connect(lineage_database.url)
    yield connection
    await connection.close()


async def test_the_application_cannot_alter_or_remove_what_is_recorded(app: asyncpg.Connection) -> None:
    elsewhere = {"lineage_access_counts", "lineage_holds", "lineage_expiries", *LOG.tables[2:]}
    # What is still to be told to others is a queue, and no record.
    elsewhere |= {"openlineage_pushes", "openlineage_receiver"}
    for table in TABLES - elsewhere:
        for statement in ("DELETE FROM", "TRUNCATE", "DROP TABLE", "ALTER TABLE {} DISABLE TRIGGER ALL --"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(f"{statement.format(table)} {table}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(f"UPDATE {table} SET lineage_id = lineage_id")
        assert await app.fetchval(f"SELECT count(*) FROM {table}") > 0


async def test_the_count_of_accesses_is_the_number_of_entries(app: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("DELETE FROM lineage_access_counts")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("UPDATE lineage_access_counts SET access_count = 7")
    assert await app.fetchval("SELECT access_count FROM lineage_access_counts") == 1


async def test_gzip_is_stored_as_it_is(app: asyncpg.Connection) -> None:
    rows = await app.fetch(
        "SELECT attrelid::regclass::text AS name, attstorage FROM pg_attribute"
        " WHERE attname = 'content' AND attrelid IN ('lineage_parts'::regclass, 'lineage_logs'::regclass)"
    )
    assert {(row["name"], row["attstorage"]) for row in rows} == {
        ("lineage_parts", b"e"),
        ("lineage_logs", b"e"),
    }


async def test_the_database_itself_refuses_bytes_without_their_digest(app: asyncpg.Connection) -> None:
    for table in ("lineage_parts", "lineage_logs"):
        add = f"INSERT INTO {table} SELECT lineage_id, 9, $1::bytea, sha256($2::bytea) FROM lineage_records"
        with pytest.raises(asyncpg.CheckViolationError, match=f"ck_{table}_sha256"):
            await app.execute(add, b"x", b"y")
        with pytest.raises(asyncpg.CheckViolationError, match=f"ck_{table}_content"):
            await app.execute(add, b"", b"")
        assert await app.execute(add, b"x", b"x") == "INSERT 0 1"


async def test_nothing_cascades_into_the_audit(app: asyncpg.Connection) -> None:
    rows = await app.fetch(
        "SELECT conrelid::regclass::text, confdeltype FROM pg_constraint WHERE contype = 'f'"
    )
    assert {(name, action) for name, action in rows} == {
        (f"lineage_{kind}", b"a") for kind in ("parts", "logs", "log_words", "expiries")
    }
