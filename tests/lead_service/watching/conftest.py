"""A feed of changes on PostgreSQL, and a person who watches it at a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import grpc
import pytest

from lead_service.change_repository import PostgresChangeStore
from lead_service.feed import CHANNEL, Feed
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
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
