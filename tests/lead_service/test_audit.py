"""Promise: whatever changes a lead, and by whichever way, is in the audit exactly once, and stays there."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import Action, AuditEntry, parse, replay, verify
from lead_service.audit_repository import PostgresAuditStore
from lead_service.tables import LeadRow
from services.database import Database, driver_connection
from services.identity import Actor, Call, acting_as, serving
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.shapes import BY_HAND, IDS, Write

NOW = datetime(2026, 11, 21, 9, 30, 0, 120000, tzinfo=UTC)
ADA = Actor("ada", frozenset({"operator", "admin"}), None, "2001:db8::1%eth0", "it's \"Ada's\" \\ browser; é")
CALL = Call("leadfactory.lead.v1.LeadService/CreateLead", "request-1")
CONTEXT = json.dumps({"user_id": "root", "roles": [], "user_agent": "", "request_id": "", "method": ""})


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as its owner, who may write in every way; the application may in fewer."""
    opened = Database(lead_database.owner_url, name="test", pool_size=40)
    with acting_as(ADA), serving(CALL):
        yield opened
    await opened.close()


def columns(lead_id: UUID, **changes: Any) -> dict[str, Any]:
    return {
        "id": lead_id,
        "email": f"{lead_id}@example.com",
        "domain": "example.com",
        "name": "",
        "is_manual": False,
        "enrichment_status": "PENDING",
        "enrichment_job_id": None,
        "enrichment_attempts": 0,
        "enrichment_error": "",
        "enriched_at": None,
        "created_by": "ada",
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }


async def keep(database: Database, *lead_ids: UUID) -> None:
    async with database.write() as session:
        await session.execute(insert(LeadRow), [columns(each) for each in lead_ids])


async def history(database: Database, lead_id: UUID) -> list[AuditEntry]:
    async with database.read() as session:
        return await PostgresAuditStore(session).history(lead_id)


async def live(database: Database, lead_id: UUID) -> dict[str, Any] | None:
    async with database.read() as session:
        row = await session.scalar(
            text("SELECT to_jsonb(leads)::text FROM leads WHERE id = :id"), {"id": lead_id}
        )
    return None if row is None else parse(row)


def facts_of(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """What of a row is not bookkeeping."""
    return row and {name: value for name, value in row.items() if name not in ("version", "updated_at")}


async def add_object(session: AsyncSession) -> None:
    session.add_all(LeadRow(**columns(each)) for each in IDS)
    await session.flush()


async def bulk_insert(session: AsyncSession) -> None:
    await session.execute(insert(LeadRow), [columns(each) for each in IDS])


async def copy(session: AsyncSession) -> None:
    driver = await driver_connection(session)
    await driver.copy_records_to_table(
        "leads", columns=list(columns(IDS[0])), records=[tuple(columns(each).values()) for each in IDS]
    )


async def written_insert(session: AsyncSession) -> None:
    for each in IDS:
        await session.execute(
            text(
                "INSERT INTO leads VALUES (:id, :email, 'example.com', '', false, 'PENDING', NULL,"
                " 0, '', NULL, 'ada', now(), now())"
            ),
            {"id": each, "email": f"{each}@example.com"},
        )


async def change_object(session: AsyncSession) -> None:
    for each in IDS:
        row = await session.get_one(LeadRow, each)
        row.name = "Ada"


async def bulk_update(session: AsyncSession) -> None:
    await session.execute(update(LeadRow).values(name="Ada", updated_at=NOW + timedelta(1)))


async def on_conflict(session: AsyncSession) -> None:
    statement = upsert(LeadRow).values([columns(each, name="Ada") for each in IDS])
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": "Ada"}))


async def written_update(session: AsyncSession) -> None:
    await session.execute(text("UPDATE leads SET name = 'Ada'"))


async def merge_statement(session: AsyncSession) -> None:
    await session.execute(
        text(
            "MERGE INTO leads USING (VALUES ('Ada')) v(name) ON true"
            " WHEN MATCHED THEN UPDATE SET name = v.name"
        )
    )


async def core_delete(session: AsyncSession) -> None:
    await session.execute(delete(LeadRow))


async def delete_object(session: AsyncSession) -> None:
    for each in IDS:
        await session.delete(await session.get_one(LeadRow, each))


async def bulk_update_by_key(session: AsyncSession) -> None:
    await session.execute(update(LeadRow), [{"id": each, "name": "Ada"} for each in IDS])


@pytest.mark.parametrize(
    ("action", "write"),
    [
        (Action.CREATE, add_object),
        (Action.CREATE, bulk_insert),
        (Action.CREATE, copy),
        (Action.CREATE, written_insert),
        (Action.UPDATE, change_object),
        (Action.UPDATE, bulk_update),
        (Action.UPDATE, on_conflict),
        (Action.UPDATE, written_update),
        (Action.UPDATE, merge_statement),
        (Action.UPDATE, bulk_update_by_key),
        (Action.DELETE, core_delete),
        (Action.DELETE, delete_object),
        *(
            pytest.param(action, write, id=f"{action}-by hand, {name}")
            for action, writes in BY_HAND.items()
            for name, write in writes.items()
        ),
    ],
)
async def test_every_way_to_write_makes_one_entry_a_lead(
    database: Database, action: Action, write: Write
) -> None:
    if action is not Action.CREATE:
        await keep(database, *IDS)
    before = [await live(database, each) for each in IDS]
    async with database.write() as session:
        await write(session)
    for lead_id, old in zip(IDS, before, strict=True):
        entries = await history(database, lead_id)
        entry = entries[-1]
        assert [each.action for each in entries] == ([] if action is Action.CREATE else [Action.CREATE]) + [
            action
        ]
        assert [each.version for each in entries] == list(range(1, len(entries) + 1))
        now = await live(database, lead_id)
        if action is Action.UPDATE:
            assert (entry.old_values, entry.new_values) == ({"name": ""}, {"name": "Ada"})
        else:
            assert (entry.old_values or None, entry.new_values or None) == (facts_of(old), facts_of(now))
        assert (entry.lead_id, entry.user_id, entry.roles) == (lead_id, "ada", ("admin", "operator"))
        assert entry.ip_address == ip_address("2001:db8::1")
        assert (entry.user_agent, entry.workload) == (ADA.user_agent, None)
        assert (entry.request_id, entry.method) == (CALL.request_id, CALL.method)
        assert (entry.code, entry.reason) == ("OK", "")
        assert verify(entries) == []
        assert replay(entries) == now


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


@pytest.mark.parametrize("write", [add_object, copy, written_insert])
async def test_without_an_actor_nothing_is_written(lead_database: TestDatabase, write: Write) -> None:
    database = Database(lead_database.owner_url, name="test")
    with pytest.raises((ProgrammingError, asyncpg.InsufficientPrivilegeError), match="nobody to account"):
        async with database.write() as session:
            await write(session)
    assert await live(database, IDS[0]) is None
    await database.close()


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


async def test_what_is_rolled_back_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            await bulk_insert(session)
            raise ZeroDivisionError
    assert await history(database, IDS[0]) == []


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
        "INSERT INTO lead_audit SELECT * FROM lead_audit",
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


async def test_values_can_be_erased_and_every_hash_stays_right(
    database: Database, lead_database: TestDatabase
) -> None:
    await keep(database, IDS[0])
    async with database.write() as session:
        await session.execute(update(LeadRow).values(email="bob@example.com"))
    before = await history(database, IDS[0])
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.execute(
        "UPDATE lead_audit SET old_values = old_values - 'email', new_values = new_values - 'email',"
        " salts = salts #- '{old,email}' #- '{new,email}'"
    )
    await connection.close()
    entries = await history(database, IDS[0])
    assert verify(entries) == []
    assert [each.entry_hash for each in entries] == [each.entry_hash for each in before]
    assert b"bob@example.com" not in b"".join(each.canonical for each in entries)
    assert "email" not in (replay(entries) or {})


async def test_versions_have_no_gap_under_many_writers(database: Database) -> None:
    leads = [uuid7() for _ in range(4)]
    await keep(database, *leads)

    async def write(number: int) -> None:
        for turn in range(5):
            async with database.write() as session:
                chosen = leads[(number + turn) % len(leads)]
                await session.execute(
                    update(LeadRow).where(LeadRow.id == chosen).values(name=f"{number}/{turn}")
                )

    await asyncio.gather(*(write(number) for number in range(32)))
    for each in leads:
        entries = await history(database, each)
        assert [entry.version for entry in entries] == list(range(1, 42))
        assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)
        assert verify(entries) == []
        assert replay(entries) == await live(database, each)


async def test_a_lead_older_than_the_audit_begins_with_what_it_was(
    database: Database, lead_database: TestDatabase
) -> None:
    from services import migrations

    await asyncio.to_thread(migrations.downgrade, "lead_service", lead_database.owner_url, "0002")
    await keep(database, *IDS)
    await asyncio.to_thread(migrations.upgrade, "lead_service", lead_database.owner_url, "0003")
    for each in IDS:
        (entry,) = entries = await history(database, each)
        assert (entry.action, entry.user_id, entry.version) == (Action.BASELINE, "system:migrate", 1)
        assert verify(entries) == []
        assert replay(entries) == await live(database, each)


CHANGES: dict[str, Callable[[AuditEntry], dict[str, Any]]] = {
    "user": lambda entry: {"user_id": "eve"},
    "roles": lambda entry: {"roles": ()},
    "address": lambda entry: {"ip_address": None},
    "time": lambda entry: {"created_at": entry.created_at + timedelta(microseconds=1)},
    "action": lambda entry: {"action": Action.UNDELETE},
    "lead": lambda entry: {"lead_id": uuid7()},
    "field": lambda entry: {"changed_fields": (*entry.changed_fields, "x")},
    "value": lambda entry: {"new_values": {**entry.new_values, "name": "Eve"}},
    "value without salt": lambda entry: {"salts": {}},
    "salt without value": lambda entry: {"new_values": {}},
    "new value": lambda entry: {"old_values": {"domain": "x"}},
    "bookkeeping": lambda entry: {"bookkeeping": {**entry.bookkeeping, "version": 9}},
    "hash": lambda entry: {"entry_hash": bytes(32)},
    "chain": lambda entry: {"previous_hash": bytes(32)},
    "bytes": lambda entry: {"canonical": entry.canonical[:-1]},
    "other bytes": lambda entry: {"canonical": entry.canonical.replace(b'"ada"', b'"eve"')},
}


@pytest.fixture
async def chain(database: Database) -> list[AuditEntry]:
    await keep(database, IDS[0])
    for name in ("A", "B", "C"):
        async with database.write() as session:
            await session.execute(update(LeadRow).values(name=name))
    return await history(database, IDS[0])


async def test_every_damage_is_found_and_named(chain: list[AuditEntry]) -> None:
    for name, change in CHANGES.items():
        for index in (1, 2, 3):
            damaged = [*chain]
            damaged[index] = dataclasses.replace(chain[index], **change(chain[index]))
            found = verify(damaged)
            assert chain[index].id in {each.entry_id for each in found}, name
    for index in (0, 1, 2):
        found = verify(chain[:index] + chain[index + 1 :])
        assert [(each.version, each.what) for each in found] == [(index + 1, "is missing")]
    assert verify([*chain, chain[1]])
    assert verify(chain[::-1]) == []


TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
VALUES = {
    "name": TEXT,
    "enrichment_job_id": st.none() | st.integers(-(2**63), 2**63 - 1),
    "enriched_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    "is_manual": st.booleans(),
    "score": st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    "about": st.none() | st.dictionaries(TEXT, st.none() | NUMBER | st.lists(st.integers() | TEXT)),
    "delete": st.none(),
}
STEPS = st.lists(
    st.one_of(*(st.tuples(st.just(name), values) for name, values in VALUES.items())), max_size=8
)


@pytest.fixture
async def columns_of_tomorrow(lead_database: TestDatabase) -> None:
    owner = await asyncpg.connect(lead_database.owner_url)
    await owner.execute("ALTER TABLE leads ADD COLUMN score numeric, ADD COLUMN about jsonb")
    await owner.close()


# More than a thousand transactions: on a machine that is busy elsewhere they take their time.
@pytest.mark.timeout(900)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
@pytest.mark.usefixtures("columns_of_tomorrow")
async def test_replaying_the_audit_gives_the_live_lead_at_every_step(
    database: Database, steps: list[tuple[str, Any]]
) -> None:
    lead_id = uuid7()
    await keep(database, lead_id)
    states = [await live(database, lead_id)]
    for column, value in steps:
        if column != "delete":
            value = json.dumps(value) if column == "about" and value is not None else value
            cast = {"about": "jsonb", "score": "numeric"}.get(column)
            bound = f"CAST(:value AS {cast})" if cast else ":value"
            statement = f"UPDATE leads SET {column} = {bound} WHERE id = :id"
        else:
            statement = "DELETE FROM leads WHERE id = :id"
        async with database.write() as session:
            arguments = {"id": lead_id} | ({} if column == "delete" else {"value": value})
            await session.execute(text(statement), arguments)
        if (state := await live(database, lead_id)) != states[-1]:
            states.append(state)
        if state is None:
            await keep(database, lead_id)
            states.append(await live(database, lead_id))
    entries = await history(database, lead_id)
    assert [replay(entries[: number + 1]) for number in range(len(entries))] == states
    assert verify(entries) == []
