"""Promise: the processes keep all promises together, even when one is killed in the middle of its work.

The report service's own processes are real ones. Its neighbours run in the test's process behind
real gRPC: a lead service that knows every lead, and the real lineage service on its memory.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import psutil
import pytest

from lineage_service.domain import Limits
from lineage_service.memory import MemoryLineageStores
from lineage_service.servicer import LineageServicer
from protos.leadfactory.lead.v1 import lead_pb2, lead_pb2_grpc
from protos.leadfactory.lineage.v1 import lineage_pb2, lineage_pb2_grpc
from protos.leadfactory.report.v1 import report_pb2, report_pb2_grpc
from report_service import payload
from report_service.settings import ServerSettings, WorkerSettings
from services.clock import utc_now
from services.ids import uuid7
from services.server import Service
from services.settings import InvalidSettings
from services.telemetry import PROCESS_READY
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import Postgres, TestDatabase
from tests.fixtures.rpc import ServeInProcess
from tests.report_service.stubs import a_lead

LEAD = lead_pb2.DESCRIPTOR.services_by_name["LeadService"]
LINEAGE = lineage_pb2.DESCRIPTOR.services_by_name["LineageService"]


class Leads(lead_pb2_grpc.LeadServiceServicer):
    """Knows every lead."""

    async def GetLead(self, request: Any, context: Any) -> Any:
        return a_lead(request.id)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start(command: str, environment: dict[str, str], log: Path | None = None) -> Process:
    # A file, because a pipe that nobody reads stops the process once it is full.
    out = PIPE if log is None else log.open("ab")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "report_service", command),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=out,
        stderr=PIPE if log is None else STDOUT,
    )
    if not isinstance(out, int):
        out.close()
    return process


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 150) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  (what is waited for is in another process)
            await asyncio.sleep(0.05)


async def end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        assert await process.wait() == 0


class House:
    """The report service's processes, their neighbours and their database."""

    def __init__(
        self,
        environment: dict[str, str],
        database: TestDatabase,
        issuer: Issuer,
        serve_in_process: ServeInProcess,
        log: Path,
    ) -> None:
        self._log = log
        self.lineages = MemoryLineageStores()
        self.lineage_port = free_port()
        self.environment = {
            **environment,
            "LINEAGE_SERVICE_ADDRESS": f"127.0.0.1:{self.lineage_port}",
            "RENDER_WORKERS": "1",
        }
        self._database = database
        self._issuer = issuer
        self._serve_in_process = serve_in_process
        self.stub: Any = None

    def settings(self, process: str) -> dict[str, str]:
        return {**self.environment, "WORKLOAD_TOKEN_FILE": str(self._issuer.workload_file(process))}

    async def worker(self, **settings: str) -> Process:
        return await start("work", {**self.settings("report-worker"), **settings}, self._log)

    @asynccontextmanager
    async def lineage(self) -> AsyncIterator[None]:
        """Have the lineage service there for a while."""
        servicer = LineageServicer(self.lineages, limits=Limits(), clock=utc_now)
        service = Service(LINEAGE, lineage_pb2_grpc.add_LineageServiceServicer_to_server, servicer)
        async with self._serve_in_process(service, grpc_port=self.lineage_port):
            yield

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the lead service and the report service there."""
        service = Service(LEAD, lead_pb2_grpc.add_LeadServiceServicer_to_server, Leads())
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(self._serve_in_process(service))
            self.environment["LEAD_SERVICE_ADDRESS"] = address
            stack.push_async_callback(end, await start("serve", self.settings("report"), self._log))
            await until(self._is_serving)
            said = next(line for line in self.logs() if line["event"] == PROCESS_READY)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{said['port']}"))
            self.stub = report_pb2_grpc.ReportServiceStub(channel)
            yield

    def logs(self) -> list[dict[str, Any]]:
        """Return every whole line that a process has logged."""
        return [json.loads(line) for line in self._log.read_bytes().splitlines() if line.endswith(b"}")]

    async def _is_serving(self) -> bool:
        return any(line["event"] == PROCESS_READY for line in self.logs())

    @property
    def ada(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._issuer.person('ada', 'operator')}"),)

    async def generate(self) -> str:
        # Any will do; the newest takes three times as long.
        request = report_pb2.GenerateReportRequest(lead_id=str(uuid7()), template_version="1.0.0")
        return str((await self.stub.GenerateReport(request, metadata=self.ada)).id)

    async def get(self, report_id: str) -> report_pb2.Report:
        request = report_pb2.GetReportRequest(id=report_id)
        report: report_pb2.Report = await self.stub.GetReport(request, metadata=self.ada)
        return report

    async def until(
        self, report_id: str, condition: Callable[[report_pb2.Report], bool]
    ) -> report_pb2.Report:
        async def holds() -> bool:
            return condition(await self.get(report_id))

        await until(holds)
        return await self.get(report_id)

    async def any_is_rendering(self) -> bool:
        reports = await self.stub.ListReports(report_pb2.ListReportsRequest(), metadata=self.ada)
        return any(each.step == "render" for each in reports.reports)

    async def drop_connections(self) -> None:
        connection = await asyncpg.connect(self._database.superuser_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

    async def any_is_completed(self) -> bool:
        return (await self.count())["completed"] > 0

    async def count(self) -> dict[str, int]:
        connection = await asyncpg.connect(self._database.superuser_url)
        row = await connection.fetchrow(
            "SELECT count(*) FILTER (WHERE status = 'COMPLETED') completed,"
            " count(*) FILTER (WHERE lineage_status = 'RECORDED') recorded,"
            " (SELECT count(*) FROM lineage_outbox) waiting FROM reports"
        )
        await connection.close()
        return dict(row)


@pytest.fixture
def house(
    report_database: TestDatabase, issuer: Issuer, serve_in_process: ServeInProcess, tmp_path: Path
) -> House:
    environment = {
        **{name.upper(): str(value) for name, value in issuer.settings().items() if value},
        "REPORT_DATABASE_URL": report_database.url,
        "OBJECTS_URL": f"file://{tmp_path}/objects",
    }
    return House(environment, report_database, issuer, serve_in_process, tmp_path / "log")


def is_recorded(report: report_pb2.Report) -> bool:
    return report.lineage_status == report_pb2.Report.RECORDED


def is_completed(report: report_pb2.Report) -> bool:
    assert report.status != report_pb2.Report.FAILED, report.error
    return report.status == report_pb2.Report.COMPLETED


async def test_a_report_is_made_downloaded_and_recorded(house: House) -> None:
    async with house.open(), house.lineage():
        worker = await house.worker()
        report = await house.until(await house.generate(), is_recorded)
        request = report_pb2.DownloadReportRequest(id=report.id)
        bodies = [each async for each in house.stub.DownloadReport(request, metadata=house.ada)]
        pdf = b"".join(each.data for each in bodies)
        await end(worker)
    assert bodies[0].content_type == "application/pdf"
    assert payload.sha256(pdf) == report.pdf_sha256
    assert len(pdf) == report.pdf_size_bytes
    assert report.page_count >= 2
    (lineage,) = house.lineages.kept.lineages.values()
    assert str(lineage.facts.report_id) == report.id
    assert lineage.facts.pdf_sha256.hex() == report.pdf_sha256
    assert lineage.facts.created_by == "ada"


async def test_without_the_lineage_service_reports_complete_and_their_lineage_arrives_later(
    house: House,
) -> None:
    async with house.open():
        worker = await house.worker()
        ids = [await house.generate() for _ in range(3)]
        for each in ids:
            report = await house.until(each, is_completed)
            assert report.lineage_status == report_pb2.Report.PENDING
        assert await house.count() == {"completed": 3, "recorded": 0, "waiting": 3}
        async with house.lineage():
            for each in ids:
                await house.until(each, is_recorded)
        await end(worker)
    assert await house.count() == {"completed": 3, "recorded": 3, "waiting": 0}
    assert len(house.lineages.kept.lineages) == 3


async def test_with_capturing_off_reports_say_so_and_on_again_nothing_was_lost(house: House) -> None:
    async with house.open(), house.lineage():
        worker = await house.worker(ENABLE_REPORT_LINEAGE="false")
        off = await house.until(await house.generate(), is_completed)
        await end(worker)
        worker = await house.worker()
        on = await house.until(await house.generate(), is_recorded)
        await end(worker)
        assert (await house.get(off.id)).lineage_status == report_pb2.Report.DISABLED
    assert [str(each.facts.report_id) for each in house.lineages.kept.lineages.values()] == [on.id]


async def test_a_worker_killed_in_the_middle_leaves_no_report_unfinished(house: House) -> None:
    async with house.open(), house.lineage():
        ids = [await house.generate() for _ in range(3)]
        for moment in (house.any_is_rendering, house.any_is_completed):
            worker = await house.worker()
            await until(moment)
            children = psutil.Process(worker.pid).children(recursive=True)
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
            gone, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
            assert not alive, "render processes outlive their worker"
            assert len(gone) >= 1
        worker = await house.worker()
        for each in ids:
            await house.until(each, is_completed)
            await house.until(each, is_recorded)
        await end(worker)
    assert await house.count() == {"completed": 3, "recorded": 3, "waiting": 0}
    assert sorted(str(each.facts.report_id) for each in house.lineages.kept.lineages.values()) == sorted(ids)


async def test_a_database_that_drops_every_connection_only_delays_reports(house: House) -> None:
    async with house.open(), house.lineage():
        worker = await house.worker()
        ids = [await house.generate() for _ in range(3)]
        await until(house.any_is_rendering)
        for _ in range(3):
            await house.drop_connections()
            await asyncio.sleep(0.3)
        for each in ids:
            await house.until(each, is_recorded)
        await end(worker)
    assert await house.count() == {"completed": 3, "recorded": 3, "waiting": 0}
    assert len(house.lineages.kept.lineages) == 3


@pytest.fixture
def unmigrated(postgres: Postgres) -> Iterator[TestDatabase]:
    made = postgres.empty("report")
    yield made
    postgres.drop(made)


async def test_a_database_is_migrated_by_its_owner(unmigrated: TestDatabase) -> None:
    migrated = await start("migrate", {"REPORT_MIGRATION_DATABASE_URL": unmigrated.owner_url})
    _, errors = await migrated.communicate()
    assert migrated.returncode == 0, errors.decode()
    connection = await asyncpg.connect(unmigrated.url)
    assert await connection.fetchval("SELECT count(*) FROM reports") == 0
    await connection.close()


async def test_missing_settings_are_named_a_line_each() -> None:
    process = await start("work", {})
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert [line.split(":")[0] for line in errors.decode().splitlines()] == [
        "REPORT_DATABASE_URL",
        "LEAD_SERVICE_ADDRESS",
        "OBJECTS_URL",
        "LINEAGE_SERVICE_ADDRESS",
    ]


async def test_an_unknown_command_is_told_the_known_ones() -> None:
    process = await start("dance", {})
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"serve | work | migrate" in errors


def test_settings_have_safe_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REPORT_DATABASE_URL", "LEAD_SERVICE_ADDRESS", "OBJECTS_URL", "LINEAGE_SERVICE_ADDRESS"):
        monkeypatch.setenv(name, "x")
    assert WorkerSettings.load().enable_report_lineage is True
    assert WorkerSettings.load().render_workers == (os.cpu_count() or 1)
    monkeypatch.setenv("RENDER_WORKERS", "0")
    with pytest.raises(InvalidSettings, match="RENDER_WORKERS"):
        WorkerSettings.load()
    assert ServerSettings.load().report_queue_limit == 1000
