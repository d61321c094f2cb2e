"""Promise: whatever happens amid an import or its undo, its state says how far it came, and it can go on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from lead_service import importing, reading
from lead_service.domain import LeadFilter, Order, OrderKey, Position
from lead_service.import_repository import PostgresImportStore
from lead_service.import_upkeep import ImportUpkeep
from lead_service.imports import Existing, LeadImport, Options, State
from lead_service.lists import page_of_rows
from lead_service.repository import PostgresLeadStore
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument
from services.identity import Actor, acting_as
from services.ids import uuid7
from services.plans import Explained
from tests.fixtures.postgres import TestDatabase

ADA = Actor("ada", frozenset({"operator"}))
Stores = UnitsOfWork[PostgresImportStore]


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(lead_database.url, name="test")
    yield opened
    await opened.close()


@pytest.fixture
def stores(database: Database) -> Stores:
    return UnitsOfWork(database, PostgresImportStore)


@pytest.fixture(autouse=True)
def ada() -> Iterator[None]:
    with acting_as(ADA):
        yield


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten rows, so that a few dozen are many."""
    monkeypatch.setattr(reading, "BATCH_ROWS", 10)


async def pieces(*given: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for each in given:
        yield each
    if then is not None:
        raise then


def file_of(count: int, name: str = "N") -> bytes:
    return b"email,name\n" + "".join(f"p{n}@a.example,{name}\n" for n in range(count)).encode()


async def bring(stores: Stores, content: bytes, **options: Any) -> LeadImport:
    return await importing.bring_in(stores, Options(**options), pieces(content), utc_now)


async def names(database: Database) -> dict[str, str]:
    async with database.read() as session:
        rows = await session.execute(text("SELECT email, name FROM leads WHERE deleted_at IS NULL"))
        return dict(rows.all())  # type: ignore[arg-type]


async def get(stores: Stores, import_id: UUID) -> LeadImport:
    async with stores.read() as store:
        return await store.get(import_id)


class Killed(BaseException):
    """What nobody catches."""


def failing_batch(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
    """Let the batch of that number break after its leads are written and before it is committed."""
    inner, seen = PostgresImportStore.write, iter(range(1, 1000))

    async def write(self: PostgresImportStore, *arguments: Any) -> LeadImport:
        written = await inner(self, *arguments)
        if next(seen) == at:
            raise error
        return written

    monkeypatch.setattr(PostgresImportStore, "write", write)


async def test_a_batch_is_written_as_a_whole_or_not_at_all(
    stores: Stores, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        failing_batch(patched, 3, RuntimeError("broken"))
        with pytest.raises(RuntimeError):
            await bring(stores, file_of(45), request_id="r")
    async with stores.read() as store:
        failed = await store.find("ada", "r")
    assert failed is not None
    assert (failed.state, failed.counts.created, failed.last_row) == (State.FAILED, 20, 21)
    assert len(await names(database)) == 20
    done = await bring(stores, file_of(45), request_id="r")
    assert (done.id, done.state, done.counts.created) == (failed.id, State.COMPLETED, 45)
    assert len(await names(database)) == 45


async def test_what_a_killed_server_read_is_ended_and_can_go_on(
    stores: Stores, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> None:
        raise RuntimeError("there is nobody left to say so")

    with monkeypatch.context() as patched:
        failing_batch(patched, 3, Killed())
        patched.setattr(importing, "_end", nothing)
        with pytest.raises(RuntimeError):
            await bring(stores, file_of(45), request_id="r")
    async with stores.read() as store:
        left = await store.find("ada", "r")
    assert left is not None
    assert left.state is State.RUNNING
    await ImportUpkeep(stores, utc_now).once()
    assert (await get(stores, left.id)).state is State.RUNNING
    await ImportUpkeep(stores, lambda: utc_now() + timedelta(minutes=3)).once()
    ended = await get(stores, left.id)
    assert (ended.state, ended.counts.created) == (State.FAILED, 20)
    assert "server" in ended.error
    assert (await bring(stores, file_of(45), request_id="r")).counts.created == 45


async def test_a_file_that_breaks_off_is_never_taken_for_a_whole(stores: Stores) -> None:
    with pytest.raises(ConnectionError):
        await importing.bring_in(
            stores, Options(request_id="r"), pieces(file_of(5), then=ConnectionError()), utc_now
        )
    cancelled = asyncio.create_task(
        importing.bring_in(stores, Options(), pieces(file_of(4500), then=asyncio.CancelledError()), utc_now)
    )
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    async with stores.read() as store:
        (failed,) = await store.page("ada", 9, None)
    assert (failed.state, failed.error) == (State.FAILED, "The sender went away.")


async def test_a_file_that_stalls_is_given_up(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IDLE_SECONDS", 0.05)

    async def stalling() -> AsyncIterator[bytes]:
        yield file_of(4000)
        await asyncio.sleep(30)

    with pytest.raises(DeadlineExceeded) as refused:
        await importing.bring_in(stores, Options(), stalling(), utc_now)
    failed = await get(stores, UUID(refused.value.metadata["import"]))
    assert failed.state is State.FAILED
    assert 0 < failed.counts.created < 4000


async def test_a_file_that_comes_slowly_shows_signs_of_life(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BEAT_SECONDS", 0.0)
    seen: list[int] = []

    async def slow() -> AsyncIterator[bytes]:
        yield b"email\n"
        for n in range(5):
            yield f"p{n}@a.example\n".encode()
            async with stores.read() as store:
                seen.extend(each.counts.rows for each in await store.page("ada", 1, None))

    done = await importing.bring_in(stores, Options(), slow(), utc_now)
    assert done.counts.created == 5
    assert seen
    assert seen[-1] > 0


async def test_a_second_call_under_the_same_name_takes_the_import_up_and_the_first_one_ends(
    stores: Stores, database: Database
) -> None:
    content = file_of(4000)
    first_waits, go_on = asyncio.Event(), asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield content[:70_000]
        first_waits.set()
        await go_on.wait()
        yield content[70_000:]

    first = asyncio.create_task(importing.bring_in(stores, Options(request_id="r"), halting(), utc_now))
    await first_waits.wait()
    async with asyncio.timeout(120):
        while True:
            async with stores.read() as store:
                under_way = await store.find("ada", "r")
            if under_way is not None and under_way.counts.rows:
                break
    second = await bring(stores, content, request_id="r")
    go_on.set()
    with pytest.raises(FailedPrecondition, match="taken this import up"):
        await first
    assert (second.state, second.counts.created) == (State.COMPLETED, 4000)
    assert (await get(stores, second.id)).state is State.COMPLETED
    assert len(await names(database)) == 4000


async def test_two_files_with_the_same_leads_make_each_of_them_once(
    stores: Stores, database: Database
) -> None:
    content = file_of(60)
    both = await asyncio.gather(bring(stores, content), bring(stores, content))
    assert sum(each.counts.created for each in both) == 60
    assert [each.counts.rows for each in both] == [60, 60]
    assert len(await names(database)) == 60


async def test_two_files_that_rename_the_same_leads_do_not_stop_each_other(
    stores: Stores, database: Database
) -> None:
    await bring(stores, file_of(60))
    forward = file_of(60, "A").splitlines(keepends=True)
    backward = [forward[0], *reversed(file_of(60, "B").splitlines(keepends=True)[1:])]
    await asyncio.gather(
        *(bring(stores, b"".join(lines), existing=Existing.UPDATE) for lines in (forward, backward))
    )
    assert set((await names(database)).values()) <= {"A", "B"}


async def test_an_undo_that_breaks_is_carried_on_with_by_the_worker(
    stores: Stores, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_UNDO_ROWS", 10)
    done = await bring(stores, file_of(45))
    begun = await importing.undo(stores, done.id, utc_now, seconds=0)
    assert begun.state is State.UNDOING
    async with stores.write() as store:
        await store.undo_some(done.id, 10, utc_now())
    await ImportUpkeep(stores, utc_now).once()
    assert (await get(stores, done.id)).undone == 10
    await ImportUpkeep(stores, lambda: utc_now() + timedelta(seconds=20)).once()
    undone = await get(stores, done.id)
    assert (undone.state, undone.undone, undone.conflicts, undone.undone_by) == (State.UNDONE, 45, 0, "ada")
    assert await names(database) == {}
    async with database.read() as session:
        who = await session.execute(
            text("SELECT DISTINCT user_id, workload FROM lead_audit WHERE action = 'DELETE'")
        )
        assert {tuple(each) for each in who} == {("ada", None), ("ada", "lead-worker")}


async def test_an_undo_of_a_failed_import_takes_back_what_was_written(
    stores: Stores, database: Database
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await bring(stores, file_of(4500) + b'"open')
    failed = UUID(refused.value.metadata["import"])
    written = len(await names(database))
    undone = await importing.undo(stores, failed, utc_now, seconds=30)
    assert (undone.state, undone.undone) == (State.UNDONE, written)
    assert await names(database) == {}


async def test_an_undo_follows_a_look_up_and_not_an_edit(stores: Stores, database: Database) -> None:
    done = await bring(stores, file_of(2))
    async with database.write() as session:
        await session.execute(
            text(
                "UPDATE leads SET enrichment_attempts = 1, enrichment_status = 'COMPLETED', version = 2"
                " WHERE email = 'p0@a.example'"
            )
        )
        # Changed and changed back is changed.
        for name in ("x", "N"):
            await session.execute(
                text("UPDATE leads SET name = :name WHERE email = 'p1@a.example'"), {"name": name}
            )
    undone = await importing.undo(stores, done.id, utc_now, seconds=30)
    assert (undone.undone, undone.conflicts) == (1, 1)
    assert await names(database) == {"p1@a.example": "N"}


async def test_what_nobody_needs_any_more_is_forgotten(stores: Stores, database: Database) -> None:
    await bring(stores, file_of(25) + b"nobody,\n", dry_run=True)
    done = await bring(stores, file_of(5) + b"nobody,\n")

    async def left() -> list[int]:
        async with database.read() as session:
            counted = [
                await session.scalar(text(f"SELECT count(*) FROM {table}"))
                for table in ("lead_import_rows", "lead_import_errors")
            ]
        return [int(each or 0) for each in counted]

    assert await left() == [30, 2]
    await ImportUpkeep(stores, utc_now).once()
    assert await left() == [5, 2]
    await ImportUpkeep(stores, lambda: utc_now() + timedelta(days=31)).once()
    assert await left() == [5, 0]
    async with database.read() as session:
        salts = await session.scalars(text("SELECT salt FROM lead_imports"))
        assert salts.all() == [None, None]
    assert (await importing.undo(stores, done.id, utc_now, seconds=30)).undone == 5


async def test_the_leads_of_an_import_are_found_by_index_at_any_depth(
    lead_database: TestDatabase, database: Database
) -> None:
    import_id = uuid7()
    connection = await asyncpg.connect(lead_database.superuser_url)
    await connection.execute("ALTER TABLE leads DISABLE TRIGGER audit")
    await connection.execute(
        "INSERT INTO leads SELECT gen_random_uuid(), 'p' || n || '@a.example', 'a.example', '', false,"
        " 'PENDING', NULL, 0, '', NULL, 'ada', now() - n * interval '1 s', now(), 1, NULL,"
        " CASE WHEN n % 50 = 0 THEN $1::uuid END FROM generate_series(1, 30000) AS n",
        import_id,
    )
    await connection.execute("ANALYZE leads")
    await connection.close()
    wanted = LeadFilter(import_id=import_id)
    deep = Position(utc_now() - timedelta(seconds=20_000), uuid7())
    for after in (None, deep):
        async with database.read() as session:
            statement, values = page_of_rows(wanted, 50, after, Order(OrderKey.CREATED_AT))
            plan = str(await session.scalar(Explained(statement), values))
        assert "ix_leads_import_id_created_at_id" in plan
        assert "Seq Scan" not in plan
    async with database.read() as session:
        found = await PostgresLeadStore(session).page(wanted, 200, None)
    assert found.total_estimate == 600
    assert {lead.import_id for lead in found.leads} == {import_id}
