"""Promise: what goes to the driver by itself is part of its unit of work, and takes no connection more."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Boolean, Select, Text, bindparam, func, select, table, text

from services.database import Database, fetch
from tests.fixtures.postgres import Postgres, TestDatabase

THINGS: Select[tuple[int]] = select(func.count()).select_from(table("thing"))
IS_READ_ONLY = select(func.current_setting("transaction_read_only").label("setting"))
SLOWLY = select(func.pg_sleep(bindparam("seconds")))


@pytest.fixture
def things(postgres: Postgres) -> TestDatabase:
    made = postgres.empty("lead")
    postgres.execute(
        "CREATE TABLE thing (id int PRIMARY KEY)", "GRANT ALL ON thing TO lead_app", database=made.name
    )
    return made


@pytest.fixture
async def one_connection(things: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(things.url, name="test", pool_size=1)
    yield opened
    await opened.close()


async def test_it_is_read_only_in_a_reading_and_sees_what_a_writing_has_written(
    one_connection: Database,
) -> None:
    async with one_connection.read() as session:
        assert (await fetch(session, IS_READ_ONLY, {}))[0]["setting"] == "on"
    async with one_connection.write() as session:
        await session.execute(text("INSERT INTO thing VALUES (1)"))
        assert (await fetch(session, THINGS, {}))[0][0] == 1
        assert (await fetch(session, IS_READ_ONLY, {}))[0]["setting"] == "off"


async def test_it_takes_no_connection_beside_the_sessions(one_connection: Database) -> None:
    async with one_connection.read() as session:
        for _ in range(2):
            assert (await fetch(session, THINGS, {}))[0][0] == 0
            assert await session.scalar(THINGS) == 0
    # Nor does it keep one.
    assert await asyncio.gather(*(_count(one_connection) for _ in range(5))) == [0] * 5


async def test_values_and_constants_find_their_places(one_connection: Database) -> None:
    statement = select(
        (bindparam("flag", type_=Boolean) == True).label("flag"),  # noqa: E712  (SQL's)
        func.concat(bindparam("word", type_=Text), "!", bindparam("word", type_=Text)).label("said"),
    )
    async with one_connection.read() as session:
        (row,) = await fetch(session, statement, {"word": "ada", "flag": True})
        assert (row["flag"], row["said"]) == (True, "ada!ada")
        with pytest.raises(KeyError):
            await fetch(session, statement, {"word": "ada"})


async def test_a_connection_that_the_server_has_closed_is_replaced(
    one_connection: Database, postgres: Postgres
) -> None:
    assert await _count(one_connection) == 0
    await asyncio.to_thread(
        postgres.execute,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'",
    )
    # The driver has to have heard of it.
    await asyncio.sleep(0.2)
    assert await _count(one_connection) == 0


async def test_one_that_is_cancelled_gives_its_connection_back(one_connection: Database) -> None:
    async def slowly() -> None:
        async with one_connection.read() as session:
            await fetch(session, SLOWLY, {"seconds": 60.0})

    waiting = asyncio.create_task(slowly())
    await asyncio.sleep(0.3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await _count(one_connection) == 0


async def _count(database: Database) -> int:
    async with database.read() as session:
        return int((await fetch(session, THINGS, {}))[0][0])
