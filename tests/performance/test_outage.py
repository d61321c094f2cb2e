"""How long after its return the lineage service has everything that was captured while it was out."""

import asyncio
import os
import socket
import time

from lineage_service.domain import Limits
from lineage_service.memory import MemoryLineageStores
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from report_service import payload
from report_service.domain import ReportStores
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LineagePeer
from report_service.relay import Relay
from report_service.rendering import bundles
from report_service.repository import PostgresReportStore
from report_service.session import ReportSession
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.server import Service
from services.settings import ServiceSettings
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.performance.conftest import Note
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "10"))
REPORTS_PER_SECOND = 5


async def completed(stores: ReportStores, inputs: bytes) -> None:
    report = a_report()
    async with stores.write() as store:
        await store.add(report, None)
        await store.claim(report.id, NOON)
    async with stores.write() as store:
        assert await store.complete(report.id, 1, a_pdf(), a_capture(inputs), NOON)


async def test_the_backlog_of_an_outage(
    report_database: TestDatabase, serve_in_process: ServeInProcess, issuer: Issuer, note: Note
) -> None:
    sample = (bundles.find("website_audit").path / "sample.json").read_bytes()
    inputs = payload.canonical(payload.parse(sample))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = Database(report_database.url, name="test", session_class=ReportSession)
    reports, outbox = UnitsOfWork(database, PostgresReportStore), UnitsOfWork(database, PostgresOutboxStore)
    channel = open_channel(f"127.0.0.1:{port}", ServiceSettings(**issuer.settings("report-worker")))
    relay, stop = Relay(outbox, LineagePeer(channel)), asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < OUTAGE_SECONDS:
        await completed(reports, inputs)
        relay.wake()
        count += 1
        await asyncio.sleep(max(0.0, count / REPORTS_PER_SECOND - (time.perf_counter() - began)))
    stores = MemoryLineageStores()
    service = Service(
        lineage_pb2.DESCRIPTOR.services_by_name["LineageService"],
        lineage_pb2_grpc.add_LineageServiceServicer_to_server,
        LineageServicer(stores, limits=Limits(), clock=utc_now),
    )
    async with serve_in_process(service, grpc_port=port):
        back = time.perf_counter()
        while len(stores.kept.lineages) < count:
            await asyncio.sleep(0.05)
            assert time.perf_counter() - back < 60
        taken = time.perf_counter() - back
        stop.set()
        await running
    await channel.close()
    await database.close()
    note(f"lineage out for {OUTAGE_SECONDS:g} s: {count} captures delivered after its return in", taken, "s")
