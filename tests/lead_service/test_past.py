"""Promise: a lead as of a moment is exactly what it was then, whatever wrote it, and what its audit tells."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import replay
from lead_service.audit_repository import PostgresAuditStore
from lead_service.past import row_as_of
from lead_service.tables import LeadRow
from services.database import Database, driver_connection
from services.identity import Actor, acting_as
from services.ids import uuid7
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import columns

NAMES = [column.name for column in LeadRow.__table__.columns]
TICK = timedelta(microseconds=1)
Row = dict[str, Any] | None


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    """The database as its owner, who may write in every way."""
    opened = Database(lead_database.owner_url, name="test")
    with acting_as(Actor("ada")):
        yield opened
    await opened.close()


def values(row: LeadRow | None) -> Row:
    return None if row is None else {name: getattr(row, name) for name in NAMES}


async def now_and_then(database: Database, lead_id: UUID) -> tuple[datetime, Row]:
    """What the database's clock says, and what the lead is."""
    async with database.read() as session:
        moment = await session.scalar(select(func.clock_timestamp()))
        row = await session.scalar(select(LeadRow).where(LeadRow.id == lead_id))
    assert moment is not None
    return moment, values(row)


async def as_of(database: Database, lead_id: UUID, moment: datetime) -> Row:
    async with database.read() as session:
        return values(await row_as_of(session, lead_id, moment))


async def orm(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    row = await session.get(LeadRow, lead_id, populate_existing=True)
    if row is None:
        session.add(LeadRow(**columns(lead_id, **new)))
    else:
        for name, value in new.items():
            setattr(row, name, value)


async def core(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    await session.execute(update(LeadRow).where(LeadRow.id == lead_id).values(**new))


async def on_conflict(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    statement = upsert(LeadRow).values(columns(lead_id, **new))
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=new))


async def merge(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    (name, value), *rest = new.items()
    await session.execute(
        text(
            f"MERGE INTO leads USING (SELECT CAST(:id AS uuid) AS id) AS wanted ON leads.id = wanted.id"
            f" WHEN MATCHED THEN UPDATE SET {name} = :value"
        ),
        {"id": lead_id, "value": value},
    )
    if rest:
        await core(session, lead_id, dict(rest))


async def in_a_query(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    assignments = ", ".join(f"{name} = :{name}" for name in new)
    await session.execute(
        text(
            f"WITH written AS (UPDATE leads SET {assignments} WHERE id = :id RETURNING id)"
            " SELECT count(*) FROM written"
        ),
        {"id": lead_id, **new},
    )


async def again(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    """Deletes the row and copies another one with its id, in one transaction."""
    await session.execute(delete(LeadRow).where(LeadRow.id == lead_id))
    row = columns(lead_id, **new)
    driver = await driver_connection(session)
    await driver.copy_records_to_table("leads", columns=list(row), records=[tuple(row.values())])


async def gone(session: AsyncSession, lead_id: UUID, new: dict[str, Any]) -> None:
    await session.execute(delete(LeadRow).where(LeadRow.id == lead_id))


TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8)
MOMENT = st.datetimes(timezones=st.just(UTC))
NEW = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXT,
        "domain": st.sampled_from(["a.example", "b.example"]),
        "is_manual": st.booleans(),
        "enrichment_job_id": st.none() | st.integers(-(2**63), 2**63 - 1),
        "enriched_at": st.none() | MOMENT,
        "deleted_at": st.none() | MOMENT,
        "version": st.integers(1, 3),
        "updated_at": MOMENT,
    },
).filter(bool)
WRITE = st.tuples(st.sampled_from([orm, core, on_conflict, merge, in_a_query, again, gone]), NEW)


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(transactions=st.lists(st.lists(WRITE, min_size=1, max_size=3), min_size=1, max_size=6))
async def test_a_lead_as_of_any_moment_is_what_it_was_then(
    database: Database,
    transactions: list[list[tuple[Callable[[AsyncSession, UUID, dict[str, Any]], Awaitable[None]], Any]]],
) -> None:
    lead_id = uuid7()
    seen = [await now_and_then(database, lead_id)]
    for writes in transactions:
        async with database.write() as session:
            for write, new in writes:
                await write(session, lead_id, new)
                await session.flush()
        seen.append(await now_and_then(database, lead_id))
    for moment, row in seen:
        assert await as_of(database, lead_id, moment) == row
    async with database.read() as session:
        history = await PostgresAuditStore(session).history(lead_id)
    for number, entry in enumerate(history):
        for moment, known in ((entry.created_at, number + 1), (entry.created_at - TICK, number)):
            row, replayed = await as_of(database, lead_id, moment), replay(history[:known])
            assert (row and {name for name in row if row[name] is not None}) == (replayed and replayed.keys())
            assert (row and row["version"]) == (replayed and replayed["version"])
            assert (row and row["name"]) == (replayed and replayed["name"])


async def test_an_erased_lead_is_not_there_at_any_moment(
    database: Database, lead_database: TestDatabase
) -> None:
    lead_id = uuid7()
    async with database.write() as session:
        await orm(session, lead_id, {"name": "Ada", "domain": "a.example"})
    moment, _ = await now_and_then(database, lead_id)
    owner = await asyncpg.connect(lead_database.owner_url)
    await owner.execute("UPDATE lead_audit SET old_values = '{}', new_values = '{}', salts = '{}'")
    await owner.close()
    assert await as_of(database, lead_id, moment) is None
