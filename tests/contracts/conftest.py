"""What several contracts are tried on: stores that keep the same promises, and an estate of services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lead_service.domain import LeadStores
from lead_service.memory import MemoryLeadStores
from lead_service.repository import PostgresLeadStore
from services.database import Database, UnitsOfWork
from services.identity import Actor, acting_as
from tests.contracts.estate import Estate
from tests.fixtures.identity import Issuer
from tests.fixtures.postgres import TestDatabase
from tests.fixtures.rpc import ServeInProcess


@pytest.fixture(params=["postgres", "memory"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("lead_database").url if request.param == "postgres" else None


@pytest.fixture
async def stores(database_url: str | None) -> AsyncIterator[LeadStores]:
    if database_url is None:
        yield MemoryLeadStores()
        return
    database = Database(database_url, name="test", pool_size=64)
    with acting_as(Actor("ada")):
        yield UnitsOfWork(database, PostgresLeadStore)
    await database.close()


@pytest.fixture
async def estate(
    report_database: TestDatabase,
    lineage_database: TestDatabase,
    serve_in_process: ServeInProcess,
    issuer: Issuer,
    tmp_path: Path,
) -> AsyncIterator[Estate]:
    """The report context over real neighbours."""
    made = Estate(issuer, report_database, lineage_database, tmp_path)
    async with made.opened(serve_in_process) as running:
        yield running
