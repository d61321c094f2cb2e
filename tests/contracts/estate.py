"""The whole of the report context over real neighbours: gateway, PostgreSQL, lineage, objects, renderer.

Only the lead service is played. Reports are made in the test's own process, one step at a time.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import httpx

from gateway import app, backends, contract
from gateway.settings import GatewaySettings
from lineage_service.domain import Limits as LineageLimits
from lineage_service.repository import PostgresLineageStore
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from protos.leadfactory.report.v1 import assurance_pb2, assurance_pb2_grpc, report_pb2, report_pb2_grpc
from report_service import generation, payload
from report_service.assurance.domain import Environment
from report_service.assurance.repository import PostgresAssuranceStore
from report_service.assurance.reproduction import Workbench
from report_service.assurance.runs import Runs
from report_service.assurance.servicer import AssuranceServicer
from report_service.batch_repository import PostgresBatchStore
from report_service.domain import Pdf
from report_service.library.repository import PostgresTemplateStore
from report_service.library.shelf import Shelf
from report_service.objects import StoredObjects
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer, LineagePeer
from report_service.redaction import Redaction
from report_service.relay import ACTOR, Relay
from report_service.rendering import environment
from report_service.rendering.standby import StandbyPool
from report_service.servicer import Limits, ReportServicer
from report_service.session import ReportSession
from services import identity, jobs
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.ids import uuid7
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.report_service import stubs
from tests.report_service.builders import NOON, a_capture

HERE = Environment(environment.digest(), environment.describe())


@dataclass
class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Knows every lead that was not erased."""

    erasures: list[lead_pb2.Erasure] = field(default_factory=list)

    def erase(self, lead_id: str) -> None:
        erasure = lead_pb2.Erasure(number=len(self.erasures) + 1, lead_id=lead_id, erased_by="grace")
        erasure.erased_at.GetCurrentTime()
        self.erasures.append(erasure)

    async def GetLead(self, request: Any, context: Any) -> Any:
        if any(each.lead_id == request.id for each in self.erasures):
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no lead.")
        return stubs.a_lead(request.id)

    async def ListErasures(self, request: Any, context: Any) -> Any:
        found = [each for each in self.erasures if each.number > request.after]
        return lead_pb2.ListErasuresResponse(erasures=found[: request.page_size or 50])


class Estate:
    """All of it, and how a test moves it."""

    def __init__(self, issuer: Issuer, report: TestDatabase, lineage: TestDatabase, folder: Path) -> None:
        self._issuer = issuer
        self._databases = {"report": report, "lineage": lineage}
        self._client: httpx.AsyncClient
        self.folder = folder / "objects"
        self.leads = Leads()
        self.database = Database(report.url, name="test", session_class=ReportSession)
        self.stores = UnitsOfWork(self.database, PostgresBatchStore)
        self.outbox = UnitsOfWork(self.database, PostgresOutboxStore)
        self.assurances = UnitsOfWork(self.database, PostgresAssuranceStore)
        self.objects = StoredObjects(self.folder.as_uri())
        self.shelf = Shelf(UnitsOfWork(self.database, PostgresTemplateStore), self.objects)
        self.press = StandbyPool(8, what="reports", reason="REPRODUCTIONS_BUSY")
        self.workshop: generation.Workshop
        self.runs: Runs
        self.worker_lineages: LineagePeer
        self.worker_leads: LeadPeer

    @asynccontextmanager
    async def opened(self, serve: ServeInProcess, *, here: Environment = HERE) -> AsyncIterator["Estate"]:
        """Have everything run."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.callback(self.shelf.close)
            stack.push_async_callback(self.press.close)
            lineage_database = Database(self._databases["lineage"].url, name="lineage-test")
            stack.push_async_callback(lineage_database.close)
            lineages = UnitsOfWork(lineage_database, PostgresLineageStore)
            lineage_address = await stack.enter_async_context(
                serve(
                    Service(
                        lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
                        lineage_pb2_grpc.add_LineageServiceServicer_to_server,
                        LineageServicer(lineages, limits=LineageLimits(), clock=utc_now),
                    )
                )
            )
            lead_address = await stack.enter_async_context(
                serve(
                    Service(
                        lead_pb2.DESCRIPTOR.services_by_name["LeadService"],
                        lead_pb2_grpc.add_LeadServiceServicer_to_server,
                        self.leads,
                    )
                )
            )

            def channel(address: str, process: str) -> grpc.aio.Channel:
                opened = open_channel(address, ServiceSettings(**self._issuer.settings(process)))
                stack.push_async_callback(opened.close)
                return opened

            self.worker_lineages = LineagePeer(channel(lineage_address, "report-worker"))
            self.worker_leads = LeadPeer(channel(lead_address, "report-worker"))
            lineage = LineagePeer(channel(lineage_address, "report"))
            self.workshop = generation.Workshop(
                stores=self.stores,
                leads=self.worker_leads,
                objects=self.objects,
                renderer=self.press,
                environment_digest=HERE.digest,
                clock=utc_now,
                templates=self.shelf,
            )
            bench = Workbench(
                reports=self.stores,
                assurances=self.assurances,
                lineages=lineage,
                objects=self.objects,
                shelf=self.shelf,
                turns=self.press,
                environment=here,
            )
            self.runs = Runs(bench)
            stack.push_async_callback(self.runs.close)
            reports = ReportServicer(
                self.stores,
                self.outbox,
                LeadPeer(channel(lead_address, "report")),
                self.objects,
                lineage,
                redaction=Redaction(),
                limits=Limits(queue=20, batch=20, batch_queue=100),
                clock=utc_now,
                templates=self.shelf,
            )
            report_address = await stack.enter_async_context(
                serve(
                    Service(
                        report_pb2.DESCRIPTOR.services_by_name["ReportService"],
                        report_pb2_grpc.add_ReportServiceServicer_to_server,
                        reports,
                    ),
                    Service(
                        assurance_pb2.DESCRIPTOR.services_by_name["AssuranceService"],
                        assurance_pb2_grpc.add_AssuranceServiceServicer_to_server,
                        AssuranceServicer(self.runs, lineage, utc_now),
                    ),
                )
            )
            settings = GatewaySettings(
                **{
                    **self._issuer.settings("gateway"),
                    "lead_service_address": lead_address,
                    "report_service_address": report_address,
                    "lineage_service_address": lineage_address,
                    "login_directory": self.folder.parent,
                }
            )
            channels = await stack.enter_async_context(backends.connect(settings, contract.image()))
            transport = httpx.ASGITransport(app=app.create(settings, channels, self.folder.parent))
            self._client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", timeout=60)
            )
            yield self

    async def call(
        self, method: str, path: str, body: Any = None, role: str = "operator", subject: str = "ada"
    ) -> httpx.Response:
        """Ask the gateway as a person."""
        headers = {"authorization": f"Bearer {self._issuer.person(subject, role)}"}
        return await self._client.request(method, path, json=body, headers=headers)

    async def got(self, method: str, path: str, body: Any = None, role: str = "operator") -> dict[str, Any]:
        """Ask, and expect an answer."""
        reply = await self.call(method, path, body, role)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    async def ordered(self, lead_id: str = "", **request: Any) -> str:
        """Order a report, a short one unless told otherwise; return its id."""
        body = {"lead_id": lead_id or str(uuid7()), "template_version": "1.0.0", **request}
        return str((await self.got("POST", "/api/reports", body))["id"])

    async def make(self, report_id: str, *, captures: bool = True) -> None:
        """Do what a worker does with a report's job."""
        await generation.generate(
            replace(self.workshop, captures=captures), jobs.Job("1", report_id.encode(), 0)
        )

    async def deliver(self) -> None:
        """Do what a worker does with the outbox."""
        relay = Relay(self.outbox, self.worker_lineages)
        with identity.acting_as(ACTOR):
            while await relay.start_due():
                await relay.idle()

    async def made(self, lead_id: str = "", **request: Any) -> str:
        """Return a report that was made and whose lineage is recorded."""
        report_id = await self.ordered(lead_id, **request)
        await self.make(report_id)
        await self.deliver()
        return report_id

    async def completed(
        self, lead_id: str = "", *, captures: bool = True, delivers: bool = True, **request: Any
    ) -> str:
        """Return a report that was completed with some PDF and some inputs, at once."""
        report_id = UUID(await self.ordered(lead_id, **request))
        pdf = b"%PDF-1.7 " + report_id.bytes
        inputs = payload.canonical({"report": str(report_id)})
        async with self.stores.write() as store:
            assert await store.claim(report_id, NOON)
            key = await self.objects.put(pdf, payload.sha256(pdf))
            kept = Pdf(payload.sha256(pdf), len(pdf), 1, key)
            capture = a_capture(inputs) if captures else None
            assert await store.complete(report_id, 1, kept, capture, NOON)
        if delivers:
            await self.deliver()
        return str(report_id)

    async def sql(self, context: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Say something to a database as its superuser, whom no trigger stops."""
        connection = await asyncpg.connect(self._databases[context].superuser_url)
        try:
            await connection.execute("SET session_replication_role = replica")
            if context == "lineage":  # whose triggers stop this role, too
                await connection.execute("ALTER TABLE lineage_records DISABLE TRIGGER ALL")
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            if context == "lineage":
                await connection.execute("ALTER TABLE lineage_records ENABLE TRIGGER ALL")
            return rows
        finally:
            await connection.close()

    async def object_of(self, report_id: str) -> Path:
        """Return the file that holds a report's PDF."""
        async with self.stores.read() as store:
            report = await store.get(UUID(report_id))
        assert report.pdf is not None
        return self.folder / report.pdf.object_key


def error(reply: httpx.Response) -> dict[str, Any]:
    """Return an error with the reason that its details name."""
    told: dict[str, Any] = reply.json()["error"]
    (info,) = [each for each in told["details"] if each["@type"].endswith("ErrorInfo")]
    delays = [each["retry_delay"] for each in told["details"] if each["@type"].endswith("RetryInfo")]
    return {**told, "http": reply.status_code, "reason": info["reason"], "retry": delays}
