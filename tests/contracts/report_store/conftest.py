"""The stores of reports and of their outbox, on PostgreSQL and in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from report_service.deliveries import Capture, OutboxStores
from report_service.domain import Pdf, Report, ReportStores
from report_service.memory import Memory
from report_service.outbox import PostgresOutboxStore
from report_service.repository import PostgresReportStore
from report_service.session import ReportSession
from services.database import Database, UnitsOfWork
from tests.report_service.builders import NOON, a_capture, a_pdf, a_report

LATER = NOON + timedelta(hours=1)
LEASE = timedelta(seconds=30)


@dataclass
class Stores:
    """Both stores of one context, and how to lose its jobs."""

    reports: ReportStores
    outbox: OutboxStores
    memory: Memory | None
    superuser_url: str

    async def jobs(self) -> list[UUID]:
        """Return the reports that a job stands for."""
        if self.memory:
            return list(self.memory.jobs)
        connection = await asyncpg.connect(self.superuser_url)
        found = await connection.fetch("SELECT payload FROM pgqueuer")
        await connection.close()
        return [UUID(row["payload"].decode()) for row in found]

    async def lose_jobs(self) -> None:
        if self.memory:
            self.memory.jobs.clear()
            return
        connection = await asyncpg.connect(self.superuser_url)
        await connection.execute("DELETE FROM pgqueuer")
        await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    if request.param == "memory":
        return "", ""
    database = request.getfixturevalue("report_database")
    return database.url, database.superuser_url


@pytest.fixture
async def stores(urls: tuple[str, str]) -> AsyncIterator[Stores]:
    url, superuser_url = urls
    if not url:
        memory = Memory()
        yield Stores(memory.reports_stores(), memory.outbox_stores(), memory, "")
        return
    database = Database(url, name="test", session_class=ReportSession)
    yield Stores(
        UnitsOfWork(database, PostgresReportStore),
        UnitsOfWork(database, PostgresOutboxStore),
        None,
        superuser_url,
    )
    await database.close()


async def add(stores: Stores, report: Report, assessment_data: bytes | None = None) -> Report:
    async with stores.reports.write() as store:
        await store.add(report, assessment_data)
    return report


async def get(stores: Stores, report: Report) -> Report:
    async with stores.reports.read() as store:
        return await store.get(report.id)


async def claim(stores: Stores, report: Report) -> int:
    async with stores.reports.write() as store:
        assignment = await store.claim(report.id, LATER)
    assert assignment is not None
    return assignment.report.attempts


async def complete(
    stores: Stores, report: Report, attempt: int, capture: Capture | None, pdf: Pdf | None = None
) -> bool:
    async with stores.reports.write() as store:
        return await store.complete(report.id, attempt, pdf or a_pdf(), capture, LATER)


async def completed(stores: Stores, capture: Capture | None = None) -> Report:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    assert await complete(stores, report, attempt, capture or a_capture())
    return report


async def failed(stores: Stores) -> Report:
    report = await add(stores, a_report())
    attempt = await claim(stores, report)
    async with stores.reports.write() as store:
        assert await store.fail(report.id, attempt, "The lead is gone.", a_capture(), LATER)
    return report
