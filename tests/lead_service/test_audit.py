"""Promise: whoever changes a lead is in the audit, and what is in there stays."""

from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import ProgrammingError

from lead_service.audit import Action, replay
from lead_service.tables import LeadRow
from services.database import Database
from services.identity import Actor, acting_as
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import ADA, CONTEXT, NOW, history, keep, live
from tests.lead_service.recomputed import verify
from tests.lead_service.shapes import IDS


@pytest.mark.parametrize(
    "statement",
    ["UPDATE leads SET name = name", "UPDATE leads SET updated_at = now()", "DELETE FROM leads WHERE false"],
)
async def test_what_changes_nothing_writes_nothing(database: Database, statement: str) -> None:
    await keep(database, IDS[0])
    before = await live(database, IDS[0])
    async with database.write() as session:
        await session.execute(text(statement))
    assert len(await history(database, IDS[0])) == 1
    assert await live(database, IDS[0]) == before


async def test_what_belongs_to_a_lead_and_stands_elsewhere_moves_its_version(database: Database) -> None:
    await keep(database, IDS[0])
    async with database.write() as session:
        await session.execute(update(LeadRow).values(version=2, updated_at=NOW + timedelta(1)))
    entries = await history(database, IDS[0])
    assert (entries[1].action, entries[1].user_id, entries[1].changed_fields) == (Action.UPDATE, "ada", ())
    assert (entries[1].old_values, entries[1].new_values) == ({}, {})
    assert verify(entries) == []
    assert replay(entries) == await live(database, IDS[0])


async def test_an_actor_does_not_outlive_its_transaction(lead_database: TestDatabase) -> None:
    database = Database(lead_database.owner_url, name="test", pool_size=1)
    with acting_as(ADA):
        await keep(database, IDS[0])
        async with database.write() as session:
            await session.connection()  # One that never sends BEGIN.
    async with database.read() as session:
        assert not await session.scalar(text("SELECT current_setting('leadfactory.context', true)"))
    with pytest.raises(ProgrammingError, match="nobody to account"):
        await keep(database, IDS[1])
    await database.close()


async def test_hostile_texts_of_an_actor_are_kept_as_text(database: Database) -> None:
    agent = "'); DROP TABLE leads; --\\'\x1b[31m\u202e\r\n" + "x" * 600
    with acting_as(Actor("a\0da\ud800'", ip="not an address", user_agent=agent)):
        await keep(database, IDS[0])
    (entry,) = await history(database, IDS[0])
    assert (entry.user_id, entry.ip_address, entry.user_agent) == ("ada'", None, agent[:512])
    assert verify([entry]) == []


async def test_an_enrichment_is_the_askers_by_the_worker(database: Database) -> None:
    await keep(database, IDS[0])
    with acting_as(Actor("bob", workload="lead-worker")):
        async with database.write() as session:
            await session.execute(
                update(LeadRow).values(enrichment_status="IN_PROGRESS", enrichment_attempts=1)
            )
    entry = (await history(database, IDS[0]))[-1]
    assert (entry.user_id, entry.workload) == ("bob", "lead-worker")
    assert entry.new_values == {"enrichment_status": "IN_PROGRESS", "enrichment_attempts": 1}


async def test_a_column_of_tomorrow_is_seen_and_tells_deletion(
    database: Database, lead_database: TestDatabase
) -> None:
    async with database.write() as session:
        await session.execute(text("ALTER TABLE leads ADD COLUMN IF NOT EXISTS deleted_at timestamptz"))
    await keep(database, IDS[0])
    for moment in ("now()", "NULL"):
        async with database.write() as session:
            await session.execute(text(f"UPDATE leads SET deleted_at = {moment}"))
    entries = await history(database, IDS[0])
    assert [each.action for each in entries] == [Action.CREATE, Action.DELETE, Action.UNDELETE]
    assert entries[1].changed_fields == ("deleted_at",)
    assert replay(entries) == await live(database, IDS[0])


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO lead_audit (id) SELECT id FROM lead_audit",
        "UPDATE lead_audit SET user_id = 'eve'",
        "DELETE FROM lead_audit",
        "TRUNCATE lead_audit",
        "TRUNCATE leads CASCADE",
        "ALTER TABLE leads DISABLE TRIGGER audit",
        "DROP TRIGGER audit ON leads",
        "SET session_replication_role = replica",
        "SELECT lead_audit_append(NULL, true, 'CREATE', 'OK', '', '{}', '{}')",
    ],
)
async def test_the_application_only_reads_the_audit(
    database: Database, lead_database: TestDatabase, statement: str
) -> None:
    await keep(database, IDS[0])
    connection = await asyncpg.connect(lead_database.url)
    assert await connection.fetchval("SELECT count(*) FROM lead_audit") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await connection.execute("SELECT lead_audit_call(NULL, 'CREATE', 'OK', '')")
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lead_audit SET user_id = 'eve'",
        'UPDATE lead_audit SET new_values = new_values || \'{"name": "Eve"}\'',
        "DELETE FROM lead_audit",
        "TRUNCATE lead_audit",
        "TRUNCATE leads CASCADE",
        "SET session_replication_role = replica; DELETE FROM lead_audit",
        "UPDATE leads SET id = gen_random_uuid()",
    ],
)
async def test_not_even_a_superuser_rewrites_it_in_passing(
    database: Database, lead_database: TestDatabase, statement: str
) -> None:
    await keep(database, IDS[0])
    connection = await asyncpg.connect(lead_database.superuser_url)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
        await connection.execute(statement)
    await connection.close()


async def test_a_session_that_claims_to_be_a_replica_is_audited_all_the_same(
    database: Database, lead_database: TestDatabase
) -> None:
    await keep(database, IDS[0])
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.execute(
        f"SET session_replication_role = replica; SET leadfactory.context = '{CONTEXT}';"
        "UPDATE leads SET name = 'Ada'"
    )
    await connection.close()
    entries = await history(database, IDS[0])
    assert (entries[-1].user_id, entries[-1].new_values) == ("root", {"name": "Ada"})
    assert replay(entries) == await live(database, IDS[0])
