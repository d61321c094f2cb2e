"""Promise: over real gRPC, PostgreSQL and workers a quick-added lead ends enriched, whatever is killed.

The worker is a process of its own here, as in production, so that it can be killed as one.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import grpc
import pytest

from lead_service.repository import PostgresLeadStore
from lead_service.server import records
from lead_service.servicer import LeadServicer
from protos.leadfactory.lead.v1 import lead_pb2 as pb
from protos.leadfactory.lead.v1 import lead_pb2_grpc
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.server import Service
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.site import Site

ROOT = Path(__file__).parents[2]
STATUS = pb.Lead.EnrichmentStatus
Stub = lead_pb2_grpc.LeadServiceStub
StartWorker = Callable[[], Awaitable[asyncio.subprocess.Process]]


@asynccontextmanager
async def serving(
    serve_in_process: ServeInProcess, issuer: Issuer, database: TestDatabase, *roles: str
) -> AsyncIterator[tuple[Stub, list[tuple[str, str]]]]:
    connections = Database(database.url, name="lead")
    servicer = LeadServicer(UnitsOfWork(connections, PostgresLeadStore), utc_now, records(connections))
    service = Service(
        pb.DESCRIPTOR.services_by_name["LeadService"],
        lead_pb2_grpc.add_LeadServiceServicer_to_server,
        servicer,
    )
    async with serve_in_process(service) as address, grpc.aio.insecure_channel(address) as channel:
        yield (
            lead_pb2_grpc.LeadServiceStub(channel),
            [("authorization", f"Bearer {issuer.person('ada', *roles)}")],
        )
    await connections.close()


@pytest.fixture
async def start_worker(
    lead_database: TestDatabase, site: Site, tmp_path: Path, signing_key_file: Path
) -> AsyncIterator[StartWorker]:
    started: list[asyncio.subprocess.Process] = []

    async def start() -> asyncio.subprocess.Process:
        log = (tmp_path / f"worker-{len(started)}.log").open("wb")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "lead_service", "work"),
            cwd=ROOT,
            env={
                **os.environ,
                **site.settings,
                "LEAD_DATABASE_URL": lead_database.url,
                "ENRICHMENT_DNS_SECONDS": "1",
                "EVIDENCE_SIGNING_KEY_FILE": str(signing_key_file),
            },
            stdout=log,
            stderr=log,
        )
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(
    leads: Stub, metadata: list[tuple[str, str]], lead_id: str, *wanted: "STATUS.ValueType"
) -> pb.Lead:
    async with asyncio.timeout(60):
        while True:
            lead = await leads.GetLead(pb.GetLeadRequest(id=lead_id), metadata=metadata)
            if lead.enrichment_status in wanted:
                return lead
            await asyncio.sleep(0.05)


async def test_a_quick_added_lead_ends_completed_with_facts_of_the_real_site(
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    lead_database: TestDatabase,
    site: Site,
    start_worker: StartWorker,
) -> None:
    worker = await start_worker()
    async with serving(serve_in_process, issuer, lead_database, "operator") as (leads, ada):
        added = await leads.QuickAddLead(
            pb.QuickAddLeadRequest(email="ada@example.com", domain=site.domain), metadata=ada
        )
        assert added.enrichment_status == STATUS.PENDING
        assert added.enrichment_task_id
        lead = await until(leads, ada, added.id, STATUS.COMPLETED, STATUS.FAILED)
        assert lead.enrichment_error == ""
        assert lead.enrichment_status == STATUS.COMPLETED
        facts = {f"{fact.provider}.{fact.name}": fact for fact in lead.facts}
        assert list(facts) == sorted(facts)
        assert list(facts["dns.a"].values) == ["127.0.0.1"]
        assert list(facts["homepage.status"].values) == ["200"]
        assert list(facts["tls.certificate.validity"].values) == ["valid"]
        assert facts["homepage.title"].state == pb.Fact.FOUND
        assert lead.enriched_at.ToDatetime() >= facts["dns.a"].observed_at.ToDatetime()
        listed = await leads.ListLeads(pb.ListLeadsRequest(), metadata=ada)
        assert [each.id for each in listed.leads] == [added.id]
        assert not listed.leads[0].facts
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.wait(), 20) == 0


async def test_an_unreachable_domain_ends_completed_and_says_so(
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    lead_database: TestDatabase,
    site: Site,
    start_worker: StartWorker,
) -> None:
    await start_worker()
    async with serving(serve_in_process, issuer, lead_database, "operator") as (leads, ada):
        added = await leads.QuickAddLead(
            pb.QuickAddLeadRequest(email=f"ada@{site.host('silent')}"), metadata=ada
        )
        lead = await until(leads, ada, added.id, STATUS.COMPLETED, STATUS.FAILED)
        assert lead.enrichment_status == STATUS.COMPLETED
        # Of its own e-mail address, what can be read is known without asking anybody.
        asked = [fact for fact in lead.facts if fact.provider != "address" or fact.name == "deliverable"]
        assert {fact.state for fact in asked} == {pb.Fact.UNREACHABLE}


async def test_a_killed_workers_look_up_is_carried_to_its_end_by_the_next(
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    lead_database: TestDatabase,
    site: Site,
    start_worker: StartWorker,
) -> None:
    doomed = await start_worker()
    async with serving(serve_in_process, issuer, lead_database, "operator") as (leads, ada):
        # A server that keeps silent gives time to strike in the middle of the look-up.
        added = await leads.QuickAddLead(
            pb.QuickAddLeadRequest(email="ada@example.com", domain=site.host("silence")), metadata=ada
        )
        await until(leads, ada, added.id, STATUS.IN_PROGRESS)
        doomed.kill()
        await doomed.wait()
        await start_worker()
        lead = await until(leads, ada, added.id, STATUS.COMPLETED, STATUS.FAILED)
        assert lead.enrichment_status == STATUS.COMPLETED
        states = {f"{fact.provider}.{fact.name}": fact.state for fact in lead.facts}
        assert states["dns.a"] == pb.Fact.FOUND
        assert states["homepage.status"] == pb.Fact.UNREACHABLE
    assert await attempts(lead_database, added.id) == 2


async def test_a_look_up_whose_job_is_lost_gets_another_one(
    serve_in_process: ServeInProcess, issuer: Issuer, lead_database: TestDatabase, start_worker: StartWorker
) -> None:
    async with serving(serve_in_process, issuer, lead_database, "operator") as (leads, ada):
        added = await leads.QuickAddLead(pb.QuickAddLeadRequest(email="ada@example.com"), metadata=ada)
        connection = await asyncpg.connect(lead_database.superuser_url)
        await connection.execute("DELETE FROM pgqueuer")
        await connection.close()
        await start_worker()
        lead = await until(leads, ada, added.id, STATUS.COMPLETED, STATUS.FAILED)
        assert lead.enrichment_status == STATUS.COMPLETED
        assert lead.enrichment_task_id != added.enrichment_task_id


async def test_a_server_that_stops_ends_its_watches_at_once_and_in_order(
    issuer: Issuer, lead_database: TestDatabase
) -> None:
    settings = {name.upper(): str(value) for name, value in issuer.settings("lead").items()}
    # Longer than this test may take: nobody is waited for.
    settings |= {"LEAD_DATABASE_URL": lead_database.url, "DRAIN_SECONDS": "600"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lead_service", "serve"),
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        while (line := json.loads(await process.stdout.readline()))["event"] != "process.ready":
            pass
        async with grpc.aio.insecure_channel(f"127.0.0.1:{line['port']}") as channel:
            metadata = [("authorization", f"Bearer {issuer.person('ada', 'viewer')}")]
            stub = lead_pb2_grpc.LeadServiceStub(channel)
            while True:
                watch = stub.WatchLeads(pb.WatchLeadsRequest(), metadata=metadata)
                try:
                    await watch.read()
                    break
                except grpc.aio.AioRpcError as error:
                    # It listens before it has read the database for the first time.
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
            process.send_signal(signal.SIGTERM)
            assert await watch.read() is grpc.aio.EOF
            assert await watch.code() is grpc.StatusCode.OK
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_viewer_reads_leads_and_writes_none(
    serve_in_process: ServeInProcess, issuer: Issuer, lead_database: TestDatabase
) -> None:
    async with serving(serve_in_process, issuer, lead_database, "viewer") as (leads, viewer):
        await leads.ListLeads(pb.ListLeadsRequest(), metadata=viewer)
        for call, request in (
            (leads.QuickAddLead, pb.QuickAddLeadRequest(email="ada@example.com")),
            (leads.CreateLead, pb.CreateLeadRequest(email="ada@example.com")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as denied:
                await call(request, metadata=viewer)
            assert denied.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def attempts(database: TestDatabase, lead_id: str) -> int:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        return int(await connection.fetchval("SELECT enrichment_attempts FROM leads WHERE id = $1", lead_id))
    finally:
        await connection.close()
