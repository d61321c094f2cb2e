"""Promise: a lead's entries tell what it was at every version, and whether one of them was touched."""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from lead_service.audit import Action, AuditEntry, replay
from lead_service.tables import LeadRow
from services import migrations
from services.database import Database
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import history, keep, live
from tests.lead_service.recomputed import verify
from tests.lead_service.shapes import IDS


async def test_values_can_be_erased_and_every_hash_stays_right(
    database: Database, lead_database: TestDatabase
) -> None:
    await keep(database, IDS[0])
    async with database.write() as session:
        await session.execute(update(LeadRow).values(email="bob@example.com"))
    before = await history(database, IDS[0])
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.execute("UPDATE lead_audit SET old_values = '{}', new_values = '{}', salts = '{}'")
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
    await asyncio.to_thread(migrations.downgrade, "lead_service", lead_database.owner_url, "0002")
    await keep(database, *IDS)
    await asyncio.to_thread(migrations.upgrade, "lead_service", lead_database.owner_url, "0003")
    for each in IDS:
        (entry,) = entries = await history(database, each)
        assert (entry.action, entry.user_id, entry.version) == (Action.BASELINE, "system:migrate", 1)
        assert verify(entries) == []
        assert replay(entries) == await live(database, each)


async def test_entries_of_before_and_after_another_function_wrote_them_are_one_chain(
    database: Database, lead_database: TestDatabase
) -> None:
    await asyncio.to_thread(migrations.downgrade, "lead_service", lead_database.owner_url, "0008")
    await keep(database, IDS[0])
    for version, name in enumerate(("A", "B", "C", "D"), 2):
        if name in ("B", "D"):
            await asyncio.to_thread(migrations.upgrade, "lead_service", lead_database.owner_url)
        if name == "C":
            await asyncio.to_thread(migrations.downgrade, "lead_service", lead_database.owner_url, "0010")
        async with database.write() as session:
            await session.execute(update(LeadRow).values(name=name, version=version))
    assert replay(await history(database, IDS[0])) == await live(database, IDS[0])
    async with database.write() as session:
        await session.execute(text("DELETE FROM leads"))
    entries = await history(database, IDS[0])
    assert [each.version for each in entries] == [1, 2, 3, 4, 5, 6]
    assert verify(entries) == []
    assert replay(entries) is None


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
