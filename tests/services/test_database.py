"""Promise: only the edge commits, reading cannot write, and no driver's words reach a caller."""

import asyncio
import traceback

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services import errors, identity
from services.database import Database, driver_connection
from tests.fixtures.postgres import Postgres, TestDatabase


@pytest.fixture
def empty(postgres: Postgres) -> TestDatabase:
    made = postgres.empty("lead")
    postgres.execute(
        "CREATE TABLE thing (id int PRIMARY KEY, name text)",
        "GRANT ALL ON thing TO lead_app",
        database=made.name,
    )
    return made


@pytest.fixture
async def database(empty: TestDatabase):
    opened = Database(empty.url, name="test", pool_size=3)
    yield opened
    await opened.close()


async def count(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(text("SELECT count(*) FROM thing")) or 0)


async def test_a_write_that_ends_well_is_kept(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("INSERT INTO thing VALUES (1, 'one')"))
    assert await count(database) == 1


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as session:
            await session.execute(text("INSERT INTO thing VALUES (1, 'one')"))
            raise ZeroDivisionError
    assert await count(database) == 0


async def test_a_write_that_is_cancelled_leaves_nothing_and_gives_its_connection_back(
    database: Database,
) -> None:
    async def write() -> None:
        async with database.write() as session:
            await session.execute(text("INSERT INTO thing VALUES (1, 'one')"))
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(write()) for _ in range(3)]
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await count(database) == 0


async def test_an_error_that_may_be_logged_holds_no_value(database: Database) -> None:
    # Put together here: a traceback shows the lines of this file too.
    secret = "hunter" + str(2)
    with pytest.raises(DBAPIError) as caught:
        async with database.write() as session:
            await session.execute(text("INSERT INTO thing (name) VALUES (:name)"), {"name": secret})
    assert secret not in "".join(traceback.format_exception(caught.value))


async def test_after_a_reader_the_same_connection_can_write(empty: TestDatabase) -> None:
    database = Database(empty.url, name="test", pool_size=1)
    for number in range(2):
        assert await count(database) == number
        async with database.write() as session:
            await session.execute(text("INSERT INTO thing VALUES (:id, 'x')"), {"id": number})
    await database.close()


async def test_a_reader_cannot_write(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="read-only"):
            async with database.read() as session:
                await session.execute(text("INSERT INTO thing VALUES (1, 'one')"))
        # Nor on a connection that was used to write, and that is what it is used for again.
        async with database.write() as session:
            await session.execute(text("DELETE FROM thing"))
    assert await count(database) == 0


async def test_a_pool_without_a_free_connection_says_try_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write() as first, database.write() as second, database.write() as third:
        for session in (first, second, third):
            await session.execute(text("SELECT 1"))
        with pytest.raises(errors.Unavailable) as caught:
            await count(database)
    assert caught.value.retry_after


async def test_a_nul_that_came_so_far_is_an_invalid_argument(database: Database) -> None:
    with pytest.raises(errors.InvalidArgument):
        async with database.write() as session:
            await session.execute(text("INSERT INTO thing VALUES (1, :name)"), {"name": "a\0b"})


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", name="test")
    with pytest.raises(errors.Unavailable):
        await nowhere.check()
    await nowhere.close()


async def test_a_connection_that_the_server_ended_is_unavailable_once_and_then_heals(
    database: Database, empty: TestDatabase
) -> None:
    superuser = await asyncpg.connect(empty.superuser_url)
    with pytest.raises(errors.Unavailable):
        async with database.write() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            await superuser.execute("SELECT pg_terminate_backend($1)", pid)
            await session.execute(text("SELECT 1"))
    await superuser.close()
    assert await count(database) == 0


async def test_two_that_lock_each_other_are_told_to_retry(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("INSERT INTO thing VALUES (1, 'one'), (2, 'two')"))

    async def swap(first: int, second: int) -> None:
        async with database.write() as session:
            for number in (first, second):
                await session.execute(text("UPDATE thing SET name = 'x' WHERE id = :id"), {"id": number})
                await asyncio.sleep(0.2)

    outcomes = await asyncio.gather(swap(1, 2), swap(2, 1), return_exceptions=True)
    assert [type(each) for each in outcomes if each is not None] == [errors.Aborted]


async def test_a_write_knows_who_acts_and_a_reading_does_not(database: Database) -> None:
    asked = text("SELECT nullif(current_setting('leadfactory.context', true), '')::jsonb")
    actor = identity.Actor("o'ada", frozenset({"b", "a"}), "report-worker", "203.0.113.7", "lynx")
    with identity.acting_as(actor), identity.serving(identity.Call("x.Y/Z", "request-1")):
        async with database.write() as session:
            assert await session.scalar(asked) == {
                "user_id": "o'ada",
                "roles": ["a", "b"],
                "workload": "report-worker",
                "ip_address": "203.0.113.7",
                "user_agent": "lynx",
                "request_id": "request-1",
                "method": "x.Y/Z",
            }
        async with database.write() as session:
            driver = await driver_connection(session)
            assert await driver.fetchval("SELECT current_setting('leadfactory.context')") != ""
        async with database.read() as session:
            assert await session.scalar(asked) is None
    async with database.write() as session:
        assert await session.scalar(asked) is None
