"""Promise: the schema goes up and down, is what the code believes, and lets the application do no more."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from lead_service.audit_log import LOG
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


AS_ADA = json.dumps({"user_id": "ada", "roles": [], "user_agent": "", "request_id": "", "method": ""})


COLUMNS = (
    "id, email, domain, name, is_manual, enrichment_status, enrichment_attempts, enrichment_error,"
    " created_by, created_at, updated_at"
)


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[TestDatabase]:
    database = postgres.empty("lead")
    yield database
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


# Address, domain, deleted; in the order of creation.
SHARED = [
    ("ada@x.example", "shop.example.co.uk", False),
    ("ADA@x.example", "example.co.uk", False),
    ("ada@x.example", "www.example.co.uk", False),
    ("ada@x.example", "www.example.org", False),
    ("ada@x.example", "shop.example.org", False),
    ("ada@x.example", "old.example.org", True),
    ("bob@x.example", "www.example.org", False),
    ("bob@x.example", "example.com", False),
]


async def test_leads_that_share_a_registrable_domain_all_live_on_and_no_new_one_joins_them(
    empty_database: TestDatabase,
) -> None:
    url = empty_database.owner_url
    await asyncio.to_thread(migrations.upgrade, "lead_service", url, "0003")
    connection = await asyncpg.connect(empty_database.superuser_url)
    await connection.fetchval("SELECT set_config('leadfactory.context', $1, false)", AS_ADA)
    for number, (email, domain, deleted) in enumerate(SHARED):
        await connection.execute(
            f"INSERT INTO leads ({COLUMNS}, deleted_at) VALUES (gen_random_uuid(), $1, $2, '', true,"
            " 'PENDING', 0, '', 'ada', now() + $3 * interval '1 s', now(), $4)",
            *(email, domain, number, datetime.now(UTC) if deleted else None),
        )
    await asyncio.to_thread(migrations.upgrade, "lead_service", url)
    rows = await connection.fetch(
        "SELECT registrable_domain, deleted_at IS NULL AS living, version FROM leads ORDER BY created_at"
    )
    assert [(row["registrable_domain"], row["living"]) for row in rows] == [
        # The domain itself is among them, so the rule knows that one.
        (None, True),
        (None, True),
        (None, True),
        # It is not, so the rule knows the oldest.
        ("example.org", True),
        (None, True),
        ("example.org", False),
        ("example.org", True),
        (None, True),
    ]
    changed = await connection.fetch(
        "SELECT changed_fields, old_values, new_values FROM lead_audit WHERE user_id = 'system:migrate'"
    )
    assert [row["changed_fields"] for row in changed] == [["registrable_domain"]] * 3
    for taken in ("example.co.uk", "example.org"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                f"INSERT INTO leads ({COLUMNS}, registrable_domain)"
                " SELECT gen_random_uuid(), email, 'new.' || $1, '', true, 'PENDING', 0, '', 'ada', now(),"
                " now(), $1 FROM leads LIMIT 1",
                taken,
            )
    # A lead that was spared can be written as long as its address and its domain stay.
    await connection.execute("UPDATE leads SET name = 'Ada'")
    await connection.close()
    await asyncio.to_thread(migrations.downgrade, "lead_service", url, "0003")


async def test_a_registrable_domain_that_is_not_the_domain_s_is_refused(lead_database: TestDatabase) -> None:
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.fetchval("SELECT set_config('leadfactory.context', $1, false)", AS_ADA)
    for wrong in ("example.org", "xample.com", "www.example.com", "com.", ""):
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                f"INSERT INTO leads ({COLUMNS}, registrable_domain) VALUES (gen_random_uuid(),"
                " 'ada@example.com', 'www.example.com', '', true, 'PENDING', 0, '', 'ada', now(), now(), $1)",
                wrong,
            )
    await connection.close()


async def test_the_tables_are_what_the_code_believes(lead_database: TestDatabase) -> None:
    def differences(connection: Connection) -> list[object]:
        def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
            # The queue and the log's tree come from libraries, which check them for themselves.
            apart = name in LOG.tables[2:] or (name or "").startswith("pgqueuer")
            return kind != "table" or not apart

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
