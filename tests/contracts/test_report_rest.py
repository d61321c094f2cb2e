"""Promise: the REST interface of reports, from HTTP through the gateway to PostgreSQL and back."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import httpx
import pytest

from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service import generation, payload
from report_service.batch_repository import PostgresBatchStore
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer
from report_service.redaction import Redaction
from report_service.servicer import Limits, ReportServicer
from report_service.session import ReportSession
from services import identity, jobs
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.gateway import ThroughGateway
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.report_service import stubs

GONE = UUID(int=7)


@dataclass
class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Knows every lead but one, and lists 450 of them."""

    ids: list[str] = field(default_factory=lambda: [str(uuid7()) for _ in range(450)])
    asked: list[tuple[str, lead_pb2.ListLeadsRequest]] = field(default_factory=list)

    async def GetLead(self, request: Any, context: Any) -> Any:
        if request.id == str(GONE):
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no lead.")
        return stubs.a_lead(request.id)

    async def ListLeads(self, request: Any, context: Any) -> Any:
        self.asked.append((identity.current_actor().subject, request))
        start = int(request.page_token or 0)
        found = [each for each in self.ids if request.q in each][start : start + request.page_size]
        end = start + len(found)
        return lead_pb2.ListLeadsResponse(
            leads=[lead_pb2.Lead(id=each, domain="example.com") for each in found],
            next_page_token=str(end) if found and not request.q and end < len(self.ids) else "",
        )


@dataclass
class House:
    """The gateway over a report service on PostgreSQL."""

    client: httpx.AsyncClient
    leads: Leads
    workshop: generation.Workshop

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body or {}, headers=headers)

    async def order(self) -> dict[str, Any]:
        reply = await self.post("/api/reports", {"lead_id": str(uuid7())})
        assert reply.status_code == 200, reply.text
        report: dict[str, Any] = reply.json()
        return report

    async def make(self, report_id: str) -> None:
        await generation.generate(self.workshop, jobs.Job("1", report_id.encode(), 0))


@pytest.fixture
async def house(
    report_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    through_gateway: ThroughGateway,
) -> AsyncIterator[House]:
    database = Database(report_database.url, name="test", session_class=ReportSession)
    stores, objects, leads = UnitsOfWork(database, PostgresBatchStore), stubs.Objects(), Leads()
    async with AsyncExitStack() as stack:
        service = Service(
            lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
            lead_pb2_grpc.add_LeadServiceServicer_to_server,
            leads,
        )
        channel = open_channel(
            await stack.enter_async_context(serve_in_process(service)),
            ServiceSettings(**issuer.settings("report")),
        )
        stack.push_async_callback(channel.close)
        servicer = ReportServicer(
            stores,
            UnitsOfWork(database, PostgresOutboxStore),
            LeadPeer(channel),
            objects,
            stubs.Lineages(),
            redaction=Redaction(),
            limits=Limits(queue=2, batch=500, batch_queue=900),
            clock=utc_now,
        )
        service = Service(
            report_pb2.DESCRIPTOR.services_by_name["ReportService"],
            report_pb2_grpc.add_ReportServiceServicer_to_server,
            servicer,
        )
        address = await stack.enter_async_context(serve_in_process(service))
        client = await stack.enter_async_context(through_gateway(address, "operator", "admin"))
        workshop = generation.Workshop(
            stores, stubs.Leads(), objects, stubs.Renderer(), "cd" * 32, utc_now, captures=True
        )
        yield House(client, leads, workshop)
    await database.close()


async def test_a_full_queue_answers_429_and_says_when_to_come_again(house: House) -> None:
    for _ in range(2):
        await house.order()
    reply = await house.post("/api/reports", {"lead_id": str(uuid7())})
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) > 0
    assert reply.json()["error"]["details"][0]["reason"] == "REPORT_QUEUE_FULL"


async def test_an_idempotency_key_makes_one_report(house: House) -> None:
    body = {"lead_id": str(uuid7()), "assessment_data": {"note": "x"}}
    first = (await house.post("/api/reports", body, **{"idempotency-key": "k1"})).json()
    again = await house.post("/api/reports", body, **{"idempotency-key": "k1"})
    assert again.json() == first
    other = await house.post("/api/reports", {**body, "locale": "en-GB"}, **{"idempotency-key": "k1"})
    assert other.json()["error"]["details"][0]["reason"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_report_is_cancelled_made_again_and_watched_to_its_end(house: House) -> None:
    report = await house.order()
    cancelled = await house.post(f"/api/reports/{report['id']}:cancel")
    assert cancelled.json()["status"] == "CANCELLED"
    again = (await house.post(f"/api/reports/{report['id']}:retry")).json()
    assert (again["status"], again["retry_of"]) == ("QUEUED", report["id"])
    await house.make(again["id"])
    watched = await house.client.get(f"/api/reports/{again['id']}:watch")
    # Who names no form of a stream gets events.
    assert watched.headers["content-type"] == "text/event-stream"
    events = [line.removeprefix("data: ") for line in watched.text.splitlines() if line.startswith("data: ")]
    assert [json.loads(event)["status"] for event in events] == ["COMPLETED"]
    late = await house.post(f"/api/reports/{again['id']}:cancel")
    assert late.json()["error"]["details"][0]["reason"] == "REPORT_ENDED"


async def test_a_batch_comes_as_one_file_in_which_one_report_failed(house: House) -> None:
    leads = [str(uuid7()), str(GONE), str(uuid7())]
    batch = (await house.post("/api/reports:batch", {"lead_ids": leads})).json()
    assert (batch["size"], batch["queued"]) == (3, 3)
    assert (await house.client.get("/api/report-batches")).json()["report_batches"] == [batch]
    path = f"/api/report-batches/{batch['id']}"
    early = await house.client.get(f"{path}/zip")
    assert early.json()["error"]["details"][0]["reason"] == "BATCH_NOT_ENDED"
    listed = (await house.client.get("/api/reports", params={"batch_id": batch["id"]})).json()["reports"]
    house.workshop.leads.known = {UUID(leads[0]), UUID(leads[2])}  # type: ignore[attr-defined]
    for each in listed:
        await house.make(each["id"])
    done = (await house.client.get(path)).json()
    assert (done["completed"], done["failed"], done["progress"]) == (2, 1, 100)
    reply = await house.client.get(done["zip_url"])
    assert reply.headers["content-type"] == "application/zip"
    assert f"reports-{batch['id']}.zip" in reply.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.testzip() is None
        told = [each for each in manifest["reports"] if "file" in each]
        assert [payload.sha256(archive.read(each["file"])) for each in told] == [
            each["sha256"] for each in told
        ]
    assert [each["lead_id"] for each in manifest["reports"]] == leads
    assert [each["status"] for each in manifest["reports"]] == ["COMPLETED", "FAILED", "COMPLETED"]


async def test_a_batch_over_a_filter_reports_on_all_that_the_caller_may_see(house: House) -> None:
    batch = (await house.post("/api/reports:batch", {"filter": {"is_manual": False}})).json()
    assert batch["size"] == 450
    assert [(subject, request.page_size) for subject, request in house.leads.asked] == [("ada", 200)] * 3
    assert all(request.HasField("is_manual") for _, request in house.leads.asked)
    cancelled = (await house.post(f"/api/report-batches/{batch['id']}:cancel")).json()
    assert (cancelled["cancelled"], cancelled["progress"]) == (450, 100)
    empty = await house.post("/api/reports:batch", {"filter": {"q": "nobody"}})
    assert empty.json()["error"]["details"][0]["reason"] == "BATCH_EMPTY"


async def test_dead_letters_are_listed_redriven_and_discarded(house: House) -> None:
    report = await house.order()
    await house.make(report["id"])
    async with house.workshop.stores.read() as store:
        assert (await store.get(UUID(report["id"]))).status == "COMPLETED"
    assert (await house.client.get("/api/dead-letters")).json()["dead_letters"] == []
    nothing = await house.post("/api/dead-letters:redrive", {"reason": "mended"})
    assert nothing.json() == {"redriven": 0}
    unknown = await house.post(f"/api/dead-letters/{report['id']}:discard", {"reason": "a trial"})
    assert unknown.status_code == 404
