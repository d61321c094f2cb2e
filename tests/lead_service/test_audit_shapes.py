"""Promise: a change of a lead is in the audit exactly once, by whichever way it is written."""

from datetime import timedelta
from ipaddress import ip_address

import asyncpg
import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from lead_service.audit import Action, replay
from lead_service.tables import LeadRow
from services.database import Database, driver_connection
from tests.fixtures.postgres import TestDatabase
from tests.lead_service.audited import ADA, CALL, NOW, columns, facts_of, history, keep, live
from tests.lead_service.recomputed import verify
from tests.lead_service.shapes import BY_HAND, IDS, Write


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


@pytest.mark.parametrize("write", [add_object, copy, written_insert])
async def test_without_an_actor_nothing_is_written(lead_database: TestDatabase, write: Write) -> None:
    database = Database(lead_database.owner_url, name="test")
    with pytest.raises((ProgrammingError, asyncpg.InsufficientPrivilegeError), match="nobody to account"):
        async with database.write() as session:
            await write(session)
    assert await live(database, IDS[0]) is None
    await database.close()


async def test_what_is_rolled_back_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            await bulk_insert(session)
            raise ZeroDivisionError
    assert await history(database, IDS[0]) == []
