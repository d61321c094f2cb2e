"""Stores of the report context on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from report_service.deliveries import OutboxStores
from report_service.domain import ReportStores
from report_service.outbox import PostgresOutboxStore
from report_service.repository import PostgresReportStore
from report_service.session import ReportSession
from services.database import Database, UnitsOfWork
from tests.fixtures.postgres import TestDatabase


@pytest.fixture
async def database(report_database: TestDatabase) -> AsyncIterator[Database]:
    """The report database, as the application sees it."""
    opened = Database(report_database.url, name="test", session_class=ReportSession)
    yield opened
    await opened.close()


@pytest.fixture
def report_stores(database: Database) -> ReportStores:
    """Units of work on reports."""
    return UnitsOfWork(database, PostgresReportStore)


@pytest.fixture
def outbox_stores(database: Database) -> OutboxStores:
    """Units of work on the outbox."""
    return UnitsOfWork(database, PostgresOutboxStore)
