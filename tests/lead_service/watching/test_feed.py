"""Promise: one feed tells every watcher in the order of the commits, and lets go of who cannot keep up."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import insert

from lead_service import feed as feeding
from lead_service import watching
from lead_service.change_repository import PostgresChangeStore
from lead_service.changes import ChangeFilter, ChangePosition
from lead_service.feed import CHANNEL, Feed
from lead_service.tables import LeadRow
from services.database import Database, UnitsOfWork
from services.errors import Aborted, InvalidArgument, OutOfRange, ResourceExhausted
from services.notifications import Hints
from tests.lead_service.watching.conftest import (
    ADA,
    LISTENER,
    Client,
    began,
    feeding_from,
    lead_row,
    news,
    until,
)


async def test_a_change_waits_for_those_that_began_before_it(database: Database) -> None:
    async def settled() -> list[UUID]:
        async with database.read() as session:
            page = await PostgresChangeStore(session).page(start, 10)
            assert page.is_last == (len(page.changes) == 2)
            return [change.lead_id for change in page.changes]

    async with database.read() as session:
        start = (await PostgresChangeStore(session).here()).position
    early, late = lead_row(), lead_row()
    async with AsyncExitStack() as slow:
        held = await slow.enter_async_context(database.write())
        await held.execute(insert(LeadRow), [early])
        async with database.write() as session:
            await session.execute(insert(LeadRow), [late])
        assert await settled() == []
    assert await settled() == [early["id"], late["id"]]


@pytest.mark.parametrize("hinted", [True, False])
async def test_a_lost_listener_costs_nothing(
    client: Client, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, hinted: bool
) -> None:
    # With hints alone it would wait for ever without the new connection; without them it reads anyway.
    monkeypatch.setattr(feeding, "IDLE_SECONDS", 600.0 if hinted else 0.1)
    call = client.watch()
    await began(call)
    await client.create("first@example.com")
    await news(call, 1)
    if not hinted:
        await owner.execute("ALTER TABLE leads DISABLE TRIGGER hint")
    killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    assert await owner.fetchval(killed, LISTENER)
    await client.create("second@example.com")
    (event,) = await news(call, 1)
    assert event.lead.email == "second@example.com"


async def test_who_reads_too_slowly_is_cut_off_and_resumes(database: Database, feed: Feed) -> None:
    rows = [lead_row() for _ in range(feeding.WAITING_LIMIT + 1)]
    with feed.watch(ChangeFilter()) as watcher:
        async with database.write() as session:
            await session.execute(insert(LeadRow), rows)
        await until(lambda: watcher._is_late)
        with pytest.raises(Aborted) as refused:
            await watcher.take(30)
    assert refused.value.reason == "WATCHER_TOO_SLOW"
    found = []
    async for told in watching.watch(feed, ChangeFilter(), watcher.since, ADA):
        if told.change is not None:
            found.append(told.change.lead_id)
        if len(found) == len(rows):
            break
    assert sorted(found) == sorted(row["id"] for row in rows)


async def test_a_client_that_leaves_leaves_no_watcher(client: Client, feed: Feed) -> None:
    call = client.watch()
    await began(call)
    await until(lambda: feed.watchers == 1)
    call.cancel()
    await until(lambda: feed.watchers == 0)


async def test_a_feed_that_ends_lets_everybody_go(database: Database) -> None:
    async def told(feed: Feed) -> list[watching.Told]:
        return [each async for each in watching.watch(feed, ChangeFilter(), None, ADA)]

    async with feeding_from(database) as feed:
        watch = asyncio.create_task(told(feed))
        await until(lambda: feed.watchers == 1)
    assert len(await watch) == 1


async def test_there_is_room_for_others(database: Database) -> None:
    async with feeding_from(database, limit=1) as feed:
        with feed.watch(ChangeFilter()), pytest.raises(ResourceExhausted) as refused:
            await anext(watching.watch(feed, ChangeFilter(), None, ADA))
    assert refused.value.reason == "TOO_MANY_WATCHERS"


async def test_a_database_that_was_restored_ends_every_watch(database: Database) -> None:
    hints = Hints(database.url, CHANNEL, name=LISTENER)
    feed = Feed(UnitsOfWork(database, PostgresChangeStore), hints, limit=1)
    feed._position = ChangePosition(2**40)
    with feed.watch(ChangeFilter()) as watcher:
        with pytest.raises(OutOfRange):
            await feed.run(asyncio.Event())
        assert watcher.is_over
    # The process runs it again, and it begins where the database is now.
    running = asyncio.create_task(feed.run(stop := asyncio.Event()))
    await until(lambda: feed._position is not None)
    assert feed.position < ChangePosition(2**40)
    stop.set()
    hints.hint()
    await running


@pytest.mark.parametrize(
    "token",
    ["x", "1", "1.2", "1." + "g" * 32, "0x1." + "0" * 32, "-1." + "0" * 32, "8" * 16 + "." + "0" * 32],
)
def test_a_garbled_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        ChangePosition.parse(token)
