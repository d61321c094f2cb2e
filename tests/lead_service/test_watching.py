"""Promise: who watches leads learns of every change once, in one order, whatever breaks in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest
from sqlalchemy import insert, text, update

from lead_service import feed as feeding
from lead_service import watching
from lead_service.change_repository import PostgresChangeStore
from lead_service.changes import ChangeFilter, ChangePosition
from lead_service.facts import EnrichmentStatus
from lead_service.feed import CHANNEL, Feed
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from lead_service.tables import LeadRow
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.errors import Aborted, InvalidArgument, OutOfRange, ResourceExhausted
from services.identity import Actor, acting_as
from services.ids import uuid7
from services.notifications import Hints
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess

KIND = pb.LeadEvent.Kind
SERVICE = pb.DESCRIPTOR.services_by_name["LeadService"]
LISTENER = "test listener"

ADA = Actor("ada", frozenset({"operator"}))


@pytest.fixture
async def database(lead_database: TestDatabase) -> AsyncIterator[Database]:
    opened = Database(lead_database.url, name="test", pool_size=40)
    with acting_as(Actor("ada")):
        yield opened
    await opened.close()


@pytest.fixture
async def owner(lead_database: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(lead_database.superuser_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def feeding_from(database: Database, limit: int = 50) -> AsyncIterator[Feed]:
    """Run a feed with its listener, as a process does."""
    hints = Hints(database.url, CHANNEL, name=LISTENER)
    feed = Feed(UnitsOfWork(database, PostgresChangeStore), hints, limit=limit)
    stop = asyncio.Event()
    running = [asyncio.create_task(each(stop)) for each in (hints.listen, feed.run, feed.end)]
    try:
        await until(lambda: feed._position is not None)
        yield feed
    finally:
        stop.set()
        await asyncio.gather(*running)


@pytest.fixture
async def feed(database: Database) -> AsyncIterator[Feed]:
    async with feeding_from(database) as running:
        yield running


class Client:
    """A person at a real server."""

    def __init__(self, stub: lead_pb2_grpc.LeadServiceStub, metadata: list[tuple[str, str]]) -> None:
        self.stub = stub
        self.metadata = metadata

    def watch(self, **wanted: Any) -> Any:
        return self.stub.WatchLeads(pb.WatchLeadsRequest(**wanted), metadata=self.metadata)

    async def create(self, email: str, **values: Any) -> Any:
        request = pb.CreateLeadRequest(email=email, **values)
        return await self.stub.CreateLead(request, metadata=self.metadata)


@pytest.fixture
async def client(
    database: Database, feed: Feed, serve_in_process: ServeInProcess, issuer: Issuer
) -> AsyncIterator[Client]:
    stores = UnitsOfWork(database, PostgresLeadStore)
    servicer = LeadServicer(stores, utc_now, records(database), feed=feed)
    service = Service(SERVICE, lead_pb2_grpc.add_LeadServiceServicer_to_server, servicer)
    async with serve_in_process(service) as address, grpc.aio.insecure_channel(address) as channel:
        token = issuer.person("ada", "operator")
        yield Client(lead_pb2_grpc.LeadServiceStub(channel), [("authorization", f"Bearer {token}")])


async def news(call: Any, count: int) -> list[Any]:
    """Return the next events that are no heartbeats."""
    found: list[Any] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            event = await call.read()
            assert event is not grpc.aio.EOF
            if event.kind != KIND.HEARTBEAT:
                found.append(event)
    return found


async def began(call: Any) -> str:
    """Return the token of the first event."""
    first = await call.read()
    assert first.kind == KIND.HEARTBEAT
    assert not first.HasField("lead")
    return str(first.resume_token)


def lead_row(**changes: Any) -> dict[str, Any]:
    lead_id, now = uuid7(), utc_now()
    return {
        "id": lead_id,
        "email": f"{lead_id}@example.com",
        "domain": "example.com",
        "name": "",
        "is_manual": False,
        "enrichment_status": "PENDING",
        "enrichment_attempts": 0,
        "enrichment_error": "",
        "created_by": "ada",
        "created_at": now,
        "updated_at": now,
        **changes,
    }


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  (nobody there to set an event)
            await asyncio.sleep(0.01)


async def test_each_change_is_told_with_the_lead_as_it_is(client: Client) -> None:
    call = client.watch()
    await began(call)
    made = await client.create("ada@example.com")
    renamed = await client.stub.UpdateLead(
        pb.UpdateLeadRequest(id=made.id, lead=pb.Lead(name="Ada"), update_mask={"paths": ["name"]}),
        metadata=client.metadata,
    )
    (created, updated) = await news(call, 2)
    assert (created.kind, updated.kind, updated.lead) == (KIND.CREATED, KIND.UPDATED, renamed)
    gone = await client.stub.DeleteLead(pb.DeleteLeadRequest(id=made.id), metadata=client.metadata)
    (deleted,) = await news(call, 1)
    assert (deleted.kind, deleted.lead) == (KIND.DELETED, gone)
    back = await client.stub.UndeleteLead(pb.UndeleteLeadRequest(id=made.id), metadata=client.metadata)
    (undeleted,) = await news(call, 1)
    assert (undeleted.kind, undeleted.lead) == (KIND.UNDELETED, back)


async def test_what_was_removed_for_good_is_told_by_its_id(client: Client, owner: asyncpg.Connection) -> None:
    made = await client.create("ada@example.com")
    call = client.watch()
    await began(call)
    async with owner.transaction():
        context = '{"user_id": "root", "roles": [], "user_agent": "", "request_id": "", "method": ""}'
        await owner.execute("SELECT set_config('leadfactory.context', $1, true)", context)
        await owner.execute("DELETE FROM leads WHERE id = $1", made.id)
    (event,) = await news(call, 1)
    assert (event.kind, event.lead) == (KIND.DELETED, pb.Lead(id=made.id))


async def test_a_watch_resumed_anywhere_goes_on_with_the_next_change(client: Client) -> None:
    call = client.watch()
    tokens = [await began(call)]
    for number in range(6):
        await client.create(f"{number}@example.com")
    events = await news(call, 6)
    tokens += [event.resume_token for event in events]
    call.cancel()
    for place, token in enumerate(tokens[:-1]):
        again = client.watch(resume_token=token)
        assert await began(again) == token
        assert await news(again, 6 - place) == events[place:]
        again.cancel()


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


async def test_nothing_is_missed_or_told_twice_among_writers_and_broken_streams(
    client: Client, database: Database, owner: asyncpg.Connection
) -> None:
    ids = [lead_row() for _ in range(4)]
    async with database.write() as session:
        await session.execute(insert(LeadRow), ids)
    begin = client.watch()
    token = await began(begin)
    begin.cancel()

    async def write(number: int) -> None:
        for turn in range(12):
            async with database.write() as session:
                name = {"name": f"{number}/{turn}", "version": LeadRow.version + 1}
                chosen = ids[(number + turn) % len(ids)]["id"]
                await session.execute(update(LeadRow).where(LeadRow.id == chosen).values(**name))
                # Transactions overlap, and commit in another order than they began.
                await session.execute(text("SELECT pg_sleep(:s)"), {"s": number % 5 * 0.004})
                await session.execute(insert(LeadRow), [lead_row()])

    writing = asyncio.gather(*(write(number) for number in range(16)))
    told: list[str] = []
    wanted = 16 * 12 * 2
    async with asyncio.timeout(60):
        while len(told) < wanted:
            call = client.watch(resume_token=token)
            for _ in range(37):
                if len(told) == wanted:
                    break
                event = await call.read()
                if event.kind != KIND.HEARTBEAT:
                    told.append(event.resume_token)
                token = event.resume_token
            call.cancel()
    await writing
    entries = await owner.fetch(
        "SELECT transaction_id, id FROM lead_audit WHERE transaction_id >= $1 ORDER BY 1, 2",
        ChangePosition.parse(told[0]).transaction_id,
    )
    assert told == [str(ChangePosition(each["transaction_id"], each["id"])) for each in entries]


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


@pytest.mark.parametrize(
    ("wanted", "emails"),
    [
        ({"is_manual": True}, ["m@example.com"]),
        ({"domain": "EXAMPLE.org"}, ["o@example.org"]),
        ({"enrichment_status": pb.Lead.PENDING}, ["m@example.com", "o@example.org"]),
        ({"enrichment_status": pb.Lead.FAILED}, []),
        ({"ids": [str(uuid7())]}, []),
    ],
)
async def test_only_what_is_wanted_is_told(client: Client, wanted: dict[str, Any], emails: list[str]) -> None:
    call = client.watch(**wanted)
    token = await began(call)
    for email, is_manual in (("m@example.com", True), ("o@example.org", False)):
        await client.create(email, is_manual=is_manual)
    assert [event.lead.email for event in await news(call, len(emails))] == emails
    again = client.watch(resume_token=token, **wanted)
    assert [event.lead.email for event in await news(again, len(emails))] == emails


async def test_a_lead_that_leaves_what_is_wanted_is_told_once_more(
    client: Client, database: Database
) -> None:
    made = await client.create("ada@example.com")
    calls = [
        client.watch(enrichment_status=pb.Lead.EnrichmentStatus.Value(status))
        for status in (EnrichmentStatus.PENDING, EnrichmentStatus.IN_PROGRESS)
    ]
    for call in calls:
        await began(call)
    async with database.write() as session:
        await session.execute(update(LeadRow).values(enrichment_status="IN_PROGRESS", enrichment_attempts=1))
    for call in calls:
        (event,) = await news(call, 1)
        assert (event.lead.id, event.lead.enrichment_status) == (made.id, pb.Lead.IN_PROGRESS)


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


async def test_silence_is_broken_by_heartbeats_and_a_stream_ends_by_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(watching, "STREAM_SECONDS", 1.0)
    call = client.watch(ids=[str(uuid7())])
    first = await began(call)
    await client.create("ada@example.com")
    beats = []
    while (event := await call.read()) is not grpc.aio.EOF:
        beats.append(event)
    assert await call.code() is grpc.StatusCode.OK
    assert {event.kind for event in beats} == {KIND.HEARTBEAT}
    # What was not wanted need not be read again.
    assert ChangePosition.parse(beats[-1].resume_token) > ChangePosition.parse(first)


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


async def test_a_token_from_a_future_that_never_was_is_refused(client: Client) -> None:
    call = client.watch(resume_token=str(ChangePosition(2**40, uuid7())))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await news(call, 1)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE


@pytest.mark.parametrize(
    "token",
    ["x", "1", "1.2", "1." + "g" * 32, "0x1." + "0" * 32, "-1." + "0" * 32, "8" * 16 + "." + "0" * 32],
)
def test_a_garbled_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        ChangePosition.parse(token)


async def test_a_viewer_is_told_that_a_lead_was_deleted_and_nothing_of_it(
    client: Client, issuer: Issuer
) -> None:
    viewer = [("authorization", f"Bearer {issuer.person('vera', 'viewer')}")]
    watched = client.stub.WatchLeads(pb.WatchLeadsRequest(), metadata=viewer)
    beside = client.watch()
    token = await began(watched)
    await began(beside)
    lead = await client.create("ada@example.com", name="Ada")
    assert [each.lead.email for each in await news(watched, 1)] == [lead.email]
    gone = await client.stub.DeleteLead(pb.DeleteLeadRequest(id=lead.id), metadata=client.metadata)
    (told,) = await news(watched, 1)
    assert (told.kind, told.lead) == (KIND.DELETED, pb.Lead(id=lead.id))
    _, shown = await news(beside, 2)
    assert (shown.lead.email, shown.lead.delete_time) == (lead.email, gone.delete_time)
    # What it was before is not told afterwards, either.
    again = client.stub.WatchLeads(pb.WatchLeadsRequest(resume_token=token), metadata=viewer)
    assert [each.lead for each in await news(again, 2)] == [pb.Lead(id=lead.id)] * 2
    for call in (watched, beside, again):
        call.cancel()
