"""Promise: leads are watched, merged and taken apart over REST, through the gateway to PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from lead_service import watching
from lead_service.change_repository import PostgresChangeStore
from lead_service.feed import CHANNEL, Feed
from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.notifications import Hints
from services.server import Service
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess


@pytest.fixture
async def api(
    lead_database: TestDatabase, serve_in_process: ServeInProcess, through_gateway: ThroughGateway
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(lead_database.url, name="test")
    hints = Hints(lead_database.url, CHANNEL, name="test")
    feed = Feed(UnitsOfWork(database, PostgresChangeStore), hints, limit=10)
    service = Service(
        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        LeadServicer(UnitsOfWork(database, PostgresLeadStore), utc_now, records(database), feed=feed),
    )
    stop = asyncio.Event()
    loops = [asyncio.create_task(each(stop)) for each in (hints.listen, feed.run, feed.end)]
    # A watch is refused before changes have been read once.
    while feed._position is None:  # noqa: ASYNC110  (nobody there to set an event)
        await asyncio.sleep(0.01)
    async with serve_in_process(service) as address, through_gateway(address, "operator") as client:
        yield client
    stop.set()
    await asyncio.gather(*loops)
    await database.close()


async def made(api: httpx.AsyncClient, email: str = "ada@example.com", **values: Any) -> dict[str, Any]:
    reply = await api.post("/api/leads", json={"email": email, **values})
    assert reply.status_code == 200, reply.text
    lead: dict[str, Any] = reply.json()
    return lead


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each event's id and data."""
    found = (
        dict(line.split(": ", 1) for line in event.splitlines()) for event in text.split("\n\n") if event
    )
    return [(each["id"], json.loads(each["data"])) for each in found]


async def test_a_watch_is_server_sent_events_that_go_on_where_they_stopped(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This client has no socket and sees an answer as a whole, so each watch has to come to an end.
    monkeypatch.setattr(watching, "STREAM_SECONDS", 0.5)
    watch, accept = "/api/leads:watch", {"accept": "text/event-stream"}
    begun = await api.get(watch, headers=accept)
    assert begun.headers["content-type"] == "text/event-stream"
    assert {data["kind"] for _, data in events(begun.text)} == {"HEARTBEAT"}
    last = events(begun.text)[-1][0]
    lead = await made(api)
    await api.patch(f"/api/leads/{lead['id']}", json={"name": "Ada"})
    for resumed in (
        await api.get(watch, headers={**accept, "last-event-id": last}),
        await api.get(f"{watch}?resume_token={last}", headers=accept),
    ):
        told = [data for _, data in events(resumed.text) if data["kind"] != "HEARTBEAT"]
        assert [each["kind"] for each in told] == ["CREATED", "UPDATED"]
        assert told[-1]["lead"] == (await api.get(f"/api/leads/{lead['id']}")).json()
    rest = events(
        (await api.get(watch, headers={**accept, "last-event-id": events(resumed.text)[-1][0]})).text
    )
    assert {data["kind"] for _, data in rest} == {"HEARTBEAT"}
    for token in ("nonsense", "7fffffffffffffff." + "0" * 32):
        refused = await api.get(watch, headers={"last-event-id": token})
        assert refused.status_code == 400


async def test_two_leads_are_merged_and_taken_apart(
    api: httpx.AsyncClient, lead_database: TestDatabase
) -> None:
    mine = await made(api, name="Ada")
    theirs = await made(api, "grace@example.org", name="Grace", is_manual=True)
    path, other = (f"/api/leads/{each['id']}" for each in (mine, theirs))
    wanted = {
        "other_id": theirs["id"],
        "email": "THEIRS",
        "is_manual": "THEIRS",
        "other_etag": theirs["etag"],
    }
    late = await api.post(f"{path}:merge", json=wanted, headers={"if-match": theirs["etag"]})
    assert (late.status_code, (await api.get(path)).json()) == (412, mine)
    sent = {"json": wanted, "headers": {"if-match": mine["etag"], "idempotency-key": "once-and-again"}}
    merged = await api.post(f"{path}:merge", **sent)
    assert merged.status_code == 200, merged.text
    assert [merged.json()[name] for name in ("email", "domain", "name", "is_manual")] == [
        *("grace@example.org", "example.com", "Ada", True)
    ]
    assert (await api.post(f"{path}:merge", **sent)).json() == merged.json()
    gone = (await api.get(other)).json()
    assert (gone["merged_into"], gone["email"]) == (mine["id"], theirs["email"])
    assert gone["delete_time"]
    assert [each["id"] for each in (await api.get("/api/leads")).json()["leads"]] == [mine["id"]]
    for refused, reason in (
        (await api.post(f"{other}:undelete", json={}), "LEAD_MERGED"),
        (await api.post(f"{path}:merge", json={"other_id": theirs["id"]}), "LEAD_MERGED"),
        (await api.post(f"{path}:unmerge", json={}), "NOT_MERGED"),
    ):
        assert (refused.status_code, refused.json()["error"]["details"][0]["reason"]) == (400, reason)
    back = await api.post(f"{other}:unmerge", json={})
    assert back.status_code == 200, back.text
    volatile = ("etag", "updated_at")
    for before, now in ((theirs, back.json()), (mine, (await api.get(path)).json())):
        assert {key: each for key, each in now.items() if key not in volatile} == {
            key: each for key, each in before.items() if key not in volatile
        }
    # Both histories are kept, each in the audit of its lead.
    connection = await asyncpg.connect(lead_database.superuser_url)
    for lead, actions in ((mine, ["CREATE", "UPDATE", "UPDATE"]), (theirs, ["CREATE", "DELETE", "UNDELETE"])):
        entries = await connection.fetch(
            "SELECT action, method FROM lead_audit WHERE lead_id = $1 AND version > 0 ORDER BY version",
            lead["id"],
        )
        assert [each["action"] for each in entries] == actions
        assert [each["method"].rpartition("/")[2] for each in entries] == [
            *("CreateLead", "MergeLead", "UnmergeLead")
        ]
    await connection.close()
