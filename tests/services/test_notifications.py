"""Promise: who waits for hints is woken by each, whatever happens to the connection that listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.notifications import Hints
from tests.fixtures.postgres import TestDatabase

NAME = "test listener"
FOREVER = 60.0


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Hints]:
    hints, stop = Hints(url, "news", name=NAME), asyncio.Event()
    running = asyncio.create_task(hints.listen(stop))
    # A connection that is made is a hint: nobody listened before.
    async with asyncio.timeout(FOREVER):
        await hints.wait(FOREVER)
    yield hints
    stop.set()
    await running


async def test_a_notification_is_a_hint_and_many_are_one(lead_database: TestDatabase) -> None:
    other = await asyncpg.connect(lead_database.superuser_url)
    async with listening(lead_database.url) as hints, asyncio.timeout(FOREVER / 2):
        await other.execute("NOTIFY news")
        await hints.wait(FOREVER)
        for _ in range(3):
            hints.hint()
        await hints.wait(FOREVER)
        await hints.wait(0.01)
    await other.close()


async def test_a_lost_connection_is_made_again_and_hints_at_what_was_missed(
    lead_database: TestDatabase,
) -> None:
    other = await asyncpg.connect(lead_database.superuser_url)
    async with listening(lead_database.url) as hints, asyncio.timeout(FOREVER / 2):
        for _ in range(2):
            killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
            assert await other.fetchval(killed, NAME)
            await hints.wait(FOREVER)
            await other.execute("NOTIFY news")
            await hints.wait(FOREVER)
    await other.close()


async def test_who_cannot_listen_stops_when_told(lead_database: TestDatabase) -> None:
    hints, stop = Hints(lead_database.url + "x", "news", name=NAME), asyncio.Event()
    running = asyncio.create_task(hints.listen(stop))
    await hints.wait(0.3)
    stop.set()
    async with asyncio.timeout(FOREVER / 2):
        await running
