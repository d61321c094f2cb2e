"""Promise: the schema goes up and down, is what the code believes, and lets the application do no more."""

import asyncio

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from lead_service.tables import Base
from services import migrations
from tests.fixtures.postgres import Postgres, TestDatabase


def test_migrations_go_up_and_leave_nothing_when_they_go_down(postgres: Postgres) -> None:
    database = postgres.empty("lead")
    migrations.upgrade("lead_service", database.owner_url)
    migrations.upgrade("lead_service", database.owner_url)
    migrations.downgrade("lead_service", database.owner_url, "base")
    migrations.upgrade("lead_service", database.owner_url)
    postgres.drop(database)


DOUBLED = """
INSERT INTO leads
SELECT gen_random_uuid(), email, domain, n::text, true, 'PENDING', NULL, 0, '', NULL, 'ada',
    now() + n * interval '1 s', now()
FROM (
    VALUES (1, 'ada@a.example', 'a.example'), (2, 'Ada@a.example', 'a.example'),
        (3, 'ada@a.example', 'b.example')
) AS known (n, email, domain)
"""


def test_of_leads_that_stand_twice_the_first_stays_and_the_others_are_deleted(postgres: Postgres) -> None:
    async def living() -> list[str]:
        connection = await asyncpg.connect(database.superuser_url)
        rows = await connection.fetch("SELECT name FROM leads WHERE deleted_at IS NULL ORDER BY name")
        await connection.close()
        return [row["name"] for row in rows]

    database = postgres.empty("lead")
    migrations.upgrade("lead_service", database.owner_url)
    migrations.downgrade("lead_service", database.owner_url, "0001")
    postgres.execute(DOUBLED, database=database.name)
    migrations.upgrade("lead_service", database.owner_url)
    assert asyncio.run(living()) == ["1", "3"]
    postgres.drop(database)


# What the queue and the evidence install of their own, and the code of this context does not speak of.
ANOTHERS = (
    "pgqueuer", "evidence_", "lead_audit_tree", "lead_audit_checkpoints", "lead_erasures",
    "ix_lead_audit_transaction_id_id",
)  # fmt: skip


async def test_the_tables_are_what_the_code_believes(lead_database: TestDatabase) -> None:
    def differences(connection: Connection) -> list[object]:
        def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
            return kind not in ("table", "index") or not (name or "").startswith(ANOTHERS)

        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        return compare_metadata(context, Base.metadata)

    engine = create_async_engine(make_url(lead_database.owner_url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM leads",
        "TRUNCATE leads CASCADE",
        "UPDATE lead_facts SET values = '{}'",
        "DROP TABLE lead_facts",
        "ALTER TABLE leads ADD COLUMN x int",
        "CREATE TABLE x (y int)",
    ],
)
async def test_the_application_may_not_do_what_it_never_does(
    lead_database: TestDatabase, statement: str
) -> None:
    connection = await asyncpg.connect(lead_database.url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()
